import { type FromStore, type StoreReady, type ToStore } from './messages.js';
import { ResultsStore, StoreError } from './results-store.js';

/* A process of its own for the rows of one aggregation and what is computed over them, so that it can be ended. */

const store = await ResultsStore.open(Number(process.argv[2]));
const milliseconds = Number(process.argv[3]);

function answer(message: ToStore): FromStore {
  switch (message.t) {
    case 'check':
      return { t: 'checked', columns: store.check(message.sql, milliseconds) };
    case 'add':
      store.add(message.added, message.places, message.rows, message.host);
      return { t: 'added' };
    case 'evaluate':
      return { t: 'result', ...store.evaluate(milliseconds, message.rows) };
  }
}

function failure(error: unknown): FromStore {
  // What the package throws when there is no memory for what goes into SQLite.
  if (error instanceof Error && error.name === 'WasmAllocError')
    return { t: 'failed', kind: 'memory', message: 'killed: memory' };
  const kind = error instanceof StoreError ? error.kind : 'error';
  return { t: 'failed', kind, message: error instanceof Error ? error.message : String(error) };
}

process.on('message', (message: ToStore) => {
  let said: FromStore;
  try {
    said = answer(message);
  } catch (error) {
    said = failure(error);
  }
  process.send?.(said);
});
// Without its server there is nobody to answer.
process.on('disconnect', () => process.exit(0));
process.send?.({ t: 'ready' } satisfies StoreReady);
