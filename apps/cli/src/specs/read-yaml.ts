import { type CST, Composer, type Document, isMap, LineCounter, Parser } from 'yaml';
import { DocumentError, type Place } from './document.js';
import { BadValue, offsetOf, YamlValues } from './yaml-values.js';

/** A document of a file, not yet looked into. */
export interface RawDocument {
  readonly place: Place;
  readonly value: unknown;
  /** Where a key of its outermost map stands; the document's own place where it has none such. */
  readonly placeOf: (key: string) => Place;
}

const MAX_DEPTH = 100;
/** Values and characters of one file: twice what its bytes can be without aliases. */
const MAX_EXPANDED = 8 * 1024 * 1024;

/**
 * All documents of a text, empty ones left out: YAML, or one JSON object per line.
 * @param file for errors
 * @throws DocumentError with the first thing that is wrong
 */
export function readYaml(text: string, file: string): RawDocument[] {
  return readJsonLines(text, file) ?? readDocuments(text, file);
}

function readDocuments(text: string, file: string): RawDocument[] {
  const lines = new LineCounter();
  const place = (document: number, offset: number): Place => ({
    file,
    document,
    line: Math.max(1, lines.linePos(offset).line),
  });
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  refuseDepth(tokens, place);
  // Repeated keys are found by YamlValues, in less time.
  const composed = new Composer({
    schema: 'core',
    prettyErrors: false,
    uniqueKeys: false,
    keepSourceTokens: false,
  }).compose(tokens, true, text.length);
  const values = new YamlValues(MAX_EXPANDED);
  const found: RawDocument[] = [];
  let number = 0;
  for (const document of composed as Iterable<Document.Parsed>) {
    const current = (number += 1);
    const at = (offset: number): Place => place(current, offset);
    const [problem] = [...document.errors, ...document.warnings];
    if (problem) throw new DocumentError(at(problem.pos[0]), explain(problem));
    const value = valueOf(values, document, at);
    if (value !== undefined && value !== null)
      found.push({ place: at(offsetOf(document.contents)), value, placeOf: placesIn(document, at) });
  }
  return found;
}

function valueOf(values: YamlValues, document: Document.Parsed, at: (offset: number) => Place): unknown {
  try {
    return values.of(document);
  } catch (error) {
    throw error instanceof BadValue ? new DocumentError(at(error.offset), error.message) : error;
  }
}

function placesIn(document: Document.Parsed, at: (offset: number) => Place): (key: string) => Place {
  return (key) => {
    const { contents } = document;
    const pair = isMap(contents)
      ? contents.items.find((each) => (each.key as { value?: unknown } | null)?.value === key)
      : undefined;
    return at(offsetOf(pair?.key ?? contents));
  };
}

/** What the parser has to say, without the text that it quotes: that may be a secret. */
function explain({ code, message }: { readonly code: string; readonly message: string }): string {
  if (code === 'TAB_AS_INDENT') return 'a tab stands before the text: YAML is indented by spaces';
  const [first = ''] = message.split('\n');
  return `not YAML: ${first.replace(/: ".*$/, '')}`;
}

/** The composer calls itself for every level, and would end the process. */
function refuseDepth(tokens: readonly CST.Token[], place: (document: number, offset: number) => Place): void {
  let document = 0;
  const look = (token: CST.Token | null | undefined, depth: number): void => {
    if (!token) return;
    if (depth > MAX_DEPTH)
      throw new DocumentError(place(document, token.offset), `nested more than ${MAX_DEPTH} levels deep`);
    if ('value' in token && typeof token.value === 'object') look(token.value, depth);
    if (!('items' in token)) return;
    for (const item of token.items) {
      look(item.key, depth + 1);
      look(item.value, depth + 1);
    }
  };
  for (const token of tokens) {
    if (token.type === 'document') document += 1;
    look(token, 0);
  }
}

/** What `muster get --json` prints; undefined: the text is something else. */
function readJsonLines(text: string, file: string): RawDocument[] | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  const found: RawDocument[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const place = { file, document: found.length + 1, line: index + 1 };
    try {
      found.push({ place, value: JSON.parse(line) as unknown, placeOf: () => place });
    } catch {
      return undefined;
    }
  }
  return found;
}
