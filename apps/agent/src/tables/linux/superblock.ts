import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { errorCode } from '../../platform/files.js';
import { type ScanContext } from '../engine/table.js';

/** What a volume holds, in blkid's words. */
export interface Volume {
  readonly type: string;
  readonly uuid: string;
  readonly label: string;
  /** Of file systems that have a fixed number of them. */
  readonly inodes?: number;
}

/** As much of the beginning of a volume as tells what it is. */
export const PROBE_BYTES = 68 * 1024;

/**
 * Reads a piece of a device or an image; shorter at its end, null when it cannot be read at all. Only of what is a block
 * device or a file: to open anything else may wait or do something.
 */
export function readBlocks(device: string, offset: number, bytes: number, scan: ScanContext): Buffer | null {
  let file: number | null = null;
  try {
    // O_NONBLOCK: never wait for a medium.
    file = openSync(device, 0o4000);
    const stat = fstatSync(file);
    if (!stat.isBlockDevice() && !stat.isFile()) return null;
    const buffer = Buffer.alloc(bytes);
    return buffer.subarray(0, readSync(file, buffer, 0, bytes, offset));
  } catch (error) {
    if (['EACCES', 'EPERM'].includes(errorCode(error))) scan.warn('not permitted to read every block device');
    return null;
  } finally {
    if (file !== null) closeSync(file);
  }
}

function string(data: Buffer, at: number, length: number): string {
  const bytes = data.subarray(at, at + length);
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? length : end).trimEnd();
}

function uuid(data: Buffer, at: number): string {
  const hex = data.toString('hex', at, at + 16);
  return /^0*$/.test(hex) ? '' : hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

const EXT = 1024;
const EXT_JOURNAL = 0x4;
const EXT_JOURNAL_DEVICE = 0x8;
/** What ext2 and ext3 understand; whatever has more is ext4. */
const EXT3_INCOMPATIBLE = 0x2 | 0x4 | 0x10;
const EXT3_READ_ONLY = 0x1 | 0x2 | 0x4;

function ext(data: Buffer): Volume {
  const journal = (data.readUInt32LE(EXT + 0x5c) & EXT_JOURNAL) !== 0;
  const incompatible = data.readUInt32LE(EXT + 0x60);
  const more =
    (incompatible & ~EXT3_INCOMPATIBLE) !== 0 || (data.readUInt32LE(EXT + 0x64) & ~EXT3_READ_ONLY) !== 0;
  const type = incompatible & EXT_JOURNAL_DEVICE ? 'jbd' : more ? 'ext4' : journal ? 'ext3' : 'ext2';
  return {
    type,
    uuid: uuid(data, EXT + 0x68),
    label: string(data, EXT + 0x78, 16),
    inodes: data.readUInt32LE(EXT),
  };
}

function fat(data: Buffer, serial: number): Volume {
  const number = data.readUInt32LE(serial).toString(16).toUpperCase().padStart(8, '0');
  const label = string(data, serial + 4, 11);
  return {
    type: 'vfat',
    uuid: `${number.slice(0, 4)}-${number.slice(4)}`,
    label: label === 'NO NAME' ? '' : label,
  };
}

function lvm(data: Buffer, at: number): Volume {
  const id = string(data, at + data.readUInt32LE(at + 20), 32);
  return {
    type: 'LVM2_member',
    uuid: id.replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-$5-$6-'),
    label: '',
  };
}

/** Kinds of volumes by what stands where in them; the first that fits. */
const KINDS: readonly { at: number; magic: string; read: (data: Buffer) => Volume }[] = [
  {
    at: 0,
    magic: 'LUKS\xba\xbe',
    read: (data) => ({
      type: 'crypto_LUKS',
      uuid: string(data, 168, 40),
      label: data.readUInt16BE(6) === 2 ? string(data, 24, 48) : '',
    }),
  },
  ...[0, 512, 1024, 1536].map((at) => ({ at, magic: 'LABELONE', read: (data: Buffer) => lvm(data, at) })),
  {
    at: 4096,
    magic: '\xfc\x4e\x2b\xa9',
    read: (data) => ({ type: 'linux_raid_member', uuid: uuid(data, 4112), label: string(data, 4128, 32) }),
  },
  {
    at: 0,
    magic: 'XFSB',
    read: (data) => ({ type: 'xfs', uuid: uuid(data, 32), label: string(data, 108, 12) }),
  },
  { at: EXT + 0x38, magic: '\x53\xef', read: ext },
  {
    at: 65_536 + 64,
    magic: '_BHRfS_M',
    read: (data) => ({
      type: 'btrfs',
      uuid: uuid(data, 65_536 + 32),
      label: string(data, 65_536 + 0x12b, 256),
    }),
  },
  {
    at: 4086,
    magic: 'SWAPSPACE2',
    read: (data) => ({ type: 'swap', uuid: uuid(data, 1036), label: string(data, 1052, 16) }),
  },
  {
    at: 3,
    magic: 'NTFS    ',
    read: (data) => ({
      type: 'ntfs',
      uuid: data.readBigUInt64LE(72).toString(16).toUpperCase().padStart(16, '0'),
      label: '',
    }),
  },
  { at: 82, magic: 'FAT32   ', read: (data) => fat(data, 67) },
  { at: 54, magic: 'FAT1', read: (data) => fat(data, 39) },
  {
    at: 32_769,
    magic: 'CD001',
    read: (data) => ({ type: 'iso9660', uuid: '', label: string(data, 32_808, 32) }),
  },
  { at: 0, magic: 'hsqs', read: () => ({ type: 'squashfs', uuid: '', label: '' }) },
];

/** What a volume holds, by its beginning; null when that is not known. */
export function probe(data: Buffer): Volume | null {
  // What is shorter than it should be ends in zeros.
  const whole =
    data.length < PROBE_BYTES ? Buffer.concat([data, Buffer.alloc(PROBE_BYTES - data.length)]) : data;
  const kind = KINDS.find(({ at, magic }) => whole.toString('latin1', at, at + magic.length) === magic);
  return kind?.read(whole) ?? null;
}

/** How a LUKS volume is encrypted, such as `LUKS2-aes-xts-plain64`; null when it is none. */
export function cipherOf(header: Buffer): string | null {
  if (header.toString('latin1', 0, 6) !== 'LUKS\xba\xbe') return null;
  if (header.readUInt16BE(6) === 1) return `LUKS1-${string(header, 8, 32)}-${string(header, 40, 32)}`;
  try {
    const { segments } = JSON.parse(string(header, 4096, header.length - 4096)) as {
      segments?: Record<string, { encryption?: string }>;
    };
    const [segment] = Object.values(segments ?? {});
    return segment?.encryption === undefined ? 'LUKS2' : `LUKS2-${segment.encryption}`;
  } catch {
    return 'LUKS2';
  }
}
