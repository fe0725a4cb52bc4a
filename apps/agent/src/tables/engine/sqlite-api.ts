/*
 * The part of @sqlite.org/sqlite-wasm that is used here, typed by hand: the package's own declarations are eighty thousand lines,
 * and wrong about virtual tables. Pointers are numbers.
 */

/** SQLite's C functions, wrapped: pointers and numbers go in and out as they are, texts are converted. */
export interface Capi {
  readonly SQLITE_OK: number;
  readonly SQLITE_ERROR: number;
  readonly SQLITE_INTERNAL: number;
  readonly SQLITE_NOMEM: number;
  readonly SQLITE_INTERRUPT: number;
  readonly SQLITE_ROW: number;
  readonly SQLITE_DONE: number;
  readonly SQLITE_DENY: number;
  readonly SQLITE_NULL: number;
  readonly SQLITE_UTF8: number;
  readonly SQLITE_SELECT: number;
  readonly SQLITE_READ: number;
  readonly SQLITE_FUNCTION: number;
  readonly SQLITE_RECURSIVE: number;
  readonly SQLITE_PRAGMA: number;
  readonly SQLITE_INDEX_CONSTRAINT_EQ: number;
  readonly SQLITE_INDEX_CONSTRAINT_LIKE: number;
  sqlite3_declare_vtab(database: number, sql: string): number;
  sqlite3_create_module(database: number, name: string, module: number, aux: number): number;
  sqlite3_vtab_in(info: number, constraint: number, handle: number): number;
  sqlite3_vtab_in_first(list: number, output: number): number;
  sqlite3_vtab_in_next(list: number, output: number): number;
  sqlite3_value_to_js(value: number): unknown;
  sqlite3_prepare_v2(database: number, sql: number, bytes: number, statement: number, tail: number): number;
  sqlite3_column_count(statement: number): number;
  sqlite3_column_name(statement: number, index: number): string;
  sqlite3_step(statement: number): number;
  sqlite3_finalize(statement: number): number;
  sqlite3_errmsg(database: number): string;
  sqlite3_create_collation_v2(
    database: number,
    name: string,
    encoding: number,
    aux: number,
    compare: (aux: number, leftBytes: number, left: number, rightBytes: number, right: number) => number,
    destroy: number,
  ): number;
  sqlite3_set_authorizer(
    database: number,
    decide: (
      aux: number,
      action: number,
      first: string | number,
      second: string | number,
      database: string | number,
      trigger: string | number,
    ) => number,
    aux: number,
  ): number;
  sqlite3_progress_handler(database: number, steps: number, stop: (aux: number) => number, aux: number): void;
}

/** The functions that the module exports, called without any conversion. */
export interface RawExports {
  sqlite3_result_text(context: number, text: number, bytes: number, destructor: number): void;
  sqlite3_result_int(context: number, value: number): void;
  sqlite3_result_int64(context: number, value: bigint): void;
  sqlite3_result_double(context: number, value: number): void;
  sqlite3_result_null(context: number): void;
  sqlite3_column_type(statement: number, index: number): number;
  sqlite3_column_text(statement: number, index: number): number;
  sqlite3_column_bytes(statement: number, index: number): number;
}

export interface Wasm {
  readonly exports: RawExports;
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly ptrSizeof: number;
  readonly pstack: { readonly pointer: number; allocPtr(): number; restore(pointer: number): void };
  alloc(bytes: number): number;
  /** A text with its closing zero. */
  allocCString(text: string): number;
  cstrToJs(pointer: number): string;
  dealloc(pointer: number): void;
  peekPtr(pointer: number): number;
  poke(pointer: number, value: bigint, type: 'i64'): void;
  heap8u(): Uint8Array;
}

/** SQLite's question which plan is best, and our answer. */
export interface IndexInfo {
  readonly $nConstraint: number;
  readonly $colUsed: bigint | number;
  $idxNum: number;
  $estimatedCost: number;
  nthConstraint(index: number): { readonly $iColumn: number; readonly $op: number; readonly $usable: number };
  nthConstraintUsage(index: number): { $argvIndex: number };
  dispose(): void;
}

/** Objects of ours that hang on SQLite's structures. */
interface StructMapper {
  create(output: number): object;
  get(pointer: number): object;
  dispose(pointer: number): void;
}

/** The methods of a virtual table, as in C; they answer with a result code. */
export interface ModuleMethods {
  xCreate: 0;
  xConnect(database: number, aux: number, argc: number, argv: number, output: number, error: number): number;
  xDisconnect(table: number): number;
  xOpen(table: number, output: number): number;
  xClose(cursor: number): number;
  xBestIndex(table: number, info: number): number;
  xFilter(cursor: number, number: number, text: number, argc: number, argv: number): number;
  xNext(cursor: number): number;
  xEof(cursor: number): number;
  xColumn(cursor: number, context: number, index: number): number;
  xRowid(cursor: number, output: number): number;
}

export interface VirtualTables {
  readonly xVtab: StructMapper;
  readonly xCursor: StructMapper;
  xIndexInfo(pointer: number): IndexInfo;
  /** With `catchExceptions` an exception becomes the statement's error. */
  setupModule(options: { catchExceptions: true; methods: ModuleMethods }): { readonly pointer: number };
}

export interface SqliteDatabase {
  readonly pointer: number;
  exec(sql: string): void;
  createFunction(definition: {
    name: string;
    arity: number;
    deterministic: true;
    xFunc: (context: number, ...values: unknown[]) => unknown;
  }): void;
  close(): void;
}

/** What the package makes. */
export interface SqliteModule {
  readonly capi: Capi;
  readonly wasm: Wasm;
  readonly vtab: VirtualTables;
  readonly oo1: { readonly DB: new (file: string, flags: string) => SqliteDatabase };
}
