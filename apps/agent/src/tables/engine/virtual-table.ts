import { type Column, type ColumnType, type TableSchema } from '../catalog/catalog.js';
import { type Row, type ScanContext, type Table, type Value } from './table.js';
import { type SqliteDatabase } from './sqlite-api.js';
import { type Sqlite } from './sqlite.js';

/** A scan over a table costs this much; one that is narrowed by a constraint a small part of it. */
const FULL_COST = 1_000_000;
const NARROWED_COST = 100;
/** Where a table must not be scanned without a constraint, any other plan is better. */
const FORBIDDEN_COST = 1e12;

type Operator = 'in' | 'eq' | 'like';

interface Cursor {
  /** Undefined before the first scan. */
  rows: Iterator<Row> | undefined;
  row: Row;
  done: boolean;
  rowid: number;
}

/** Where tables tell what is not a row. */
export interface ScanReport {
  readonly warn: (message: string) => void;
  /** The query fails with this. */
  readonly fail: (error: unknown) => void;
}

/** What SQLite hands over to a scan: the column and operator of each argument; and which columns it looks at. */
interface Plan {
  readonly arguments: readonly { column: number; operator: Operator }[];
  readonly used: ReadonlySet<number>;
}

/**
 * Makes a table of the host one of SQLite's. Constraints on pushed-down columns are handed to the table and checked by
 * SQLite again, so a table may return more than was asked for, never less.
 *
 * @param report takes what a table has to say besides rows
 */
export function registerTable(
  sqlite: Sqlite,
  database: SqliteDatabase,
  schema: TableSchema,
  table: Table | null,
  report: ScanReport,
): void {
  const { capi, wasm, vtab } = sqlite;
  const { xVtab, xCursor } = vtab;
  const { columns } = schema;
  const required = columns.flatMap((column, i) => (column.required ? [i] : []));
  const plans: Plan[] = [];
  const planNumbers = new Map<string, number>();

  const rowsOf = (plan: Plan, values: readonly unknown[][]): Iterator<Row> => {
    if (table === null) return [][Symbol.iterator]();
    const satisfied = plan.arguments.some(({ column }) => required.includes(column));
    if (required.length > 0 && !satisfied) {
      const names = required.map((i) => columns[i]?.name).join(' or ');
      throw new Error(
        `Table ${schema.name} was queried without a required column in the WHERE clause: constrain ${names}`,
      );
    }
    return table.rows(scanOf(columns, plan, values, report.warn))[Symbol.iterator]();
  };

  const attempt = (work: () => void): number => {
    try {
      work();
      return capi.SQLITE_OK;
    } catch (error) {
      report.fail(error);
      return capi.SQLITE_ERROR;
    }
  };

  const advance = (cursor: Cursor): void => {
    const next = cursor.rows?.next() ?? { done: true, value: undefined };
    cursor.done = next.done === true;
    cursor.rowid += 1;
    if (!cursor.done) cursor.row = next.value as Row;
  };

  const module = vtab.setupModule({
    catchExceptions: true,
    methods: {
      // Without xCreate the table is simply there, under the module's name.
      xCreate: 0,
      xConnect: (db, _aux, _argc, _argv, output) => {
        const rc = capi.sqlite3_declare_vtab(db, declaration(columns));
        if (rc === 0) xVtab.create(output);
        return rc;
      },
      xDisconnect: (pointer) => {
        xVtab.dispose(pointer);
        return 0;
      },
      xOpen: (_pointer, output) => {
        xCursor.create(output);
        return 0;
      },
      xClose: (pointer) => {
        const cursor = xCursor.get(pointer) as Cursor;
        cursor.rows?.return?.();
        xCursor.dispose(pointer);
        return 0;
      },
      xBestIndex: (_pointer, infoPointer) => {
        const info = vtab.xIndexInfo(infoPointer);
        try {
          const args: { column: number; operator: Operator }[] = [];
          let narrowed = false;
          for (let i = 0; i < info.$nConstraint; i++) {
            const constraint = info.nthConstraint(i);
            const column = columns[constraint.$iColumn];
            if (!constraint.$usable || !column?.pushed) continue;
            const operator = operatorOf(sqlite, infoPointer, i, constraint.$op);
            if (operator === null) continue;
            args.push({ column: constraint.$iColumn, operator });
            info.nthConstraintUsage(i).$argvIndex = args.length;
            narrowed = true;
          }
          const used = usedColumns(info.$colUsed, columns.length);
          const key = `${args.map((a) => `${a.column}:${a.operator}`).join(',')} ${[...used].join(',')}`;
          let number = planNumbers.get(key);
          if (number === undefined) {
            number = plans.push({ arguments: args, used }) - 1;
            planNumbers.set(key, number);
          }
          info.$idxNum = number;
          const satisfied = required.length === 0 || args.some((a) => required.includes(a.column));
          info.$estimatedCost = !satisfied ? FORBIDDEN_COST : narrowed ? NARROWED_COST : FULL_COST;
          return 0;
        } finally {
          info.dispose();
        }
      },
      xFilter: (pointer, number, _text, count, argv) => {
        const cursor = xCursor.get(pointer) as Cursor;
        const plan = plans[number];
        if (!plan) return capi.SQLITE_INTERNAL;
        const values: unknown[][] = [];
        for (let i = 0; i < count; i++) {
          const value = wasm.peekPtr(argv + i * wasm.ptrSizeof);
          values.push(
            plan.arguments[i]?.operator === 'in' ? listOf(sqlite, value) : [capi.sqlite3_value_to_js(value)],
          );
        }
        return attempt(() => {
          cursor.rows?.return?.();
          cursor.rowid = 0;
          cursor.rows = rowsOf(plan, values);
          advance(cursor);
        });
      },
      xNext: (pointer) => attempt(() => advance(xCursor.get(pointer) as Cursor)),
      xEof: (pointer) => ((xCursor.get(pointer) as Cursor).done ? 1 : 0),
      xColumn: (pointer, context, index) => {
        const { row } = xCursor.get(pointer) as Cursor;
        const column = columns[index];
        sqlite.result(context, column === undefined ? null : asDeclared(row[column.name], column.type));
        return 0;
      },
      xRowid: (pointer, output) => {
        wasm.poke(output, BigInt((xCursor.get(pointer) as Cursor).rowid), 'i64');
        return 0;
      },
    },
  });
  const rc = capi.sqlite3_create_module(database.pointer, schema.name, module.pointer, 0);
  if (rc !== 0) throw new Error(`table ${schema.name} cannot be registered (${rc})`);
}

/** SQLite converts nothing that a virtual table returns: the text 565 would equal no number, and the number 565 no text. */
function asDeclared(value: Value, type: ColumnType): Value {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number' && type !== 'TEXT' && type !== 'DATETIME') return value;
  if (type === 'TEXT' || type === 'DATETIME')
    return typeof value === 'string' ? value : String(Number(value));
  if (typeof value !== 'string') return value;
  if (type === 'DOUBLE') return value.trim() === '' ? null : Number(value);
  return /^-?\d+$/.test(value) ? BigInt(value) : null;
}

function declaration(columns: readonly Column[]): string {
  const declared = columns.map(({ name, type, hidden }) => `"${name}" ${type}${hidden ? ' HIDDEN' : ''}`);
  return `CREATE TABLE t(${declared.join(', ')})`;
}

function operatorOf(sqlite: Sqlite, info: number, index: number, op: number): Operator | null {
  const { capi } = sqlite;
  if (op === capi.SQLITE_INDEX_CONSTRAINT_LIKE) return 'like';
  if (op !== capi.SQLITE_INDEX_CONSTRAINT_EQ) return null;
  // An IN comes as one list instead of one scan per element.
  if (capi.sqlite3_vtab_in(info, index, -1) === 0) return 'eq';
  capi.sqlite3_vtab_in(info, index, 1);
  return 'in';
}

/** The last bit of SQLite's mask stands for all columns from the 64th on. */
function usedColumns(mask: bigint | number, count: number): Set<number> {
  const bits = BigInt.asUintN(64, BigInt(mask));
  const used = new Set<number>();
  for (let i = 0; i < count; i++) if ((bits >> BigInt(Math.min(i, 63))) & 1n) used.add(i);
  return used;
}

function listOf(sqlite: Sqlite, list: number): unknown[] {
  const { capi, wasm } = sqlite;
  const values: unknown[] = [];
  const stack = wasm.pstack.pointer;
  try {
    const output = wasm.pstack.allocPtr();
    for (
      let rc = capi.sqlite3_vtab_in_first(list, output);
      rc === 0;
      rc = capi.sqlite3_vtab_in_next(list, output)
    ) {
      values.push(capi.sqlite3_value_to_js(wasm.peekPtr(output)));
    }
    return values;
  } finally {
    wasm.pstack.restore(stack);
  }
}

function scanOf(
  columns: readonly Column[],
  plan: Plan,
  values: readonly unknown[][],
  warn: (message: string) => void,
): ScanContext {
  const indexOf = (name: string): number => columns.findIndex((column) => column.name === name);
  const text = (list: readonly unknown[]): string[] =>
    list.filter((value) => value !== null && value !== undefined).map(String);
  return {
    equals(name) {
      const index = indexOf(name);
      const lists = plan.arguments.flatMap(({ column, operator }, i) =>
        column === index && operator !== 'like' ? [text(values[i] ?? [])] : [],
      );
      const [first, ...others] = lists;
      return first ? first.filter((value) => others.every((list) => list.includes(value))) : null;
    },
    like(name) {
      const index = indexOf(name);
      return plan.arguments.flatMap(({ column, operator }, i) =>
        column === index && operator === 'like' ? text(values[i] ?? []) : [],
      );
    },
    uses: (name) => plan.used.has(indexOf(name)),
    warn,
  };
}
