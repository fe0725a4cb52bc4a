import { CATALOG, type CatalogColumn } from './catalog-data.js';

/** The types that osquery's schema knows. */
export type ColumnType = 'TEXT' | 'INTEGER' | 'BIGINT' | 'UNSIGNED_BIGINT' | 'DOUBLE' | 'DATETIME';

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** A query has to constrain one of the required columns of its table. */
  readonly required: boolean;
  /** Constraints on it reach the table, so that it need not be read from end to end. */
  readonly pushed: boolean;
  /** Not part of `select *`. */
  readonly hidden: boolean;
}

export interface TableSchema {
  readonly name: string;
  /** darwin, linux, windows, freebsd */
  readonly platforms: readonly string[];
  /** Filled by events in osquery; always empty here. */
  readonly evented: boolean;
  readonly columns: readonly Column[];
}

/**
 * Every table of osquery 5.23 as it looks on this platform, by name. Columns that belong to other platforms are there
 * and hidden, as in osquery.
 */
export function loadCatalog(platform: string = process.platform): ReadonlyMap<string, TableSchema> {
  return new Map(
    Object.entries(CATALOG).map(([name, { platforms, evented = false, columns }]) => [
      name,
      { name, platforms, evented, columns: columns.map((column) => toColumn(column, platform)) },
    ]),
  );
}

function toColumn([name, type, flags = '', platforms]: CatalogColumn, platform: string): Column {
  const has = (flag: string): boolean => flags.split(' ').includes(flag);
  return {
    name,
    type: type as ColumnType,
    required: has('required'),
    pushed: has('required') || has('index') || has('additional'),
    hidden: has('hidden') || (platforms !== undefined && !platforms.includes(platform)),
  };
}
