import { type Row, type ScanContext, type Table } from '../../tables/engine/table.js';
import { DEFAULT_LIMITS } from '../../tables/query/query.js';
import { type QueryRunner } from '../../tables/query/runner.js';

/** A row of one of the agent's tables, as text. */
export type TextRow = Readonly<Record<string, string>>;

const SCAN: ScanContext = {
  equals: () => null,
  like: () => [],
  // What is dear (sizes that a file system has to be asked for, speeds of links) is not looked at.
  uses: () => false,
  warn: () => undefined,
};

function textRow(row: Row): TextRow {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      value === null || value === undefined ? '' : String(value),
    ]),
  );
}

function rowsHere({ rows }: Table): TextRow[] {
  return [...rows(SCAN)].map((row) => textRow(row));
}

/** Asks the agent's tables in a process of its own, which is kept for a while: for what is dear, and where programs have to be asked. */
export class Tables {
  private runner: Promise<QueryRunner> | null = null;

  /** @param denied tables that nobody reads, in lower case; null: none is read */
  constructor(private readonly denied: () => readonly string[] | null) {}

  /** Rows of a table that costs a millisecond or two, read here. @throws Error when nobody may read it */
  here(table: Table): TextRow[] {
    if (this.deniedNow().includes(table.name))
      throw new Error(`denied by the agent's policy: nobody reads the table ${table.name}`);
    return rowsHere(table);
  }

  /** Rows of a query. Throws with what went wrong. */
  async rows(sql: string): Promise<TextRow[]> {
    this.runner ??= import('../../tables/query/runner.js').then(({ QueryRunner }) => new QueryRunner());
    let columns: readonly string[] = [];
    const found: TextRow[] = [];
    const sink = {
      columns: (names: readonly string[]): void => void (columns = names),
      rows: (rows: readonly (readonly (string | null)[])[]): void => {
        for (const row of rows)
          found.push(Object.fromEntries(columns.map((name, i) => [name, row[i] ?? ''])));
      },
    };
    const limits = { ...DEFAULT_LIMITS, deniedTables: this.deniedNow() };
    const { error } = await (await this.runner).run(sql, sink, limits);
    if (error !== null) throw new Error(error);
    return found;
  }

  private deniedNow(): readonly string[] {
    const denied = this.denied();
    if (denied === null)
      throw new Error("denied by the agent's policy: it cannot be followed, and so no table is read");
    return denied;
  }

  /** Ends its processes. */
  close(): void {
    void this.runner?.then((runner) => runner.close());
  }
}
