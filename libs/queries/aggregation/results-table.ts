import { type AggregateHost } from './aggregation-types.js';

/** The columns of `results` that are the server's own; they win over columns of answers with these names. */
export const HOST_COLUMNS = ['host_id', 'host_hostname', 'host_display_name'] as const;

/** SQLite allows twice as many; whoever gets here has a column per row. */
const MOST_COLUMNS = 1000;

/** SQLite compares names without regard to the case of ASCII letters, and of no others. */
export function fold(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** A text as SQLite keeps it: well-formed, and without NUL, at which half of its functions stop reading. */
export function cleanText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}

/** The values of `HOST_COLUMNS`. */
export function hostCells(host: AggregateHost): [bigint, string, string] {
  return [BigInt(host.id), cleanText(host.hostname), cleanText(host.displayName)];
}

/** Where the columns of one answer belong. */
export interface Placement {
  /** Names of columns that `results` had not before, in order. */
  readonly added: readonly string[];
  /** By column of the answer: its place in `results`; -1 where another one wins. */
  readonly places: readonly number[];
}

/** Names and places of the columns of `results`: the host's, then those of answers as they came. */
export class ResultsTable {
  /** As first written. */
  readonly names: string[] = [...HOST_COLUMNS];
  private readonly placeOf = new Map<string, number>(HOST_COLUMNS.map((name, place) => [name, place]));

  /** Undefined as long as no answer has brought it. @param name folded */
  place(name: string): number | undefined {
    return this.placeOf.get(name);
  }

  /** Takes the columns of an answer; null when `results` would have too many. */
  extend(columns: readonly string[]): Placement | null {
    const added: string[] = [];
    const places: number[] = [];
    const answered = new Map<number, number>();
    columns.forEach((written, index) => {
      const name = cleanText(written);
      const known = this.placeOf.get(fold(name));
      const place = known ?? this.names.length;
      if (known === undefined) {
        this.placeOf.set(fold(name), place);
        this.names.push(name);
        added.push(name);
      }
      const before = answered.get(place);
      if (before !== undefined) places[before] = -1;
      answered.set(place, index);
      places.push(place < HOST_COLUMNS.length ? -1 : place);
    });
    return this.names.length > MOST_COLUMNS ? null : { added, places };
  }
}

export const TOO_MANY_COLUMNS = `the answers have more than ${MOST_COLUMNS} different columns`;
