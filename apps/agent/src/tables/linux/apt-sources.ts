import { join } from 'node:path';
import { type Row, type Table } from '../engine/table.js';
import { linesOf, namesIn, readText, type Warn } from '../posix/files.js';
import { type Stanza, stanzas } from './stanzas.js';

/** One repository of packages: where it is and which suite of it. */
export interface AptSource {
  readonly uri: string;
  readonly suite: string;
}

const LISTS = '/var/lib/apt/lists';
const NO = new Set(['no', 'false', 'without', 'off', 'disable', '0']);
/** The header of a Release file is short, its lists of digests are not. */
const HEADER_BYTES = 16 * 1024;

/** A line of sources.list(5); null for comments and sources of source code. */
export function parseAptLine(text: string): AptSource | null {
  const line = text.replace(/#.*/, '').trim();
  const [, uri = '', suite = ''] = /^deb\s+(?:\[[^\]]*\]\s*)?(\S+)\s+(\S+)/.exec(line) ?? [];
  return uri.includes('://') ? { uri: trimmed(uri), suite } : null;
}

/** A paragraph in deb822 style: each of its URIs with each of its suites. */
export function parseAptStanza(stanza: Stanza): AptSource[] {
  const words = (name: string): string[] =>
    (stanza.get(name) ?? '').split(/\s+/).filter((word) => word !== '');
  if (!words('types').includes('deb') || NO.has((stanza.get('enabled') ?? '').toLowerCase())) return [];
  return words('uris')
    .filter((uri) => uri.includes('://'))
    .flatMap((uri) => words('suites').map((suite) => ({ uri: trimmed(uri), suite })));
}

function trimmed(uri: string): string {
  return uri.replace(/\/+$/, '');
}

/** What apt has fetched about a source; empty when it has not. */
function release({ uri, suite }: AptSource, scan: Warn): Stanza {
  const place = uri.replace(/^[^:]*:\/\/(?:[^/@]*@)?/, '');
  const path = suite.endsWith('/') ? `${place}/${suite.replace(/\/+$/, '')}` : `${place}/dists/${suite}`;
  const name = path.replaceAll('/', '_');
  for (const kind of ['InRelease', 'Release']) {
    const text = readText(`${LISTS}/${name}_${kind}`, scan, LISTS, HEADER_BYTES);
    if (text === null) continue;
    // The first paragraph of a signed file tells how it is signed.
    for (const stanza of stanzas(text.split('\n')))
      if (stanza.has('codename') || stanza.has('suite')) return stanza;
  }
  return new Map();
}

function toRow(file: string, source: AptSource, scan: Warn): Row {
  const fetched = release(source, scan);
  const field = (name: string): string => fetched.get(name) ?? '';
  return {
    name: `${source.uri.replace(/^[^:]*:\/\//, '')} ${source.suite}`,
    source: file,
    base_uri: source.uri,
    release: field('codename'),
    version: field('version'),
    maintainer: field('origin'),
    components: field('components'),
    architectures: field('architectures'),
  };
}

/** Where apt gets packages from. */
export const aptSources: Table = {
  name: 'apt_sources',
  platforms: ['linux'],
  *rows(scan) {
    const directory = '/etc/apt/sources.list.d';
    const files = namesIn(directory, scan).map((name) => join(directory, name));
    for (const file of ['/etc/apt/sources.list', ...files.filter((name) => name.endsWith('.list'))])
      for (const line of linesOf(file, scan)) {
        const source = parseAptLine(line);
        if (source) yield toRow(file, source, scan);
      }
    for (const file of files.filter((name) => name.endsWith('.sources')))
      for (const stanza of stanzas(linesOf(file, scan)))
        for (const source of parseAptStanza(stanza)) yield toRow(file, source, scan);
  },
};
