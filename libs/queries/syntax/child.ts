import { loadSqlite, type Sqlite } from '../aggregation/stored/sqlite.js';

/* A process of its own that reads SQL and runs none of it, so that it can be ended. */

/** What SQLite says of a statement that it has read to its end: which tables and functions there are, only a host knows. */
const READ_TO_ITS_END = /^(?:no such |wrong number of arguments to function )/;

const sqlite = await loadSqlite();
const database = new sqlite.oo1.DB(':memory:', 'c');

/** Why SQLite cannot read this; null: it can. */
function problemOf({ capi, wasm }: Sqlite, sql: string): string | null {
  const text = wasm.allocCString(sql);
  const stack = wasm.pstack.pointer;
  try {
    const output = wasm.pstack.allocPtr();
    const tail = wasm.pstack.allocPtr();
    for (let at = text; ;) {
      const rc = capi.sqlite3_prepare_v2(database.pointer, at, -1, output, tail);
      const problem = rc === capi.SQLITE_OK ? null : capi.sqlite3_errmsg(database.pointer);
      capi.sqlite3_finalize(wasm.peekPtr(output));
      if (problem !== null && !READ_TO_ITS_END.test(problem)) return problem;
      const next = wasm.peekPtr(tail);
      if (next <= at) return null;
      at = next;
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    wasm.pstack.restore(stack);
    wasm.dealloc(text);
  }
}

process.on('message', (statements: readonly string[]) => {
  process.send?.(statements.map((sql) => problemOf(sqlite, sql)));
});
// Without its server there is nobody to answer.
process.on('disconnect', () => process.exit(0));
