import { isUtf8 } from 'node:buffer';
import { DomainError } from '#libs/platform/errors/index';

/** How long a script may be; the number of lines is what people are told, nothing counts them. */
export interface ScriptLimit {
  /** Unicode code points: an emoji is one, whatever it takes in bytes. */
  readonly characters: number;
  readonly lines: number;
}

export const SAVED_SCRIPT_LIMIT: ScriptLimit = { characters: 500_000, lines: 10_000 };
export const ADHOC_SCRIPT_LIMIT: ScriptLimit = { characters: 10_000, lines: 125 };

/** No character of UTF-8 has more bytes. */
export const MAX_BYTES_PER_CHARACTER = 4;

const SECRET_VARIABLE = /\$\{?(FLEET_SECRET_\w+)/;

/**
 * Fleet's rules in Fleet's order: empty, too long, not text. Interpreters are the agent's question, and a NUL is
 * a character like any other.
 * @param field what the complaint is about: `script`, `script_contents`, `scripts[3]`
 * @throws DomainError invalid, the first that applies
 */
export function checkScriptContents(contents: string | Buffer, limit: ScriptLimit, field: string): void {
  const refuse = (reason: string): never => {
    throw new DomainError('invalid', { name: field, reason });
  };
  const text = contents.toString();
  if (text.trim() === '') refuse('Script contents must not be empty.');
  if (countCharacters(text) > limit.characters) refuse(tooLong(limit));
  const isText = typeof contents === 'string' ? contents.isWellFormed() : isUtf8(contents);
  if (!isText) refuse('Wrong data format. Only plain text allowed.');
}

/**
 * There are no secret variables here: a script that counts on one would run with nothing in its place.
 * @throws DomainError invalid, naming the variable
 */
export function refuseSecretVariables(contents: string | Buffer, field: string): void {
  const name = SECRET_VARIABLE.exec(contents.toString())?.[1];
  if (name === undefined) return;
  const reason = `Couldn't add. Secret variable "$${name}" missing from database: this server knows no secret variables.`;
  throw new DomainError('invalid', { name: field, reason });
}

/** What people are told about a script that is too long. */
export function tooLong({ characters, lines }: ScriptLimit): string {
  const number = (value: number): string => value.toLocaleString('en-US');
  return `Script is too large. It's limited to ${number(characters)} characters (approximately ${number(lines)} lines).`;
}

/** CRLF becomes LF; bytes that are no text stay as they are. */
export function unixNewlines(contents: Buffer): Buffer {
  if (!contents.includes('\r\n')) return contents;
  return Buffer.from(contents.toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
}

/** Code points, counted without a list of them; half a character counts as one. */
function countCharacters(text: string): number {
  let count = 0;
  for (let index = 0; index < text.length; index += 1) {
    if ((text.codePointAt(index) ?? 0) > 0xffff) index += 1;
    count += 1;
  }
  return count;
}
