import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap } from 'yaml';
import { isFields } from './document.js';

/** Something in a document that is not allowed there. */
export class BadValue extends Error {
  constructor(
    message: string,
    /** Characters from the beginning of the text. */
    readonly offset: number,
  ) {
    super(message);
  }
}

interface Anchor {
  readonly value: unknown;
  readonly size: number;
}

/**
 * A document's nodes as plain values. The package's own conversion lets aliases multiply and compares each key of a map
 * with every other; here repeated keys cost nothing to find, aliases share one value, and their sum is counted.
 */
export class YamlValues {
  /** null: still being read. An alias means the nearest one before it. */
  private readonly anchors = new Map<string, Anchor | null>();
  /** Values and characters so far, aliases as if they were written out. */
  private size = 0;

  /** @param most as large as all values and characters may become */
  constructor(private readonly most: number) {}

  /** @throws BadValue */
  of(document: Document.Parsed): unknown {
    this.anchors.clear();
    return document.contents === null ? undefined : this.value(document.contents);
  }

  private value(node: unknown): unknown {
    if (node === null || node === undefined) return null;
    if (isAlias(node)) return this.aliased(node.source, offsetOf(node));
    const { anchor } = node as { anchor?: string };
    const before = this.size;
    if (anchor !== undefined) this.anchors.set(anchor, null);
    const value = this.plain(node as Node);
    if (anchor !== undefined) this.anchors.set(anchor, { value, size: this.size - before });
    return value;
  }

  private aliased(name: string, offset: number): unknown {
    const anchor = this.anchors.get(name);
    if (anchor === undefined)
      throw new BadValue(`*${name} stands for nothing: no &${name} before it`, offset);
    if (anchor === null) throw new BadValue(`*${name} contains itself`, offset);
    this.grow(anchor.size, offset);
    return anchor.value;
  }

  private plain(node: Node): unknown {
    const offset = offsetOf(node);
    if (isMap(node)) return this.map(node);
    if (isSeq(node)) {
      this.grow(1, offset);
      return node.items.map((item) => this.value(item));
    }
    const value = isScalar(node) ? node.value : undefined;
    this.grow(typeof value === 'string' ? 1 + value.length : 1, offset);
    if (value === null || ['string', 'boolean'].includes(typeof value)) return value;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw new BadValue('a value is neither text, number, true, false nor null', offset);
  }

  private map(map: YAMLMap): unknown {
    this.grow(1, offsetOf(map));
    const own = new Map<string, unknown>();
    const merged: unknown[] = [];
    for (const pair of map.items) {
      const key = this.key(pair);
      const value = this.value(pair.value);
      if (key === '<<' && isPlain(pair.key)) merged.push(...mergeable(value, offsetOf(pair.key)));
      else if (own.has(key)) throw new BadValue(`the key "${key}" stands here twice`, offsetOf(pair.key));
      else own.set(key, value);
    }
    // Defined, not assigned: a key may be called __proto__.
    const entries = [...merged.reverse().flatMap((each) => Object.entries(each as object)), ...own];
    return Object.fromEntries(entries);
  }

  private key({ key }: Pair): string {
    const offset = offsetOf(key);
    const value = isScalar(key) ? key.value : undefined;
    if (value !== null && !['string', 'number', 'boolean'].includes(typeof value))
      throw new BadValue('a key is not a text', offset);
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    this.grow(text.length, offset);
    return text;
  }

  private grow(by: number, offset: number): void {
    this.size += by;
    if (this.size > this.most) throw new BadValue('its aliases multiply to more than can be meant', offset);
  }
}

/** Without quotes. */
function isPlain(key: unknown): boolean {
  return isScalar(key) && key.type === 'PLAIN';
}

/** What `<<` takes: a map, or several, the first of which counts most. */
function mergeable(value: unknown, offset: number): unknown[] {
  const maps = Array.isArray(value) ? (value as unknown[]) : [value];
  if (!maps.every(isFields)) throw new BadValue('<< takes a map, or a list of maps', offset);
  return maps;
}

export function offsetOf(node: unknown): number {
  return (node as Partial<Node> | null)?.range?.[0] ?? 0;
}
