import { type AggregateHost, type AggregateRow } from '../aggregation-types.js';
import { fold, HOST_COLUMNS, hostCells } from '../results-table.js';
import { cellValue, type Value } from '../value.js';
import { loadSqlite, type Sqlite, type SqliteDatabase } from './sqlite.js';

/** Why something failed, in SQLite's words; `time` and `memory`: it was stopped for its limit. */
export class StoreError extends Error {
  constructor(
    message: string,
    readonly kind: 'error' | 'time' | 'memory' = 'error',
  ) {
    super(message);
  }
}

/** Steps of SQLite's machine between two looks at the clock: well under a millisecond. */
const STEPS_PER_LOOK = 5_000;
/** What may follow a statement. */
const NOTHING = /^(?:[\s;]|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))*$/;
const MISSING = [
  /^no such column: "([^]*)" - should this be a string literal in single-quotes\?$/,
  /^no such column: ([^]*)$/,
  /^cannot join using column ([^]*) - column not present in both tables$/,
];

/**
 * The table `results` in a database in memory, and one SELECT over it that can do nothing but read. Belongs into a process that can be
 * ended.
 */
export class ResultsStore {
  private sql = '';
  private deadline = Infinity;
  /** While our own statements run, which may do what the SELECT may not. */
  private own = false;
  /** The columns of `results`, in order. */
  private readonly columns: string[] = [...HOST_COLUMNS];

  private constructor(
    private readonly sqlite: Sqlite,
    private readonly memoryBytes: number,
    private readonly database: SqliteDatabase,
  ) {
    this.create(database);
  }

  /** @param memoryBytes what rows and their evaluation may take */
  static async open(memoryBytes: number): Promise<ResultsStore> {
    const sqlite = await loadSqlite();
    const database = new sqlite.oo1.DB(':memory:', 'c');
    database.exec(`PRAGMA hard_heap_limit=${memoryBytes}`);
    return new ResultsStore(sqlite, memoryBytes, database);
  }

  /**
   * Takes the SELECT, having tried it on a table that has every column it asks for.
   * @returns the names of the result's columns
   * @throws StoreError
   */
  check(sql: string, milliseconds: number): string[] {
    if (sql.includes('\0')) throw new StoreError('the statement contains a NUL character');
    this.sql = sql;
    this.deadline = performance.now() + milliseconds;
    const scratch = new this.sqlite.oo1.DB(':memory:', 'c');
    try {
      this.create(scratch);
      const added = new Set<string>(HOST_COLUMNS);
      for (;;) {
        try {
          const statement = this.compile(scratch, sql);
          const names = this.names(statement);
          this.sqlite.capi.sqlite3_finalize(statement);
          // VACUUM, of which the authorizer hears nothing.
          if (names.length === 0) throw new StoreError('it is no SELECT');
          return names;
        } catch (error) {
          if (!(error instanceof StoreError) || !this.addMissing(scratch, error.message, added)) throw error;
        }
      }
    } finally {
      scratch.close();
    }
  }

  /** Adds columns, then one host's rows. @throws StoreError: then it is of no more use */
  add(
    added: readonly string[],
    places: readonly number[],
    rows: readonly AggregateRow[],
    host: AggregateHost,
  ): void {
    this.deadline = Infinity;
    const { database } = this;
    for (const name of added) this.run(database, `ALTER TABLE results ADD COLUMN ${quote(name)}`);
    this.columns.push(...added);
    if (rows.length === 0) return;
    const sources = places.flatMap((place, index) => (place < 0 ? [] : [index]));
    const columns = [...HOST_COLUMNS, ...sources.map((index) => this.columns[places[index] ?? -1] ?? '')];
    const marks = columns.map(() => '?').join();
    this.run(database, 'BEGIN');
    this.own = true;
    const statement = this.compile(
      database,
      `INSERT INTO results (${columns.map(quote).join()}) VALUES (${marks})`,
    );
    const { capi } = this.sqlite;
    try {
      const own = hostCells(host);
      for (const row of rows) {
        const values: Value[] = [...own, ...sources.map((index) => cellValue(row[index] ?? null))];
        values.forEach((value, index) => this.accept(this.sqlite.bind(statement, index + 1, value)));
        const rc = capi.sqlite3_step(statement);
        if (rc !== capi.SQLITE_DONE) throw this.explain(database, rc);
        capi.sqlite3_reset(statement);
      }
    } finally {
      capi.sqlite3_finalize(statement);
      this.own = false;
    }
    this.run(database, 'COMMIT');
  }

  /** The SELECT over all rows. @throws StoreError */
  evaluate(milliseconds: number, mostRows: number): { columns: string[]; rows: AggregateRow[] } {
    this.deadline = performance.now() + milliseconds;
    const { capi } = this.sqlite;
    const statement = this.compile(this.database, this.sql);
    try {
      const columns = this.names(statement);
      const rows: AggregateRow[] = [];
      let bytes = 0;
      for (;;) {
        const rc = capi.sqlite3_step(statement);
        if (rc === capi.SQLITE_DONE) return { columns, rows };
        if (rc !== capi.SQLITE_ROW) throw this.explain(this.database, rc);
        if (rows.length >= mostRows) throw new StoreError(`more than ${mostRows} rows`);
        const row = this.sqlite.textRow(statement, columns.length);
        for (const cell of row) bytes += cell?.length ?? 0;
        if (bytes > this.memoryBytes) throw new StoreError('killed: memory', 'memory');
        rows.push(row);
      }
    } finally {
      capi.sqlite3_finalize(statement);
    }
  }

  close(): void {
    this.database.close();
  }

  private create(database: SqliteDatabase): void {
    const { capi } = this.sqlite;
    // No types: then SQLite converts nothing, neither when it stores nor when it compares.
    database.exec(`CREATE TABLE results (${HOST_COLUMNS.join()})`);
    const reading = new Set([
      capi.SQLITE_SELECT,
      capi.SQLITE_READ,
      capi.SQLITE_FUNCTION,
      capi.SQLITE_RECURSIVE,
    ]);
    capi.sqlite3_set_authorizer(
      database.pointer,
      (_aux, action) => (this.own || reading.has(action) ? capi.SQLITE_OK : capi.SQLITE_DENY),
      0,
    );
    const late = (): number => (performance.now() > this.deadline ? 1 : 0);
    capi.sqlite3_progress_handler(database.pointer, STEPS_PER_LOOK, late, 0);
  }

  /** False when the message is about something else than a column that `results` lacks, or adding it was of no use. */
  private addMissing(scratch: SqliteDatabase, message: string, added: Set<string>): boolean {
    const name = MISSING.map((pattern) => pattern.exec(message)?.[1]).find((found) => found !== undefined);
    if (name === undefined) return false;
    // Behind the table's name, if that is what stands before a point.
    const candidates = [name, name.slice(name.indexOf('.') + 1)].filter((column) => !added.has(fold(column)));
    for (const column of new Set(candidates)) {
      if (added.has(fold(column))) continue;
      added.add(fold(column));
      this.run(scratch, `ALTER TABLE results ADD COLUMN ${quote(column)}`);
    }
    return candidates.length > 0;
  }

  private compile(database: SqliteDatabase, sql: string): number {
    const { capi, wasm } = this.sqlite;
    const text = wasm.allocCString(sql);
    const stack = wasm.pstack.pointer;
    try {
      const output = wasm.pstack.allocPtr();
      const tail = wasm.pstack.allocPtr();
      const rc = capi.sqlite3_prepare_v2(database.pointer, text, -1, output, tail);
      if (rc !== capi.SQLITE_OK) throw this.explain(database, rc);
      const statement = wasm.peekPtr(output);
      if (statement === 0) throw new StoreError('the statement is empty');
      const alone = NOTHING.test(wasm.cstrToJs(wasm.peekPtr(tail)));
      if (alone && capi.sqlite3_stmt_isexplain(statement) === 0) return statement;
      capi.sqlite3_finalize(statement);
      throw new StoreError(alone ? 'it is no SELECT' : 'one statement at a time');
    } finally {
      wasm.pstack.restore(stack);
      wasm.dealloc(text);
    }
  }

  private names(statement: number): string[] {
    const { capi } = this.sqlite;
    const count = capi.sqlite3_column_count(statement);
    return Array.from({ length: count }, (_, index) => capi.sqlite3_column_name(statement, index));
  }

  /** Runs a statement of our own. */
  private run(database: SqliteDatabase, sql: string): void {
    const { capi } = this.sqlite;
    this.own = true;
    try {
      const statement = this.compile(database, sql);
      const rc = capi.sqlite3_step(statement);
      capi.sqlite3_finalize(statement);
      if (rc !== capi.SQLITE_DONE) throw this.explain(database, rc);
    } finally {
      this.own = false;
    }
  }

  private accept(rc: number): void {
    if (rc !== this.sqlite.capi.SQLITE_OK) throw this.explain(this.database, rc);
  }

  private explain(database: SqliteDatabase, rc: number): StoreError {
    const { capi } = this.sqlite;
    if (rc === capi.SQLITE_INTERRUPT) return new StoreError('killed: time', 'time');
    if (rc === capi.SQLITE_NOMEM) return new StoreError('killed: memory', 'memory');
    return new StoreError(capi.sqlite3_errmsg(database.pointer));
  }
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
