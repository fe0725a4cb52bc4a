import { loadCatalog, type TableSchema } from '../catalog/catalog.js';
import { compareVersions, FUNCTIONS } from './functions.js';
import { type SqliteDatabase } from './sqlite-api.js';
import { loadSqlite, type Sqlite } from './sqlite.js';
import { type Table, type Value } from './table.js';
import { registerTable } from './virtual-table.js';

/** Bounds of one query. */
export interface QueryLimits {
  readonly milliseconds: number;
  readonly rows: number;
  /** Tables that may not be read, in lower case. */
  readonly deniedTables?: readonly string[];
}

export interface Statement {
  readonly columns: readonly string[];
  /** Rows as text, NULL as null; ends early when the time is over. @throws QueryError */
  readonly rows: IterableIterator<(string | null)[]>;
}

/** Why a query failed, in SQLite's or osquery's words. */
export class QueryError extends Error {
  constructor(
    message: string,
    /** `time`, `memory`, `rows`: it was stopped at that limit. `denied`: it would read what it may not. */
    readonly kind: 'error' | 'time' | 'memory' | 'rows' | 'denied' = 'error',
  ) {
    super(message);
  }
}

export interface EngineOptions {
  /** Whose columns are shown, and whose tables are served; this machine's by default. */
  readonly platform?: NodeJS.Platform;
  /** Bytes that SQLite itself may use for sorting, grouping and the like. */
  readonly memoryBytes?: number;
}

/** Steps of SQLite's machine between two looks at the clock: well under a millisecond. */
const STEPS_PER_LOOK = 5_000;
const DEFAULT_MEMORY_BYTES = 256 * 1024 * 1024;
/** What may follow a statement. */
const NOTHING = /^(?:[\s;]|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*$/;

/** The host as tables: one SQLite database in memory, read-only, without files. */
export class QueryEngine {
  private deadline = Infinity;
  private warnings = new Set<string>();
  /** What a table threw during the current statement. */
  private thrown: unknown = null;
  private denied: ReadonlySet<string> = new Set();
  /** The denied table that the current statement asked for. */
  private refused: string | null = null;

  private constructor(
    private readonly sqlite: Sqlite,
    private readonly database: SqliteDatabase,
  ) {}

  /** @param tables what is served here; every other table of the catalogue is there and empty */
  static async open(tables: readonly Table[], options: EngineOptions = {}): Promise<QueryEngine> {
    const { platform = process.platform, memoryBytes = DEFAULT_MEMORY_BYTES } = options;
    const sqlite = await loadSqlite();
    const database = new sqlite.oo1.DB(':memory:', 'c');
    const engine = new QueryEngine(sqlite, database);
    const served = new Map(
      tables.filter((table) => table.platforms.includes(platform)).map((table) => [table.name, table]),
    );
    const catalog = loadCatalog(platform);
    for (const name of served.keys())
      if (!catalog.has(name)) throw new Error(`${name} is not in the catalogue`);
    for (const schema of catalog.values()) engine.register(schema, served.get(schema.name) ?? null);
    engine.addFunctions();
    database.exec(`PRAGMA hard_heap_limit=${memoryBytes}`);
    engine.lock();
    return engine;
  }

  /** Compiles a query. @throws QueryError, for a syntax error, an unknown table or column, or more than one statement */
  prepare(sql: string, limits: QueryLimits): Statement {
    const { capi } = this.sqlite;
    this.deadline = performance.now() + limits.milliseconds;
    this.warnings = new Set();
    this.denied = new Set(limits.deniedTables);
    this.refused = null;
    const statement = this.compile(sql);
    const count = capi.sqlite3_column_count(statement);
    const columns = Array.from({ length: count }, (_, i) => capi.sqlite3_column_name(statement, i));
    return { columns, rows: this.step(statement, count, limits) };
  }

  /** What tables had to say about the last query: what could not be read, each once. */
  get lastWarnings(): string[] {
    return [...this.warnings];
  }

  /** The query under way could not go on for this long, for reasons that are not its own: its end moves. */
  heldUp(milliseconds: number): void {
    this.deadline += milliseconds;
  }

  close(): void {
    this.database.close();
  }

  private compile(sql: string): number {
    const { capi, wasm } = this.sqlite;
    const text = wasm.allocCString(sql);
    const stack = wasm.pstack.pointer;
    try {
      const output = wasm.pstack.allocPtr();
      const tail = wasm.pstack.allocPtr();
      const rc = capi.sqlite3_prepare_v2(this.database.pointer, text, -1, output, tail);
      if (rc !== capi.SQLITE_OK) throw this.explain(rc);
      const statement = wasm.peekPtr(output);
      if (statement === 0) throw new QueryError('the query is empty');
      if (NOTHING.test(wasm.cstrToJs(wasm.peekPtr(tail)))) return statement;
      capi.sqlite3_finalize(statement);
      throw new QueryError('one statement at a time');
    } finally {
      wasm.pstack.restore(stack);
      wasm.dealloc(text);
    }
  }

  private *step(pointer: number, count: number, limits: QueryLimits): IterableIterator<(string | null)[]> {
    const { capi } = this.sqlite;
    this.thrown = null;
    try {
      for (let rows = 0; ; rows++) {
        const rc = capi.sqlite3_step(pointer);
        if (rc === capi.SQLITE_DONE) return;
        if (rc !== capi.SQLITE_ROW) throw this.explain(rc);
        if (rows >= limits.rows) throw new QueryError(`more than ${limits.rows} rows`, 'rows');
        yield this.sqlite.textRow(pointer, count);
      }
    } finally {
      capi.sqlite3_finalize(pointer);
    }
  }

  private register(schema: TableSchema, table: Table | null): void {
    registerTable(this.sqlite, this.database, schema, table, {
      warn: (message) => this.warnings.add(message),
      fail: (error) => (this.thrown = error),
    });
  }

  private addFunctions(): void {
    const { capi } = this.sqlite;
    for (const { name, arguments: arity, call } of FUNCTIONS) {
      this.database.createFunction({
        name,
        arity,
        deterministic: true,
        xFunc: (_context: number, ...values: unknown[]) => call(...(values as Value[])) ?? null,
      });
    }
    const collation = capi.sqlite3_create_collation_v2(
      this.database.pointer,
      'version',
      capi.SQLITE_UTF8,
      0,
      (_aux: number, leftBytes: number, left: number, rightBytes: number, right: number) => {
        const { wasm } = this.sqlite;
        const read = (pointer: number, bytes: number): string =>
          Buffer.from(wasm.heap8u().subarray(pointer, pointer + bytes)).toString('utf8');
        return compareVersions(read(left, leftBytes), read(right, rightBytes));
      },
      0,
    );
    if (collation !== 0) throw new Error(`collation "version" cannot be registered (${collation})`);
  }

  /** From here on nothing but reading is compiled, and the clock is watched. */
  private lock(): void {
    const { capi } = this.sqlite;
    const pointer = this.database.pointer;
    const reading = new Set([
      capi.SQLITE_SELECT,
      capi.SQLITE_READ,
      capi.SQLITE_FUNCTION,
      capi.SQLITE_RECURSIVE,
    ]);
    const pragmas = new Set(['table_info', 'table_xinfo', 'table_list', 'function_list']);
    capi.sqlite3_set_authorizer(
      pointer,
      (_aux: number, action: number, first: string | number) => {
        if (action === capi.SQLITE_READ) {
          // As the query spells it.
          const table = String(first).toLowerCase();
          if (this.denied.has(table)) {
            this.refused = table;
            return capi.SQLITE_DENY;
          }
        }
        if (reading.has(action)) return capi.SQLITE_OK;
        if (action === capi.SQLITE_PRAGMA && pragmas.has(String(first))) return capi.SQLITE_OK;
        return capi.SQLITE_DENY;
      },
      0,
    );
    capi.sqlite3_progress_handler(
      pointer,
      STEPS_PER_LOOK,
      () => (performance.now() > this.deadline ? 1 : 0),
      0,
    );
  }

  private explain(rc: number): QueryError {
    const { capi } = this.sqlite;
    if (rc === capi.SQLITE_INTERRUPT) return new QueryError('killed: time', 'time');
    if (rc === capi.SQLITE_NOMEM) return new QueryError('killed: memory', 'memory');
    if (this.refused !== null)
      return new QueryError(`denied by the agent's policy: nobody reads the table ${this.refused}`, 'denied');
    if (this.thrown instanceof Error) return new QueryError(this.thrown.message);
    return new QueryError(capi.sqlite3_errmsg(this.database.pointer));
  }
}
