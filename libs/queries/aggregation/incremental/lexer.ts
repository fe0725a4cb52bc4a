import { fold } from '../results-table.js';

/** A piece of SQL. `name` is quoted or no keyword; `word` is a keyword or may be one, in lower case. */
export type Token =
  | { readonly type: 'word'; readonly text: string }
  | { readonly type: 'name'; readonly text: string; readonly quote: '"' | '`' | '[' | null }
  | { readonly type: 'string'; readonly text: string }
  | { readonly type: 'number'; readonly text: string }
  | { readonly type: 'symbol'; readonly text: string };

/** Thrown for everything that is left to SQLite. */
export class NotIncremental extends Error {}

/** All words that SQLite does not take for a name everywhere (sqlite.org/lang_keywords.html). */
const KEYWORDS = new Set(
  `abort action add after all alter always analyze and as asc attach autoincrement before begin between by cascade
  case cast check collate column commit conflict constraint create cross current current_date current_time
  current_timestamp database default deferrable deferred delete desc detach distinct do drop each else end escape except
  exclude exclusive exists explain fail filter first following for foreign from full generated glob group groups having
  if ignore immediate in index indexed initially inner insert instead intersect into is isnull join key last left like
  limit match materialized natural no not nothing notnull null nulls of offset on or order others outer over partition
  plan pragma preceding primary query raise range recursive references regexp reindex release rename replace restrict
  returning right rollback row rows savepoint select set table temp temporary then ties to transaction trigger
  unbounded union unique update using vacuum values view virtual when where window with without within`.split(
    /\s+/,
  ),
);

const SKIPPED = /(?:[ \t\n\f\r]+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))*/y;
const TOKEN = new RegExp(
  [
    /(?<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)/,
    /(?<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)/,
    /'(?<string>(?:[^']|'')*)'/,
    /"(?<double>(?:[^"]|"")*)"/,
    /`(?<back>(?:[^`]|``)*)`/,
    /\[(?<bracket>[^\]]*)\]/,
    /(?<symbol><=|>=|<>|==|!=|\|\||[-+*/<>=(),.;])/,
  ]
    .map((part) => part.source)
    .join('|'),
  'y',
);
/** What must not stand right behind a word or number: x'00', 0x1f, 1_000. */
const GLUED = /[\w$'\u0080-\uffff]/;

/** Splits SQL as SQLite does. @throws NotIncremental for what is not known here */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; ;) {
    SKIPPED.lastIndex = at;
    SKIPPED.exec(sql);
    at = SKIPPED.lastIndex;
    if (at >= sql.length) return tokens;
    TOKEN.lastIndex = at;
    const groups = TOKEN.exec(sql)?.groups;
    if (!groups) throw new NotIncremental(`at ${at}`);
    at = TOKEN.lastIndex;
    const open = groups['word'] !== undefined || groups['number'] !== undefined;
    if (open && GLUED.test(sql.charAt(at))) throw new NotIncremental(`at ${at}`);
    tokens.push(tokenOf(groups));
  }
}

function tokenOf(groups: Readonly<Record<string, string | undefined>>): Token {
  const { word, number, string, double, back, bracket, symbol } = groups;
  if (word !== undefined)
    return KEYWORDS.has(fold(word))
      ? { type: 'word', text: fold(word) }
      : { type: 'name', text: word, quote: null };
  if (number !== undefined) return { type: 'number', text: number };
  if (string !== undefined) return { type: 'string', text: string.replaceAll("''", "'") };
  if (double !== undefined) return { type: 'name', text: double.replaceAll('""', '"'), quote: '"' };
  if (back !== undefined) return { type: 'name', text: back.replaceAll('``', '`'), quote: '`' };
  if (bracket !== undefined) return { type: 'name', text: bracket, quote: '[' };
  return { type: 'symbol', text: symbol ?? '' };
}
