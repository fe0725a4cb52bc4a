import { QueryEngine, QueryError } from '../engine/engine.js';
import { TABLES } from '../registry.js';
import { CHUNKS_AHEAD, type ChildUsage, type FromChild, type ToChild } from './messages.js';
import { rowTooLarge } from './query.js';

/*
 * A process of its own for queries, so that whatever a query does can be ended by ending it. One query at a time; rows leave in
 * chunks, of which few are ahead of what has been taken.
 */

type Query = Extract<ToChild, { t: 'query' }>;

/** Small: while the agent takes one, the next is computed. */
const CHUNK_ROWS = 100;
const CHUNK_BYTES = 64 * 1024;

let ahead = 0;
let taken: () => void = () => undefined;

function say(message: FromChild): void {
  process.send?.(message);
}

/** Hands rows over, and waits while too many have not been taken: that time is not the query's. */
async function hand(engine: QueryEngine, rows: (string | null)[][]): Promise<void> {
  say({ t: 'rows', rows });
  ahead += 1;
  if (ahead < CHUNKS_AHEAD) return;
  const begun = performance.now();
  await new Promise<void>((resolve) => (taken = resolve));
  engine.heldUp(performance.now() - begun);
}

async function answer(engine: QueryEngine, { sql, limits }: Query, before: NodeJS.CpuUsage): Promise<void> {
  const { columns, rows } = engine.prepare(sql, limits);
  say({ t: 'columns', columns });
  let chunk: (string | null)[][] = [];
  let bytes = 0;
  let count = 0;
  for (const row of rows) {
    const tooLarge = rowTooLarge(row, limits, (count += 1));
    if (tooLarge !== null) throw new QueryError(tooLarge);
    chunk.push(row);
    for (const value of row) bytes += (value?.length ?? 0) + 8;
    if (chunk.length < CHUNK_ROWS && bytes < CHUNK_BYTES) continue;
    await hand(engine, chunk);
    chunk = [];
    bytes = 0;
  }
  if (chunk.length > 0) await hand(engine, chunk);
  say({ t: 'end', warnings: engine.lastWarnings, usage: usageSince(before) });
}

function failure(error: unknown, engine: QueryEngine, before: NodeJS.CpuUsage): FromChild {
  const kind = error instanceof QueryError ? error.kind : 'error';
  const message = error instanceof Error ? error.message : String(error);
  return { t: 'failed', kind, message, warnings: engine.lastWarnings, usage: usageSince(before) };
}

function usageSince(before: NodeJS.CpuUsage): ChildUsage {
  return { ...process.cpuUsage(before), residentBytes: process.memoryUsage.rss() };
}

const engine = await QueryEngine.open(TABLES, { memoryBytes: Number(process.argv[2]) });
process.on('message', (message: ToChild) => {
  if (message.t === 'taken') {
    ahead -= 1;
    return taken();
  }
  const before = process.cpuUsage();
  answer(engine, message, before).catch((error: unknown) => say(failure(error, engine, before)));
});
// Without its agent there is nobody to answer.
process.on('disconnect', () => process.exit(0));
say({ t: 'ready' });
