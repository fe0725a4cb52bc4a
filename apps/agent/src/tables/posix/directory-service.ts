import { type Warn } from './files.js';
import { outputOf } from './programs.js';

/** A record of macOS's directory: the values of each attribute by its name. */
export type DirectoryRecord = ReadonlyMap<string, readonly string[]>;

const ATTRIBUTE = /^(?:dsAttrType\w+:)?([^\s:]+):(?: (.*))?$/;

/**
 * What `dscl … -readall` says: records with a line of one dash between. Values without blanks stand in one line; where one of
 * them has a blank each stands in a line of its own, moved in by one.
 */
export function* parseRecords(lines: Iterable<string>): Generator<DirectoryRecord> {
  let record = new Map<string, string[]>();
  let values: string[] = [];
  for (const line of lines) {
    if (line === '-') {
      if (record.size > 0) yield record;
      record = new Map();
    } else if (line.startsWith(' ')) values.push(line.slice(1));
    else {
      const [, name, rest = ''] = ATTRIBUTE.exec(line) ?? [];
      if (name === undefined) continue;
      values = rest.split(' ').filter((value) => value !== '');
      record.set(name, values);
    }
  }
  if (record.size > 0) yield record;
}

/** The records below a path of this Mac's own directory, with these attributes. */
export function recordsOf(
  path: string,
  attributes: readonly string[],
  scan: Warn,
): Iterable<DirectoryRecord> {
  const text = outputOf('dscl', ['.', '-readall', path, ...attributes], scan, { partial: true });
  return text === null ? [] : parseRecords(text.split('\n'));
}
