import { join } from 'node:path';
import { type Row, type Table } from '../engine/table.js';
import { linesOf, namesIn } from '../posix/files.js';

const FILES = ['/etc/yum.conf', '/etc/dnf/dnf.conf'];
const DIRECTORY = '/etc/yum.repos.d';
const COLUMNS = ['name', 'baseurl', 'mirrorlist', 'metalink', 'enabled', 'gpgcheck', 'gpgkey'];

/** The repositories of a file in yum's style; its own settings ("main") are none. */
export function* parseYum(lines: Iterable<string>): Generator<Row> {
  let section = 'main';
  let values = new Map<string, string>();
  let key = '';
  const done = function* (): Generator<Row> {
    if (section === 'main') return;
    yield Object.fromEntries(COLUMNS.map((column) => [column, values.get(column) ?? '']));
  };
  for (const line of lines) {
    if (/^\s*(?:[#;]|$)/.test(line)) continue;
    const header = /^\[(.+)\]\s*$/.exec(line)?.[1];
    const [, name, value = ''] = /^([\w.-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (header !== undefined) {
      yield* done();
      section = header;
      values = new Map([['name', header]]);
      key = '';
    } else if (name !== undefined) {
      key = name.toLowerCase();
      values.set(key, value);
    } else if (/^\s/.test(line) && key !== '') {
      // More of the same: several addresses, say.
      values.set(key, `${values.get(key) ?? ''} ${line.trim()}`.trim());
    }
  }
  yield* done();
}

/** Where yum and dnf get packages from. */
export const yumSources: Table = {
  name: 'yum_sources',
  platforms: ['linux'],
  *rows(scan) {
    const repositories = namesIn(DIRECTORY, scan).filter((name) => name.endsWith('.repo'));
    for (const source of [...FILES, ...repositories.map((name) => join(DIRECTORY, name))])
      for (const row of parseYum(linesOf(source, scan))) yield { ...row, source };
  },
};
