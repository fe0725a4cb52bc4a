/** Takes the next bytes of a stream. They are its to keep: nobody changes them afterwards. */
export type Sink = (data: Buffer) => void;

/** Stands between a pipe and whoever stores what it brings; hands on to the next one what may leave. */
export interface Filter {
  readonly write: Sink;
  /** Nothing more comes: what was held back leaves. */
  end(): void;
}

/** What stands in the output for everything that was masked, whatever its length. */
export const REPLACEMENT = Buffer.from('[masked]');

/** How often something was masked, by its kind. */
export class MaskCounts {
  private readonly counts = new Map<string, number>();

  add(kind: string): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  /** null: never. */
  toRecord(): Record<string, number> | null {
    return this.counts.size === 0 ? null : Object.fromEntries(this.counts);
  }
}

/** A table that tells whether a byte is one of these; ranges as in a regular expression: `0-9A-Z_`. */
export function byteClass(text: string): Uint8Array {
  const table = new Uint8Array(256);
  const pattern = new RegExp(`[${text}]`);
  for (let byte = 0; byte < 128; byte += 1) table[byte] = pattern.test(String.fromCharCode(byte)) ? 1 : 0;
  return table;
}
