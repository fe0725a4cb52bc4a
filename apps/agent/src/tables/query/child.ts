import { QueryEngine, QueryError } from '../engine/engine.js';
import { TABLES } from '../registry.js';
import { type FromChild, type ToChild } from './messages.js';

/*
 * A process of its own for queries, so that whatever a query does can be ended by ending it. One query at a time; rows leave in
 * chunks, and the next chunk is computed when the last one has been taken.
 */

const CHUNK_ROWS = 500;
const CHUNK_BYTES = 256 * 1024;

let taken: () => void = () => undefined;

function say(message: FromChild): void {
  process.send?.(message);
}

async function answer(engine: QueryEngine, { sql, limits }: Extract<ToChild, { t: 'query' }>): Promise<void> {
  const { columns, rows } = engine.prepare(sql, limits);
  say({ t: 'columns', columns });
  let chunk: (string | null)[][] = [];
  let bytes = 0;
  for (const row of rows) {
    chunk.push(row);
    for (const value of row) bytes += (value?.length ?? 0) + 8;
    if (chunk.length < CHUNK_ROWS && bytes < CHUNK_BYTES) continue;
    const waiting = new Promise<void>((resolve) => (taken = resolve));
    say({ t: 'rows', rows: chunk });
    chunk = [];
    bytes = 0;
    await waiting;
  }
  if (chunk.length > 0) {
    const waiting = new Promise<void>((resolve) => (taken = resolve));
    say({ t: 'rows', rows: chunk });
    await waiting;
  }
  say({ t: 'end', warnings: engine.lastWarnings });
}

function failure(error: unknown, engine: QueryEngine): FromChild {
  const kind = error instanceof QueryError ? error.kind : 'error';
  const message = error instanceof Error ? error.message : String(error);
  return { t: 'failed', kind, message, warnings: engine.lastWarnings };
}

const engine = await QueryEngine.open(TABLES, { memoryBytes: Number(process.argv[2]) });
process.on('message', (message: ToChild) => {
  if (message.t === 'more') taken();
  else answer(engine, message).catch((error: unknown) => say(failure(error, engine)));
});
// Without its agent there is nobody to answer.
process.on('disconnect', () => process.exit(0));
say({ t: 'ready' });
