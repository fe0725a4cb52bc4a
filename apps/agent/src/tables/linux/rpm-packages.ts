import { existsSync } from 'node:fs';
import { type Row, type Table, type Value } from '../engine/table.js';
import { outputOf } from '../posix/programs.js';

/** Columns by the tags of rpm that fill them. */
const TAGS = {
  name: 'NAME',
  version: 'VERSION',
  release: 'RELEASE',
  source: 'SOURCERPM',
  size: 'LONGSIZE',
  sha1: 'SHA1HEADER',
  arch: 'ARCH',
  epoch: 'EPOCHNUM',
  install_time: 'INSTALLTIME',
  vendor: 'VENDOR',
  package_group: 'GROUP',
} as const;
const NUMBERS = new Set(['size', 'epoch', 'install_time']);
const FORMAT = `${Object.values(TAGS)
  .map((tag) => `%{${tag}}`)
  .join('\\t')}\\n`;
const DATABASES = ['/var/lib/rpm', '/usr/lib/sysimage/rpm'];
const RPM_MILLISECONDS = 30_000;

/** A line as rpm prints it in `FORMAT`; null for one that is none. */
export function parseRpmLine(line: string): Row | null {
  const values = line.split('\t');
  const columns = Object.keys(TAGS);
  if (values.length !== columns.length) return null;
  const valueOf = (column: string, value = ''): Value => {
    if (NUMBERS.has(column)) return /^\d+$/.test(value) ? Number(value) : 0;
    return value === '(none)' ? '' : value;
  };
  return Object.fromEntries(columns.map((column, i) => [column, valueOf(column, values[i])]));
}

/** Packages that rpm knows as installed. */
export const rpmPackages: Table = {
  name: 'rpm_packages',
  platforms: ['linux'],
  *rows(scan) {
    if (!DATABASES.some((path) => existsSync(path))) return;
    const text = outputOf('rpm', ['-qa', '--qf', FORMAT], scan, { milliseconds: RPM_MILLISECONDS });
    for (const line of (text ?? '').split('\n')) {
      const row = parseRpmLine(line);
      if (row) yield row;
    }
  },
};
