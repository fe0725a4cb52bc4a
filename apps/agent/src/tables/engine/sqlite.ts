import { type SqliteModule } from './sqlite-api.js';
import { type Value } from './table.js';

/** Told to SQLite instead of a destructor: it copies what it is given. */
const TRANSIENT = -1;
/** One buffer for texts on their way into SQLite; longer ones get memory of their own. */
const SCRATCH_BYTES = 64 * 1024;
/** ASCII up to this long is written and read byte by byte: a call into the runtime costs as much as some 30 of them. */
const SHORT = 24;

/** SQLite as WebAssembly, with fast ways for values in and out: the library's own allocate for each value. */
export interface Sqlite extends SqliteModule {
  /** Hands a value to a function's or column's context. */
  result(context: number, value: Value): void;
  /** The columns of a statement's current row as text; null for NULL. */
  textRow(statement: number, columns: number): (string | null)[];
}

/** Loads SQLite; about 30 ms. */
export async function loadSqlite(): Promise<Sqlite> {
  const silent = (): void => undefined;
  // By a variable, so that the compiler does not read the package's declarations.
  const specifier = '@sqlite.org/sqlite-wasm';
  const { default: load } = (await import(specifier)) as {
    default: (options: object) => Promise<SqliteModule>;
  };
  const sqlite = await load({ print: silent, printErr: silent });
  const { wasm, capi } = sqlite;
  const raw = wasm.exports;
  const scratch = wasm.alloc(SCRATCH_BYTES);
  let view = Buffer.from(wasm.memory.buffer);
  // Growing memory moves it, which leaves nothing of the old view. (To ask the memory for its buffer costs as much as a short text.)
  const memory = (): Buffer => {
    if (view.length === 0) view = Buffer.from(wasm.memory.buffer);
    return view;
  };
  /** Writes ASCII; false at the first character that is none. */
  const writeShort = (value: string): boolean => {
    const bytes = memory();
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 127) return false;
      bytes[scratch + i] = code;
    }
    return true;
  };
  const read = (pointer: number, count: number): string => {
    const bytes = memory();
    const end = pointer + count;
    if (count > SHORT) return bytes.toString('utf8', pointer, end);
    let value = '';
    for (let at = pointer; at < end; at++) {
      const code = bytes[at] ?? 0;
      if (code > 127) return bytes.toString('utf8', pointer, end);
      value += String.fromCharCode(code);
    }
    return value;
  };
  const text = (context: number, value: string): void => {
    if (value.length <= SHORT && writeShort(value)) {
      raw.sqlite3_result_text(context, scratch, value.length, TRANSIENT);
      return;
    }
    const most = value.length * 3;
    const place = most <= SCRATCH_BYTES ? scratch : wasm.alloc(most);
    const bytes = memory().write(value, place, 'utf8');
    raw.sqlite3_result_text(context, place, bytes, TRANSIENT);
    if (place !== scratch) wasm.dealloc(place);
  };
  return Object.assign(Object.create(sqlite) as SqliteModule, {
    result(context: number, value: Value): void {
      if (typeof value === 'string') text(context, value);
      else if (typeof value === 'bigint') raw.sqlite3_result_int64(context, value);
      else if (typeof value === 'boolean') raw.sqlite3_result_int(context, value ? 1 : 0);
      else if (typeof value !== 'number' || Number.isNaN(value)) raw.sqlite3_result_null(context);
      else if (value === (value | 0)) raw.sqlite3_result_int(context, value);
      else if (Number.isSafeInteger(value)) raw.sqlite3_result_int64(context, BigInt(value));
      else raw.sqlite3_result_double(context, value);
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
        row.push(read(pointer, bytes));
      }
      return row;
    },
  });
}
