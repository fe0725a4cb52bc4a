import { CliError } from '../errors.js';

/*
 * Readers for what the server answers. A schema library would cost every command more start-up time than the rest
 * of it together; what is read here is little, and what is not read passes through untouched.
 */

/** An answer that is not what the API promises; `message` names the place. */
export class UnexpectedShape extends Error {
  override readonly name = 'UnexpectedShape';
}

type Reader<T> = (value: unknown, at: string) => T;

function reader<T>(kind: string, is: (value: unknown) => value is T): Reader<T> {
  return (value, at) => {
    if (!is(value)) throw new UnexpectedShape(`${at} is not ${kind}`);
    return value;
  };
}

export const string = reader('a text', (value): value is string => typeof value === 'string');
export const number = reader('a number', (value): value is number => typeof value === 'number');
export const boolean = reader('a yes or no', (value): value is boolean => typeof value === 'boolean');
export const record = reader(
  'an object',
  (value): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value),
);

export function list<T>(value: unknown, item: Reader<T>, at: string): T[] {
  if (!Array.isArray(value)) throw new UnexpectedShape(`${at} is not a list`);
  return value.map((each, index) => item(each, `${at}[${index}]`));
}

/** Absent and null are one. */
export function optional<T>(value: unknown, read: Reader<T>, at: string): T | undefined {
  return value === undefined || value === null ? undefined : read(value, at);
}

/** Reads an answer of the server at `url`. @throws CliError where it is not what the API promises */
export function readAnswer<T>(url: string, reading: () => T): T {
  try {
    return reading();
  } catch (error) {
    if (!(error instanceof UnexpectedShape)) throw error;
    throw new CliError(
      `${url} answered something unexpected (${error.message}): is this a Muster server of this version?`,
    );
  }
}
