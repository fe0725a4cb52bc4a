import { type Row, type Table } from '../engine/table.js';
import { joined, namesIn } from '../posix/files.js';
import { outputOf } from '../posix/programs.js';
import { dictionaryOf, itemsOf, plainOf, type Plist, readPlist } from './plist.js';

const RECEIPTS = ['/private/var/db/receipts', '/Library/Receipts', '/Library/Apple/System/Library/Receipts'];
const HISTORY = '/Library/Receipts/InstallHistory.plist';

function secondsOf(value: Plist | undefined): number | null {
  return value instanceof Date ? value.getTime() / 1000 : null;
}

/** A row of a receipt; null for a file that is none. */
export function toReceipt(path: string, plist: Plist): Row | null {
  const receipt = dictionaryOf(plist);
  const text = (name: string): string => plainOf(receipt.get(name));
  if (text('PackageIdentifier') === '') return null;
  return {
    package_id: text('PackageIdentifier'),
    package_filename: text('PackageFileName'),
    version: text('PackageVersion'),
    location: text('InstallPrefixPath'),
    install_time: secondsOf(receipt.get('InstallDate')),
    installer_name: text('InstallProcessName'),
    path,
  };
}

/** Packages that the installer has installed. */
export const packageReceipts: Table = {
  name: 'package_receipts',
  platforms: ['darwin'],
  *rows(scan) {
    const files = RECEIPTS.flatMap((directory) =>
      namesIn(directory, scan)
        .filter((name) => name.endsWith('.plist') && joined(directory, name) !== HISTORY)
        .map((name) => joined(directory, name)),
    );
    for (const path of scan.equals('path') ?? files) {
      const plist = readPlist(path, scan, 'every receipt');
      const row = plist && toReceipt(path, plist);
      if (row) yield row;
    }
  },
};

/** Rows of what has been installed: one for each package of an installation. */
export function* historyOf(plist: Plist): Generator<Row> {
  for (const item of itemsOf(plist)) {
    const entry = dictionaryOf(item);
    const text = (name: string): string => plainOf(entry.get(name));
    const time = secondsOf(entry.get('date'));
    const row = {
      time: time === null ? null : Math.floor(time),
      name: text('displayName'),
      version: text('displayVersion'),
      source: text('processName'),
      content_type: text('contentType'),
    };
    const packages = itemsOf(entry.get('packageIdentifiers')).map(plainOf);
    for (const package_id of packages.length === 0 ? [''] : packages) yield { package_id, ...row };
  }
}

/** What has been installed when. */
export const packageInstallHistory: Table = {
  name: 'package_install_history',
  platforms: ['darwin'],
  *rows(scan) {
    const plist = readPlist(HISTORY, scan);
    if (plist !== null) yield* historyOf(plist);
  },
};

/** A line of `lsbom -p fugmst`; null for what is none. */
export function parseBomLine(line: string): Omit<Row, 'path'> | null {
  const [filepath, uid, gid, mode, size, time] = line.split('\t');
  if (filepath === undefined || mode === undefined || !/^[0-7]+$/.test(mode)) return null;
  return {
    filepath,
    uid: Number(uid),
    gid: Number(gid),
    mode: Number.parseInt(mode, 8),
    size: Number(size) || 0,
    modified_time: Number(time) || 0,
  };
}

/** The files of a package, of its bill of materials. */
export const packageBom: Table = {
  name: 'package_bom',
  platforms: ['darwin'],
  *rows(scan) {
    for (const path of scan.equals('path') ?? []) {
      if (!path.startsWith('/')) continue;
      for (const line of (outputOf('lsbom', ['-p', 'fugmst', path], scan) ?? '').split('\n')) {
        const row = parseBomLine(line);
        if (row) yield { ...row, path };
      }
    }
  },
};
