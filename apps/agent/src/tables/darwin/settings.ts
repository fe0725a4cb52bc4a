import { type Row, type ScanContext, type Table } from '../engine/table.js';
import { recordsOf } from '../posix/directory-service.js';
import { linesOf } from '../posix/files.js';
import { pathsOf, textOf } from '../posix/paths.js';
import { outputOf } from '../posix/programs.js';
import { dictionaryOf, itemsOf, numberOf, parsePlist, plainOf, type Plist, readPlist } from './plist.js';

/** Rows of a property list: a key of the top, what is below it by names with slashes, and a plain value. */
export function* plistRows(plist: Plist, key = '', subkey = ''): Generator<Omit<Row, 'path'>> {
  if (Array.isArray(plist)) {
    for (const item of plist as readonly Plist[]) yield* plistRows(item, key || 'root', subkey);
  } else if (plist instanceof Map) {
    for (const [name, value] of dictionaryOf(plist)) {
      const below = subkey === '' ? name : `${subkey}/${name}`;
      yield* key === '' ? plistRows(value, name) : plistRows(value, key, below);
    }
  } else yield { key, subkey, value: plainOf(plist) };
}

/** Property lists by their paths. */
export const plist: Table = {
  name: 'plist',
  platforms: ['darwin'],
  *rows(scan) {
    for (const { path } of pathsOf(scan)) {
      const content = readPlist(textOf(path), scan, 'every property list');
      if (content !== null) for (const row of plistRows(content)) yield { ...row, path: textOf(path) };
    }
  },
};

/** A row of a variable of firmware. Bytes are shown as text where they are some, with zeros at the end left out. */
export function toVariable(name: string, value: Plist): Row {
  if (!Buffer.isBuffer(value)) {
    const type =
      typeof value === 'boolean' ? 'CFBoolean' : typeof value === 'string' ? 'CFString' : 'CFNumber';
    return { name, type, value: plainOf(value) };
  }
  const text = value.toString('latin1').replace(/\0+$/, '');
  return { name, type: 'CFData', value: /^[\x20-\x7e\t\r\n]*$/.test(text) ? text : value.toString('base64') };
}

/** Variables of firmware. */
export const nvram: Table = {
  name: 'nvram',
  platforms: ['darwin'],
  *rows(scan) {
    const text = outputOf('nvram', ['-x', '-p'], scan);
    const names = scan.equals('name');
    for (const [name, value] of dictionaryOf(text === null ? null : parsePlist(Buffer.from(text))))
      if (!names || names.includes(name)) yield toVariable(name, value);
  },
};

const TIME_MACHINE = '/Library/Preferences/com.apple.TimeMachine.plist';

function* destinations(scan: ScanContext): Generator<ReadonlyMap<string, Plist>> {
  const preferences = dictionaryOf(readPlist(TIME_MACHINE, scan));
  for (const item of itemsOf(preferences.get('Destinations'))) yield dictionaryOf(item);
}

/** The name of a volume in an alias of old: its length, then its letters; empty for anything else. */
function aliasOf(value: Plist | undefined): string {
  if (!Buffer.isBuffer(value) || value.length < 11 || value.readUInt16BE(4) !== value.length) return '';
  return value.toString('utf8', 11, 11 + value.readUInt8(10));
}

/** A row of a destination of Time Machine. */
export function toDestination(destination: ReadonlyMap<string, Plist>): Row {
  const scanned = destination.get('ConsistencyScanDate');
  return {
    alias: aliasOf(destination.get('BackupAlias')) || plainOf(destination.get('LastKnownVolumeName')),
    destination_id: plainOf(destination.get('DestinationID')),
    consistency_scan_date: scanned instanceof Date ? Math.floor(scanned.getTime() / 1000) : null,
    root_volume_uuid: plainOf(destination.get('RootVolumeUUID')),
    bytes_available: numberOf(destination.get('BytesAvailable')),
    bytes_used: numberOf(destination.get('BytesUsed')),
    encryption: plainOf(destination.get('LastKnownEncryptionState')),
  };
}

/** Where Time Machine keeps backups. */
export const timeMachineDestinations: Table = {
  name: 'time_machine_destinations',
  platforms: ['darwin'],
  *rows(scan) {
    for (const destination of destinations(scan)) yield toDestination(destination);
  },
};

/** Rows of the backups at a destination. */
export function* backupsOf(destination: ReadonlyMap<string, Plist>): Generator<Row> {
  const destination_id = plainOf(destination.get('DestinationID'));
  for (const date of itemsOf(destination.get('SnapshotDates')))
    if (date instanceof Date) yield { destination_id, backup_date: Math.floor(date.getTime() / 1000) };
}

/** Backups that Time Machine has made. */
export const timeMachineBackups: Table = {
  name: 'time_machine_backups',
  platforms: ['darwin'],
  *rows(scan) {
    for (const destination of destinations(scan)) yield* backupsOf(destination);
  },
};

/** Rows of a line of exports(5): each directory with the options of the line; none for comments. */
export function* parseExport(line: string): Generator<Row> {
  const words = line.replace(/#.*/, '').trim().split(/\s+/);
  const at = words.findIndex((word) => !word.startsWith('/'));
  const options = at < 0 ? [] : words.slice(at);
  for (const share of words.slice(0, at < 0 ? words.length : at))
    yield {
      share,
      options: options.join(' '),
      readonly: options.some((word) => word === '-ro' || word === '-o'),
    };
}

/** Directories that are shared by NFS. */
export const nfsShares: Table = {
  name: 'nfs_shares',
  platforms: ['darwin'],
  *rows(scan) {
    for (const line of linesOf('/etc/exports', scan)) yield* parseExport(line);
  },
};

/** Folders that are shared with other machines. */
export const sharedFolders: Table = {
  name: 'shared_folders',
  platforms: ['darwin'],
  *rows(scan) {
    for (const record of recordsOf('/SharePoints', ['RecordName', 'directory_path'], scan)) {
      const path = record.get('directory_path')?.join(' ') ?? '';
      if (path !== '') yield { name: record.get('RecordName')?.join(' ') ?? '', path };
    }
  },
};

/** What Spotlight finds. */
export const mdfind: Table = {
  name: 'mdfind',
  platforms: ['darwin'],
  *rows(scan) {
    for (const query of scan.equals('query') ?? [])
      for (const path of (outputOf('mdfind', ['--', query], scan) ?? '').split('\n'))
        if (path !== '') yield { path, query };
  },
};

/** What the System Profiler says, as JSON. */
export const systemProfiler: Table = {
  name: 'system_profiler',
  platforms: ['darwin'],
  *rows(scan) {
    for (const data_type of scan.equals('data_type') ?? []) {
      // Anything else would be an option.
      if (!/^SP\w+$/.test(data_type)) continue;
      const text = outputOf('system_profiler', ['-json', data_type], scan, { milliseconds: 30_000 });
      if (text !== null) yield { data_type, value: text.trim() };
    }
  },
};
