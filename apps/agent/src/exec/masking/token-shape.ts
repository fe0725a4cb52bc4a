import { byteClass } from './filter.js';
import { type Match, type Nothing, type Shape } from './shape-filter.js';
import { SkipTable } from './skip-table.js';

const WORD = byteClass('A-Za-z0-9_');
const BASE64URL = byteClass('A-Za-z0-9_\\-');
const ALPHANUMERIC = byteClass('A-Za-z0-9');
const BEARER = byteClass('A-Za-z0-9._~+/=\\-');

interface TokenKind {
  readonly prefix: Buffer;
  /** What may not stand before it. */
  readonly boundary: Uint8Array;
  /** How much of the prefix stays. */
  readonly keep: number;
  /** Parts with a dot between them, each of at least `least` bytes; only the last may have no end. */
  readonly parts: readonly { readonly of: Uint8Array; readonly least: number; readonly most: number }[];
  readonly tail: Uint8Array;
}

function kinds(prefixes: readonly string[], of: Uint8Array, least: number, keepsPrefix = false): TokenKind[] {
  return prefixes.map((prefix) => ({
    prefix: Buffer.from(prefix),
    boundary: WORD,
    keep: keepsPrefix ? prefix.length : 0,
    parts: [{ of, least, most: Infinity }],
    tail: of,
  }));
}

/** No prefix is another's beginning. */
const KINDS: readonly TokenKind[] = [
  ...kinds(['AKIA', 'ASIA'], byteClass('A-Z0-9'), 16),
  ...kinds(['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'], ALPHANUMERIC, 36),
  ...kinds(['github_pat_'], WORD, 22),
  ...kinds(['glpat-'], BASE64URL, 20),
  ...kinds(['xoxb-', 'xoxa-', 'xoxp-', 'xoxr-', 'xoxs-', 'xoxe-', 'xoxe.', 'xapp-'], BEARER, 10),
  ...kinds(['sk_live_', 'rk_live_'], ALPHANUMERIC, 16),
  ...kinds(['AIza'], BASE64URL, 35),
  ...kinds(['Bearer ', 'bearer '], BEARER, 16, true),
  {
    // A JSON Web Token: header and payload are JSON objects as base64url.
    prefix: Buffer.from('eyJ'),
    boundary: BASE64URL,
    keep: 0,
    parts: [
      { of: BASE64URL, least: 8, most: 2048 },
      { of: BASE64URL, least: 8, most: Infinity },
    ],
    tail: byteClass('A-Za-z0-9_.\\-'),
  },
];

const DOT = 0x2e;
const NO_KINDS: readonly TokenKind[] = [];
/** By the first byte of the prefix. */
const KINDS_BY_BYTE = Array.from({ length: 256 }, (_, byte) => {
  const own = KINDS.filter(({ prefix }) => prefix[0] === byte);
  return own.length === 0 ? NO_KINDS : own;
});

/** Tokens that say by their beginning what they are; what follows `Bearer` counts whatever it looks like. */
export class TokenShape implements Shape {
  private readonly prefixes = new SkipTable(KINDS.map(({ prefix }) => prefix));

  next(bytes: Buffer, from: number, before: number, complete: boolean): Match | Nothing {
    for (let at = from; ; at += 1) {
      at = this.prefixes.next(bytes, at);
      if (at >= bytes.length) return { kind: 'nothing', start: bytes.length };
      const own = KINDS_BY_BYTE[bytes[at] as number] ?? NO_KINDS;
      if (own === NO_KINDS) continue;
      const previous = at === 0 ? before : (bytes[at - 1] as number);
      for (const kind of own) {
        if (kind.boundary[previous] === 1) continue;
        const end = certainEnd(kind, bytes, at);
        if (end === 'open' && !complete) return { kind: 'nothing', start: at };
        if (typeof end === 'number') return { kind: 'match', start: at + kind.keep, end, tail: kind.tail };
      }
    }
  }
}

/** Where it is certain that this is such a token; `open`: more bytes will tell. */
function certainEnd({ prefix, parts }: TokenKind, bytes: Buffer, from: number): number | 'open' | 'none' {
  let at = from;
  for (const byte of prefix) {
    if (at === bytes.length) return 'open';
    if (bytes[at] !== byte) return 'none';
    at += 1;
  }
  for (const [index, { of, least, most }] of parts.entries()) {
    const isLast = index === parts.length - 1;
    const limit = at + (isLast ? least : most);
    const enough = at + least;
    while (at < limit && at < bytes.length && of[bytes[at] as number] === 1) at += 1;
    if (isLast && at === limit) return at;
    if (at === bytes.length) return 'open';
    if (isLast || at < enough || bytes[at] !== DOT) return 'none';
    at += 1;
  }
  return 'none';
}
