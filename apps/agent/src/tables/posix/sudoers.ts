import { hostname } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { type Row, type Table } from '../engine/table.js';
import { linesOf, namesIn, type Warn } from './files.js';

/** sudoers(5): no more than this many files inside each other. */
const MOST_DEPTH = 128;
const INCLUDE = /^[#@](include|includedir)\s+(?:"([^"]+)"|((?:[^\s\\]|\\.)+))\s*$/;

/** Lines that a backslash carries on are one. */
function* logicalLines(lines: Iterable<string>): Generator<string> {
  let begun = '';
  for (const text of lines) {
    const line = begun + text.trim();
    if (line.endsWith('\\') && !line.startsWith('#')) {
      begun = `${line.slice(0, -1).trimEnd()} `;
      continue;
    }
    begun = '';
    yield line;
  }
  if (begun !== '') yield begun.trim();
}

/** The rules of one file and of those that it includes; a file that includes itself is read once. */
export function* sudoersRows(source: string, scan: Warn, chain: readonly string[] = []): Generator<Row> {
  if (chain.includes(source) || chain.length >= MOST_DEPTH) return;
  const inner = [...chain, source];
  for (const line of logicalLines(linesOf(source, scan, 'sudoers'))) {
    const [, header, quoted, bare] = INCLUDE.exec(line) ?? [];
    if (header !== undefined) {
      const path = resolve(quoted ?? (bare ?? '').replace(/\\(.)/g, '$1'), source);
      yield { source, header, rule_details: path };
      if (header === 'include') yield* sudoersRows(path, scan, inner);
      else
        for (const name of namesIn(path, scan, 'sudoers'))
          // sudoers(5): what editors and packagers leave behind does not count.
          if (!name.includes('.') && !name.endsWith('~')) yield* sudoersRows(join(path, name), scan, inner);
    } else if (line !== '' && !/^#(?!\d)/.test(line)) {
      const [first = '', ...others] = line.split(/\s+/);
      yield { source, header: first, rule_details: others.join(' ') };
    }
  }
}

/** A path of an include: beside the file that names it unless it is absolute; `%h` is this host's short name. */
function resolve(path: string, source: string): string {
  const named = path.replaceAll('%h', hostname().replace(/\..*/, ''));
  return isAbsolute(named) ? named : join(dirname(source), named);
}

/** Who may become whom. */
export const sudoers: Table = {
  name: 'sudoers',
  platforms: ['linux', 'darwin'],
  rows: (scan) => sudoersRows('/etc/sudoers', scan),
};
