import { type Value } from '../value.js';

/*
 * The part of @sqlite.org/sqlite-wasm that is used here, typed by hand: the package's own declarations are eighty thousand lines.
 * Pointers are numbers.
 */

interface Capi {
  readonly SQLITE_OK: number;
  readonly SQLITE_NOMEM: number;
  readonly SQLITE_INTERRUPT: number;
  readonly SQLITE_ROW: number;
  readonly SQLITE_DONE: number;
  readonly SQLITE_DENY: number;
  readonly SQLITE_NULL: number;
  readonly SQLITE_SELECT: number;
  readonly SQLITE_READ: number;
  readonly SQLITE_FUNCTION: number;
  readonly SQLITE_RECURSIVE: number;
  sqlite3_prepare_v2(database: number, sql: number, bytes: number, statement: number, tail: number): number;
  sqlite3_column_count(statement: number): number;
  sqlite3_column_name(statement: number, index: number): string;
  sqlite3_stmt_isexplain(statement: number): number;
  sqlite3_step(statement: number): number;
  sqlite3_reset(statement: number): number;
  sqlite3_finalize(statement: number): number;
  sqlite3_errmsg(database: number): string;
  sqlite3_set_authorizer(
    database: number,
    decide: (aux: number, action: number) => number,
    aux: number,
  ): number;
  sqlite3_progress_handler(database: number, steps: number, stop: () => number, aux: number): void;
}

/** The functions that the module exports, called without any conversion. */
interface RawExports {
  sqlite3_bind_text(
    statement: number,
    index: number,
    text: number,
    bytes: number,
    destructor: number,
  ): number;
  sqlite3_bind_int64(statement: number, index: number, value: bigint): number;
  sqlite3_bind_null(statement: number, index: number): number;
  sqlite3_column_type(statement: number, index: number): number;
  sqlite3_column_text(statement: number, index: number): number;
  sqlite3_column_bytes(statement: number, index: number): number;
}

interface Wasm {
  readonly exports: RawExports;
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly pstack: { readonly pointer: number; allocPtr(): number; restore(pointer: number): void };
  alloc(bytes: number): number;
  /** A text with its closing zero. */
  allocCString(text: string): number;
  cstrToJs(pointer: number): string;
  dealloc(pointer: number): void;
  peekPtr(pointer: number): number;
}

export interface SqliteDatabase {
  readonly pointer: number;
  exec(sql: string): void;
  close(): void;
}

interface SqliteModule {
  readonly capi: Capi;
  readonly wasm: Wasm;
  readonly oo1: { readonly DB: new (file: string, flags: string) => SqliteDatabase };
}

/** SQLite as WebAssembly, with fast ways for values in and out: the library's own allocate for each value. */
export interface Sqlite extends SqliteModule {
  /** @param index from 1 @returns a result code */
  bind(statement: number, index: number, value: Value): number;
  /** The columns of a statement's current row as text; null for NULL. */
  textRow(statement: number, columns: number): (string | null)[];
}

/** Told to SQLite instead of a destructor: it copies what it is given. */
const TRANSIENT = -1;

let loaded: Promise<Sqlite> | undefined;

/** SQLite, loaded once per process; about 30 ms. */
export function loadSqlite(): Promise<Sqlite> {
  return (loaded ??= load());
}

async function load(): Promise<Sqlite> {
  const silent = (): void => undefined;
  // By a variable, so that the compiler does not read the package's declarations.
  const name = '@sqlite.org/sqlite-wasm';
  const { default: start } = (await import(name)) as { default: (options: object) => Promise<SqliteModule> };
  const sqlite = await start({ print: silent, printErr: silent });
  const { wasm, capi } = sqlite;
  const raw = wasm.exports;
  let view = Buffer.from(wasm.memory.buffer);
  // Growing memory moves it.
  const memory = (): Buffer => {
    if (view.buffer !== wasm.memory.buffer) view = Buffer.from(wasm.memory.buffer);
    return view;
  };
  return Object.assign(Object.create(sqlite) as SqliteModule, {
    bind(statement: number, index: number, value: Value): number {
      if (value === null) return raw.sqlite3_bind_null(statement, index);
      if (typeof value === 'bigint') return raw.sqlite3_bind_int64(statement, index, value);
      const text = String(value);
      const place = wasm.alloc(text.length * 3 + 1);
      const bytes = memory().write(text, place, 'utf8');
      const rc = raw.sqlite3_bind_text(statement, index, place, bytes, TRANSIENT);
      wasm.dealloc(place);
      return rc;
    },
    textRow(statement: number, columns: number): (string | null)[] {
      const row: (string | null)[] = [];
      for (let i = 0; i < columns; i++) {
        if (raw.sqlite3_column_type(statement, i) === capi.SQLITE_NULL) {
          row.push(null);
          continue;
        }
        const pointer = raw.sqlite3_column_text(statement, i);
        const bytes = raw.sqlite3_column_bytes(statement, i);
        row.push(memory().toString('utf8', pointer, pointer + bytes));
      }
      return row;
    },
  });
}
