import { createHash } from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';
import { type Value } from './table.js';

/** A function of SQL: arguments as SQLite gives them, NULL as null. It throws what the query then fails with. */
export interface SqlFunction {
  readonly name: string;
  /** Number of arguments; -1: any. */
  readonly arguments: number;
  readonly call: (...values: Value[]) => Value;
}

/* osquery's own functions, in its semantics: mostly NULL in, NULL out. */

function text(value: Value): string {
  return value === null || value === undefined ? '' : String(value);
}

function nullable(call: (...values: string[]) => Value): SqlFunction['call'] {
  return (...values) =>
    values.some((value) => value === null || value === undefined) ? null : call(...values.map(text));
}

function digest(algorithm: string): SqlFunction['call'] {
  return nullable((value) => createHash(algorithm).update(value).digest('hex'));
}

const math = (name: string, call: (x: number) => number): SqlFunction => ({
  name,
  arguments: 1,
  call: nullable((value) => call(Number(value))),
});

/** The index-th of the parts between any of the characters in `separators`; empty parts do not count. */
function split(value: string, separators: string, index: string): Value {
  const parts = separators === '' ? [value] : value.split(anyOf(separators)).filter((part) => part !== '');
  return parts[Number(index)] ?? null;
}

function anyOf(characters: string): RegExp {
  return new RegExp(`[${characters.replace(/[\\\]^-]/g, '\\$&')}]`);
}

function expression(pattern: string): RegExp {
  try {
    return new RegExp(pattern);
  } catch (error) {
    throw new Error(`Invalid regex: ${(error as Error).message}`, { cause: error });
  }
}

/** Dotted quad to a number. */
function inetAton(address: string): Value {
  if (!isIPv4(address)) return null;
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** Sixteen bytes of an IPv6 address, four of an IPv4 one; null for anything else. */
export function addressBytes(address: string): Buffer | null {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  if (!isIPv6(address)) return null;
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const words = (part: string): number[] =>
    part === ''
      ? []
      : part.split(':').flatMap((word) => {
          if (!word.includes('.')) return [parseInt(word, 16)];
          const [a = 0, b = 0, c = 0, d = 0] = word.split('.').map(Number);
          return [a * 256 + b, c * 256 + d];
        });
  const left = words(head);
  const right = tail === undefined ? [] : words(tail);
  const all = [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
  const bytes = Buffer.alloc(16);
  all.forEach((word, i) => bytes.writeUInt16BE(word, i * 2));
  return bytes;
}

const ICMP = 1;
const ICMP6 = 58;
/** ICMP types that answer each other: the flow's "ports" (Community ID 1.0). */
const ICMP_ANSWERS: Readonly<Record<number, number>> = {
  0: 8,
  8: 0,
  9: 10,
  10: 9,
  13: 14,
  14: 13,
  15: 16,
  16: 15,
  17: 18,
  18: 17,
};
const ICMP6_ANSWERS: Readonly<Record<number, number>> = {
  128: 129,
  129: 128,
  130: 131,
  131: 130,
  133: 134,
  134: 133,
  135: 136,
  136: 135,
  139: 140,
  140: 139,
  144: 145,
  145: 144,
};

/** Community ID, version 1: one name for both directions of a flow. */
export function communityId(
  source: string,
  destination: string,
  sourcePort: number,
  destinationPort: number,
  protocol: number,
  seed = 0,
): string {
  const from = addressBytes(source);
  const to = addressBytes(destination);
  if (!from || !to) throw new Error('Community ID: source and destination must be IP addresses');
  let ports: [number, number] = [sourcePort, destinationPort];
  let oneWay = false;
  if (protocol === ICMP || protocol === ICMP6) {
    const answer = (protocol === ICMP ? ICMP_ANSWERS : ICMP6_ANSWERS)[sourcePort];
    oneWay = answer === undefined;
    if (answer !== undefined) ports = [sourcePort, answer];
  }
  const order = Buffer.compare(from, to);
  const turn = !oneWay && (order > 0 || (order === 0 && ports[0] > ports[1]));
  const head = Buffer.alloc(2);
  head.writeUInt16BE(seed);
  const tail = Buffer.alloc(6);
  tail.writeUInt8(protocol, 0);
  tail.writeUInt16BE(turn ? ports[1] : ports[0], 2);
  tail.writeUInt16BE(turn ? ports[0] : ports[1], 4);
  const flow = Buffer.concat([head, ...(turn ? [to, from] : [from, to]), tail]);
  return `1:${createHash('sha1').update(flow).digest('base64')}`;
}

function fromBase64(value: string): Value {
  return /^[A-Za-z0-9+/]*={0,2}$/.test(value) ? Buffer.from(value, 'base64').toString('utf8') : null;
}

// eslint-disable-next-line no-control-regex -- osquery encodes what is not plain ASCII
const NOT_ASCII = /[^\x00-\x7f]/;

/** Numbers by value, everything else by characters, part by part: 1.10 after 1.9. */
export function compareVersions(left: string, right: string): number {
  const parts = (version: string): string[] => version.match(/\d+|[A-Za-z]+/g) ?? [];
  const a = parts(left);
  const b = parts(right);
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const x = a[i];
    const y = b[i];
    if (x === undefined || y === undefined) return x === undefined ? -1 : 1;
    const numbers = /^\d/.test(x) && /^\d/.test(y);
    const order = numbers ? compare(BigInt(x), BigInt(y)) : compare(x, y);
    if (order !== 0) return order;
  }
  return 0;
}

function compare<T extends bigint | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const OPERATORS: Readonly<Record<string, (order: number) => boolean>> = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '=': (order) => order === 0,
  '==': (order) => order === 0,
  '>=': (order) => order >= 0,
  '>': (order) => order > 0,
};

export const FUNCTIONS: readonly SqlFunction[] = [
  { name: 'split', arguments: 3, call: nullable((a, b, c) => split(a ?? '', b ?? '', c ?? '0')) },
  {
    name: 'regex_split',
    arguments: 3,
    call: nullable(
      (value, pattern, index) =>
        value?.split(expression(pattern ?? '')).filter((p) => p !== '')[Number(index)] ?? null,
    ),
  },
  {
    name: 'regex_match',
    arguments: 3,
    call: nullable(
      (value, pattern, index) => expression(pattern ?? '').exec(value ?? '')?.[Number(index)] ?? null,
    ),
  },
  { name: 'concat', arguments: -1, call: (...values) => values.map(text).join('') },
  {
    name: 'concat_ws',
    arguments: -1,
    call: (separator, ...values) =>
      values
        .filter((value) => value !== null && value !== undefined)
        .map(text)
        .join(text(separator)),
  },
  { name: 'inet_aton', arguments: 1, call: nullable((address) => inetAton(address ?? '')) },
  {
    name: 'community_id_v1',
    arguments: -1,
    call: nullable((source = '', destination = '', sourcePort, destinationPort, protocol, seed = '0') =>
      communityId(
        source,
        destination,
        Number(sourcePort),
        Number(destinationPort),
        Number(protocol),
        Number(seed),
      ),
    ),
  },
  { name: 'to_base64', arguments: 1, call: nullable((value) => Buffer.from(value ?? '').toString('base64')) },
  { name: 'from_base64', arguments: 1, call: nullable((value) => fromBase64(value ?? '')) },
  {
    name: 'conditional_to_base64',
    arguments: 1,
    call: nullable((value = '') => (NOT_ASCII.test(value) ? Buffer.from(value).toString('base64') : value)),
  },
  { name: 'md5', arguments: 1, call: digest('md5') },
  { name: 'sha1', arguments: 1, call: digest('sha1') },
  { name: 'sha256', arguments: 1, call: digest('sha256') },
  {
    name: 'version_compare',
    arguments: -1,
    call: nullable((left = '', right = '', operator) => {
      const order = compareVersions(left, right);
      if (operator === undefined) return order;
      const test = OPERATORS[operator];
      if (!test) throw new Error(`version_compare: unknown operator "${operator}"`);
      return test(order);
    }),
  },
  // The other mathematical functions are SQLite's own; its log is the decimal one, osquery's the natural.
  math('log', Math.log),
  math('cot', (x) => 1 / Math.tan(x)),
];
