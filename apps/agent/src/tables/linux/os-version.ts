import * as os from 'node:os';
import { readTextOr } from '../../platform/files.js';
import { type Row, type Table } from '../engine/table.js';
import { namespaceNumber } from './process-namespaces.js';
import { readProc, readProcLink } from './proc.js';

/** os-release(5) as names and values: what a shell would make of it. */
export function parseOsRelease(content: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of content.split('\n')) {
    const [, name, value = ''] = /^\s*([A-Z][A-Z0-9_]*)=(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined) fields.set(name, unquote(value));
  }
  return fields;
}

function unquote(value: string): string {
  if (/^'.*'$/.test(value)) return value.slice(1, -1);
  const inner = /^".*"$/.test(value) ? value.slice(1, -1) : value;
  return inner.replace(/\\(["$`\\])/g, '$1');
}

/** The row of `os_version`. @param release what older Red Hats say in a file of their own, with the minor version */
export function versionOf(fields: ReadonlyMap<string, string>, release: string): Row {
  const field = (name: string): string => fields.get(name) ?? '';
  const platform = field('ID');
  const full = ['centos', 'rhel', 'amzn', 'rocky', 'almalinux'].includes(platform)
    ? (/\d+(\.\d+)+/.exec(release)?.[0] ?? field('VERSION_ID'))
    : field('VERSION_ID');
  const [major = 0, minor = 0, patch = 0] = full.split('.').map((part) => Number.parseInt(part, 10) || 0);
  return {
    name: field('NAME'),
    version: field('VERSION') || full,
    major,
    minor,
    patch,
    build: field('BUILD_ID'),
    platform,
    platform_like: field('ID_LIKE'),
    codename: field('VERSION_CODENAME'),
    arch: os.machine(),
  };
}

/** Which system this is. */
export const osVersion: Table = {
  name: 'os_version',
  platforms: ['linux'],
  *rows(scan) {
    const content = readProc('/etc/os-release', scan) ?? readProc('/usr/lib/os-release', scan);
    if (content === null) return;
    yield {
      ...versionOf(parseOsRelease(content), readTextOr('/etc/redhat-release')),
      pid_with_namespace: 0,
      mount_namespace_id: scan.uses('mount_namespace_id')
        ? namespaceNumber(readProcLink('/proc/self/ns/mnt', scan))
        : '',
    };
  },
};
