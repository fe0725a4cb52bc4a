import { isIP } from 'node:net';
import { isUuid, MAX_ID } from '#libs/platform/http/index';
import { type Operator } from './selector.js';
import { type Parameters } from './parameters.js';

/** How facts of one kind are compared. SQL that yields NULL is read as false: what a host has not told is like nothing. */
export interface FactKind {
  readonly operators: readonly Operator[];
  /** What values have to be, for people; null: the value is one. */
  readonly complaint: (value: string, operator: Operator) => string | null;
  /** A condition about the row. @param sql the fact itself, which reads the row of `hosts` under the name `h` */
  readonly compare: (
    sql: string,
    operator: Operator,
    values: readonly string[],
    parameters: Parameters,
  ) => string;
}

const ORDERS = ['<', '<=', '>', '>='] as const;

/** `*` and `%` stand for any text, `?` for one character, in LIKE's words. */
export function likePattern(glob: string): string {
  return glob.replace(/[\\_]/g, '\\$&').replaceAll('*', '%').replaceAll('?', '_');
}

const like = (sql: string, values: readonly string[], parameters: Parameters): string =>
  `${sql} ILIKE ${parameters.add(likePattern(values.join()))}`;

/** For what has no index: many values are looked up in a table of hashes. */
function oneOf(sql: string, type: string, values: readonly unknown[], parameters: Parameters): string {
  if (values.length === 1) return `${sql} = ${parameters.add(values[0])}::${type}`;
  return `${sql} IN (SELECT unnest(${parameters.add(values)}::${type}[]))`;
}

/** For columns with an index. Of a list of unknown length the planner expects so many that it may read all hosts instead. */
function equalTo(values: readonly string[], type: string, parameters: Parameters): string {
  return values.length === 1
    ? `= ${parameters.add(values[0])}::${type}`
    : `= ANY(${parameters.add(values)}::${type}[])`;
}

const text: FactKind = {
  operators: ['in', 'like'],
  complaint: (value) => (value === '' ? 'expected a text, not an empty one' : null),
  compare: (sql, operator, values, parameters) =>
    operator === 'like' ? like(sql, values, parameters) : oneOf(sql, 'text', values, parameters),
};

const hostname: FactKind = {
  ...text,
  compare: (sql, operator, values, parameters) =>
    operator === 'like' ? like(sql, values, parameters) : `${sql} ${equalTo(values, 'text', parameters)}`,
};

const VERSION = /^\d{1,18}(?:\.\d{1,18}){0,7}$/;

/**
 * The first number in the text, dots and all: `22.04.3` of `Ubuntu 22.04.3 LTS`. It is compared as far as the value goes: 22.04.3
 * is 22.04, and not above it; what the host's lacks counts as 0.
 */
const version: FactKind = {
  operators: ['in', 'like', ...ORDERS],
  complaint: (value, operator) => {
    if (operator === 'like') return text.complaint(value, operator);
    return VERSION.test(value)
      ? null
      : 'expected a version such as 22.04 (for any part of the text use like)';
  },
  compare: (sql, operator, values, parameters) => {
    if (operator === 'like') return like(sql, values, parameters);
    const sign = operator === 'in' ? '=' : operator;
    const compared = values.map((value) => {
      const parts = value.split('.');
      // Text that has no number in it stays NULL.
      const filled = `substring(${sql} from '\\d+(?:\\.\\d+)*') || '${'.0'.repeat(parts.length)}'`;
      return `(string_to_array(${filled}, '.')::numeric[])[1:${parts.length}] ${sign} ${parameters.add(parts)}::numeric[]`;
    });
    return `(${compared.join(' OR ')})`;
  },
};

const NUMBER = /^\d{1,15}(?:\.\d{1,6})?$/;

function compareNumbers(
  sql: string,
  operator: Operator,
  values: readonly (string | number)[],
  parameters: Parameters,
): string {
  if (operator === 'in') return oneOf(sql, 'numeric', values, parameters);
  return `${sql} ${operator} ${parameters.add(values[0])}::numeric`;
}

const number: FactKind = {
  operators: ['in', ...ORDERS],
  complaint: (value) => (NUMBER.test(value) ? null : 'expected a number such as 4'),
  compare: compareNumbers,
};

const SIZE = /^(\d{1,15}(?:\.\d{1,6})?)(?:([kKMGT])(i?))?B?$/;
const POWERS = { k: 1, M: 2, G: 3, T: 4 };

/** Bytes of `8GB` or `512MiB`; null when it is no size. */
export function bytesOf(size: string): number | null {
  const [, amount, unit, binary] = SIZE.exec(size) ?? [];
  if (amount === undefined) return null;
  const power = unit === undefined ? 0 : POWERS[unit.replace('K', 'k') as keyof typeof POWERS];
  return Math.round(Number(amount) * (binary ? 1024 : 1000) ** power);
}

const size: FactKind = {
  operators: ['in', ...ORDERS],
  complaint: (value) => (bytesOf(value) === null ? 'expected a size such as 8GB or 512MiB' : null),
  compare: (sql, operator, values, parameters) =>
    compareNumbers(
      sql,
      operator,
      values.map((value) => bytesOf(value) ?? 0),
      parameters,
    ),
};

const flag: FactKind = {
  operators: ['in'],
  complaint: (value) => (/^(?:true|false)$/i.test(value) ? null : 'expected true or false'),
  compare: (sql, _operator, values) => {
    const wanted = new Set(values.map((value) => value.toLowerCase() === 'true'));
    return wanted.size === 2 ? `${sql} IS NOT NULL` : `${sql} IS ${wanted.has(true) ? 'TRUE' : 'FALSE'}`;
  },
};

/** Any of the host's addresses, within one of these. */
const address: FactKind = {
  operators: ['in', 'like'],
  complaint: (value, operator) => {
    if (operator === 'like') return text.complaint(value, operator);
    return isAddress(value) ? null : 'expected an address such as 10.1.2.3, or a range such as 10.1.0.0/16';
  },
  compare: (sql, operator, values, parameters) => {
    const matches =
      operator === 'like'
        ? like('a.address', values, parameters)
        : `CASE WHEN pg_input_is_valid(a.address, 'inet') THEN a.address::inet <<= ANY(${parameters.add(values)}::inet[]) END`;
    return `EXISTS (SELECT FROM (${sql}) a(address) WHERE ${matches})`;
  },
};

function isAddress(value: string): boolean {
  const [ip = '', prefix, ...rest] = value.split('/');
  const family = value.includes('%') ? 0 : isIP(ip);
  if (family === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128));
}

const uuid: FactKind = {
  operators: ['in'],
  complaint: (value) => (isUuid(value) ? null : 'expected a uuid'),
  compare: (sql, _operator, values, parameters) => `${sql} ${equalTo(values, 'uuid', parameters)}`,
};

const id: FactKind = {
  operators: ['in', ...ORDERS],
  complaint: (value) =>
    /^\d{1,10}$/.test(value) && Number(value) <= MAX_ID ? null : `expected an id, a number up to ${MAX_ID}`,
  compare: (sql, operator, values, parameters) =>
    operator === 'in'
      ? `${sql} ${equalTo(values, 'int', parameters)}`
      : `${sql} ${operator} ${parameters.add(values[0])}::int`,
};

/** What is known by its name, and compared by its id; 0 stands for none. */
const name: FactKind = {
  operators: ['in'],
  complaint: text.complaint,
  compare: (sql, _operator, values, parameters) => {
    const equal = `${sql} ${equalTo(values, 'int', parameters)}`;
    return values.includes('0') ? `(${equal} OR ${sql} IS NULL)` : equal;
  },
};

export const KINDS = { text, hostname, version, number, size, flag, address, uuid, id, name } as const;
