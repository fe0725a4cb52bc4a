/** What a table may put into a column; booleans are 1 and 0, undefined is NULL. */
export type Value = string | number | bigint | boolean | null | undefined;

/** One row by column names; columns that are not named are NULL. */
export type Row = Readonly<Record<string, Value>>;

/** What the query asks of this scan, as far as it is a constraint on a pushed-down column. */
export interface Constraints {
  /** The values that `column = …` or `column IN (…)` allow, as text; null when there is no such constraint. */
  equals(column: string): readonly string[] | null;
  /** The patterns of `column LIKE …`; all of them have to match. Empty when there is none. */
  like(column: string): readonly string[];
  /** Whether the query looks at this column at all: what is dear need not be computed otherwise. */
  uses(column: string): boolean;
}

/** What a table may tell besides rows. */
export interface ScanContext extends Constraints {
  /** Something could not be read, for want of permission say: the query goes on, its statistics mention it. */
  warn(message: string): void;
}

/**
 * A table of this host. One file each, beside its spec. `rows` is a generator: what nobody asks for is never computed, and a
 * scan that is stopped early stops reading. A vanished process or an unreadable file is a missing row, never an error.
 */
export interface Table {
  /** As in the catalogue of osquery. */
  readonly name: string;
  /** Of `process.platform`; where it is not served the table is there and empty. */
  readonly platforms: readonly NodeJS.Platform[];
  readonly rows: (scan: ScanContext) => Iterable<Row>;
}
