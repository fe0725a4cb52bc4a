/**
 * Finds where one of many words may begin, without looking at every byte: the last two bytes of a window as long as the
 * shortest word tell how far it may move. What it names is a candidate, and what it passes over is none.
 */
export class SkipTable {
  private readonly window: number;
  private readonly shifts: Uint8Array;

  /** @param words none of them shorter than two bytes */
  constructor(words: readonly Buffer[]) {
    this.window = words.reduce((least, { length }) => Math.min(least, length), 255);
    this.shifts = new Uint8Array(65_536).fill(this.window - 1);
    for (const word of words) {
      for (let last = 1; last < this.window; last += 1) {
        const pair = ((word[last - 1] ?? 0) << 8) | (word[last] ?? 0);
        this.shifts[pair] = Math.min(this.shifts[pair] ?? 0, this.window - 1 - last);
      }
    }
  }

  /**
   * The first place at or after `from` where a word may begin. Fewer bytes than a window before the end nothing is known:
   * those places are candidates.
   */
  next(bytes: Buffer, from: number): number {
    const { shifts, window } = this;
    const { length } = bytes;
    let last = from + window - 1;
    while (last < length) {
      const shift = shifts[((bytes[last - 1] as number) << 8) | (bytes[last] as number)] as number;
      if (shift === 0) break;
      last += shift;
    }
    return Math.min(last - window + 1, length);
  }
}
