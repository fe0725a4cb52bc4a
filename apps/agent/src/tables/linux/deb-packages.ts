import { join } from 'node:path';
import { type Row, type Table } from '../engine/table.js';
import { linesOf } from '../posix/files.js';
import { type Stanza, stanzas } from './stanzas.js';

const ADMINDIR = '/var/lib/dpkg';

/** A paragraph of dpkg's status file; null for a package of which nothing is left. */
export function debPackage(stanza: Stanza): Row | null {
  const field = (name: string): string => stanza.get(name) ?? '';
  const version = field('version');
  const status = field('status');
  if (field('package') === '' || status.endsWith(' not-installed')) return null;
  return {
    name: field('package'),
    version,
    source: field('source'),
    // As dpkg has it: in kibibytes.
    size: /^\d+$/.test(field('installed-size')) ? Number(field('installed-size')) : null,
    arch: field('architecture'),
    revision: version.includes('-') ? version.slice(version.lastIndexOf('-') + 1) : '',
    status,
    maintainer: field('maintainer'),
    section: field('section'),
    priority: field('priority'),
  };
}

/** Packages that dpkg knows as installed, or as removed except for their configuration. */
export const debPackages: Table = {
  name: 'deb_packages',
  platforms: ['linux'],
  *rows(scan) {
    for (const admindir of scan.equals('admindir') ?? [ADMINDIR])
      for (const stanza of stanzas(linesOf(join(admindir, 'status'), scan))) {
        const row = debPackage(stanza);
        if (row) yield { ...row, admindir };
      }
  },
};
