import { type Plist } from './plist-value.js';

const TOKEN = /<!--[\s\S]*?-->|<!\[CDATA\[([\s\S]*?)\]\]>|<(\/?)(\w+)[^>]*?(\/?)>|[^<]+|</g;
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const MOST_DEPTH = 128;

interface Container {
  readonly items: Plist[] | null;
  readonly entries: Map<string, Plist>;
  key: string | null;
}

/** A property list in XML; null for what is none. @throws RangeError where it is nested too deeply */
export function parseXml(text: string): Plist | null {
  const open: Container[] = [];
  let result: Plist | null = null;
  let content = '';
  const put = (value: Plist): void => {
    const parent = open.at(-1);
    if (parent === undefined) result ??= value;
    else if (parent.items) parent.items.push(value);
    else if (parent.key !== null) {
      parent.entries.set(parent.key, value);
      parent.key = null;
    }
  };
  for (const [token, raw, slash, name, empty] of text.matchAll(TOKEN)) {
    if (raw !== undefined) content += raw;
    else if (name === undefined) content += token.startsWith('<') ? '' : plain(token);
    else if (slash === '') {
      content = '';
      if (name === 'dict' || name === 'array') {
        if (open.length >= MOST_DEPTH) throw new RangeError('nested too deeply');
        open.push({ items: name === 'array' ? [] : null, entries: new Map(), key: null });
      }
      if (empty === '/') close(name);
    } else close(name);
  }
  return result;

  function close(name: string): void {
    if (name === 'dict' || name === 'array') {
      const container = open.pop();
      if (container) put(container.items ?? container.entries);
    } else if (name === 'key') {
      const parent = open.at(-1);
      if (parent) parent.key = content;
    } else {
      const value = valueOf(name, content);
      if (value !== null) put(value);
    }
    content = '';
  }
}

function plain(text: string): string {
  return text.replace(/&(#x[0-9a-f]+|#\d+|\w+);/gi, (all, name: string) => {
    if (!name.startsWith('#')) return ENTITIES[name] ?? all;
    const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    return code <= 0x10ffff ? String.fromCodePoint(code) : all;
  });
}

function valueOf(name: string, content: string): Plist | null {
  switch (name) {
    case 'string':
      return content;
    case 'true':
      return true;
    case 'false':
      return false;
    case 'integer':
      return integerOf(content.trim());
    case 'real':
      return Number(content);
    case 'date':
      return new Date(content.trim());
    case 'data':
      return Buffer.from(content, 'base64');
    default:
      return null;
  }
}

/** Decimal or, with 0x, hexadecimal; exact where a number cannot hold it. */
function integerOf(text: string): number | bigint | null {
  const [, sign = '', digits = ''] = /^([-+]?)(\d+|0x[0-9a-f]+)$/i.exec(text) ?? [];
  if (digits === '') return null;
  const value = BigInt(digits) * (sign === '-' ? -1n : 1n);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
