import * as os from 'node:os';
import { type Row, type Table } from '../engine/table.js';
import { prefixOf } from '../posix/addresses.js';
import { dictionaryOf, plainOf, type Plist, readPlist } from './plist.js';

const VERSION_FILE = '/System/Library/CoreServices/SystemVersion.plist';
/** The row of `os_version` of SystemVersion.plist. */
export function versionOf(plist: Plist): Row {
  const field = (name: string): string => plainOf(dictionaryOf(plist).get(name));
  const version = field('ProductVersion');
  const [major = 0, minor = 0, patch = 0] = version.split('.').map((part) => Number.parseInt(part, 10) || 0);
  return {
    name: field('ProductName'),
    version,
    major,
    minor,
    patch,
    build: field('ProductBuildVersion'),
    platform: 'darwin',
    platform_like: 'darwin',
    codename: '',
    arch: os.machine(),
    extra: field('ProductVersionExtra'),
  };
}

/** Which macOS this is. */
export const darwinOsVersion: Table = {
  name: 'os_version',
  platforms: ['darwin'],
  *rows(scan) {
    const plist = readPlist(VERSION_FILE, scan);
    if (plist === null) scan.warn(`${VERSION_FILE} cannot be read`);
    else yield versionOf(plist);
  },
};

/** The rows of `interface_addresses` of what Node knows: interfaces that are up. */
export function* addressesOf(interfaces: ReturnType<typeof os.networkInterfaces>): Iterable<Row> {
  for (const [name, list] of Object.entries(interfaces)) {
    for (const { address, netmask, family, internal, scopeid } of list ?? []) {
      const six = family === 'IPv6';
      yield {
        interface: name,
        address: six && scopeid ? `${address}%${name}` : address,
        mask: netmask,
        broadcast: six || internal || prefixOf(netmask) > 30 ? '' : broadcastOf(address, netmask),
        point_to_point: internal && !six ? address : '',
        type: 'unknown',
      };
    }
  }
}

function broadcastOf(address: string, netmask: string): string {
  const mask = netmask.split('.').map(Number);
  return address
    .split('.')
    .map((part, i) => Number(part) | (~(mask[i] ?? 0) & 255))
    .join('.');
}

/** Addresses of interfaces that are up. */
export const darwinInterfaceAddresses: Table = {
  name: 'interface_addresses',
  platforms: ['darwin'],
  *rows() {
    yield* addressesOf(os.networkInterfaces());
  },
};
