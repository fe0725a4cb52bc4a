import { SkipTable } from './skip-table.js';

/** A word that ends somewhere in a stream. */
export interface Occurrence {
  /** Place of the first byte after it, counted from the beginning of the bytes that were scanned. */
  readonly end: number;
  readonly length: number;
  /** Which word, by its place in the list. */
  readonly word: number;
}

/**
 * Aho–Corasick: finds every one of many words in one pass, in time that grows with the text alone, whatever stands in it.
 * Nodes keep their children in lists, not tables: a word costs some 25 bytes per byte. Between words, where nothing has
 * begun, whole windows are passed over.
 */
export class Automaton {
  private readonly root = new Int32Array(256);
  private readonly child: Int32Array;
  private readonly sibling: Int32Array;
  private readonly byte: Uint8Array;
  private readonly fail: Int32Array;
  /** The longest word that ends at a node, by its place in the list, or -1. */
  private readonly word: Int32Array;
  /** Bytes of the longest end of what was read that may still become a longer word. */
  private readonly live: Int32Array;
  private readonly skip: SkipTable;
  private nodes = 1;

  /** @param words distinct, none of them shorter than two bytes */
  constructor(private readonly words: readonly Buffer[]) {
    const size = words.reduce((sum, { length }) => sum + length, 1);
    this.child = new Int32Array(size);
    this.sibling = new Int32Array(size);
    this.byte = new Uint8Array(size);
    this.fail = new Int32Array(size);
    this.word = new Int32Array(size).fill(-1);
    this.live = new Int32Array(size);
    words.forEach((word, index) => this.insert(word, index));
    this.link();
    this.skip = new SkipTable(words);
  }

  /**
   * Reads on from a state (0 at the beginning), up to the end or the first occurrence. Of words that end at the same
   * place it names the longest.
   */
  scan(bytes: Buffer, from: number, state: number): { state: number; found: Occurrence | null } {
    const { word } = this;
    const { length } = bytes;
    for (let at = from; at < length;) {
      if (state === 0) {
        at = this.skip.next(bytes, at);
        if (at >= length) break;
      }
      state = this.step(state, bytes[at] as number);
      at += 1;
      const index = word[state] as number;
      if (index >= 0) return { state, found: { end: at, length: this.lengthOf(index), word: index } };
    }
    return { state, found: null };
  }

  /** How many of the bytes last read may be the beginning of a word that has not ended yet. */
  pending(state: number): number {
    return this.live[state] ?? 0;
  }

  private step(state: number, byte: number): number {
    while (state !== 0) {
      const next = this.find(state, byte);
      if (next !== 0) return next;
      state = this.fail[state] as number;
    }
    return this.root[byte] as number;
  }

  private find(state: number, byte: number): number {
    let next = this.child[state] as number;
    while (next !== 0 && this.byte[next] !== byte) next = this.sibling[next] as number;
    return next;
  }

  private insert(word: Buffer, index: number): void {
    let node = 0;
    for (const byte of word) {
      let next = node === 0 ? (this.root[byte] ?? 0) : this.find(node, byte);
      if (next === 0) {
        next = this.nodes;
        this.nodes += 1;
        this.byte[next] = byte;
        if (node === 0) this.root[byte] = next;
        this.sibling[next] = this.child[node] ?? 0;
        this.child[node] = next;
      }
      node = next;
    }
    this.word[node] = index;
  }

  /** Breadth first: what a node falls back to is nearer to the root and complete. */
  private link(): void {
    const queue = new Int32Array(this.nodes);
    const depth = new Int32Array(this.nodes);
    let filled = 1;
    for (let taken = 0; taken < filled; taken += 1) {
      const node = queue[taken] ?? 0;
      for (let next = this.child[node] ?? 0; next !== 0; next = this.sibling[next] ?? 0) {
        const fail = node === 0 ? 0 : this.step(this.fail[node] ?? 0, this.byte[next] ?? 0);
        this.fail[next] = fail;
        depth[next] = (depth[node] ?? 0) + 1;
        this.live[next] = (this.child[next] === 0 ? this.live[fail] : depth[next]) ?? 0;
        if (this.word[next] === -1) this.word[next] = this.word[fail] ?? -1;
        queue[filled] = next;
        filled += 1;
      }
    }
  }

  private lengthOf(index: number): number {
    return this.words[index]?.length ?? 0;
  }
}
