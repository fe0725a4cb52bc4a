import { statSync } from 'node:fs';
import { readTextOr } from '../../platform/files.js';
import { type Row, type ScanContext, type Table } from '../engine/table.js';
import { probe, PROBE_BYTES, readBlocks } from './superblock.js';

/** A stretch of a disk, in sectors. */
export interface Stretch {
  readonly label: string;
  readonly type: 'meta' | 'unallocated' | 'normal';
  readonly start: number;
  readonly length: number;
}

/** Reads from a disk; what lies beyond its end is empty. */
export type Read = (offset: number, bytes: number) => Buffer;

export interface PartitionTable {
  readonly sectorSize: number;
  readonly stretches: readonly Stretch[];
}

const KINDS: Record<number, string> = {
  0x01: 'DOS FAT12',
  0x04: 'DOS FAT16',
  0x05: 'DOS Extended',
  0x06: 'DOS FAT16',
  0x07: 'NTFS / exFAT',
  0x0b: 'Win95 FAT32',
  0x0c: 'Win95 FAT32',
  0x0e: 'Win95 FAT16',
  0x0f: 'Win95 Extended',
  0x82: 'Linux Swap / Solaris x86',
  0x83: 'Linux',
  0x85: 'Linux Extended',
  0x8e: 'Linux Logical Volume Manager',
  0xa5: 'FreeBSD',
  0xaf: 'Mac OS X HFS',
  0xee: 'GPT Safety Partition',
  0xef: 'EFI File System',
  0xfd: 'Linux RAID',
};
const EXTENDED = new Set([0x05, 0x0f, 0x85]);
const PROTECTIVE = 0xee;
/** Logical partitions form a chain, which damage may have made endless. */
const MOST_LOGICAL = 128;
const MOST_ENTRIES = 1024;

interface Entry {
  readonly kind: number;
  readonly start: number;
  readonly length: number;
}

function entriesOf(sector: Buffer): Entry[] | null {
  if (sector.length < 512 || sector.readUInt16LE(510) !== 0xaa55) return null;
  return [446, 462, 478, 494]
    .map((at) => ({
      kind: sector.readUInt8(at + 4),
      start: sector.readUInt32LE(at + 8),
      length: sector.readUInt32LE(at + 12),
    }))
    .filter(({ kind, length }) => kind !== 0 && length > 0);
}

function labelOf(kind: number): string {
  return `${KINDS[kind] ?? 'Unknown Type'} (0x${kind.toString(16).toUpperCase().padStart(2, '0')})`;
}

function* logical(read: Read, sectorSize: number, extended: Entry): Iterable<Stretch> {
  let at = extended.start;
  for (let i = 1; i <= MOST_LOGICAL; i++) {
    const entries = entriesOf(read(at * sectorSize, 512));
    if (entries === null) return;
    yield { label: `Extended Table (#${i})`, type: 'meta', start: at, length: 1 };
    const next = entries.find(({ kind }) => EXTENDED.has(kind));
    for (const { kind, start, length } of entries)
      if (!EXTENDED.has(kind)) yield { label: labelOf(kind), type: 'normal', start: at + start, length };
    if (!next || next.start === 0) return;
    at = extended.start + next.start;
  }
}

function gpt(read: Read, sectorSize: number): Stretch[] | null {
  const header = read(sectorSize, 512);
  if (header.toString('latin1', 0, 8) !== 'EFI PART') return null;
  const first = Number(header.readBigUInt64LE(72));
  const count = Math.min(header.readUInt32LE(80), MOST_ENTRIES);
  const size = header.readUInt32LE(84);
  if (size < 128 || size > 4096) return null;
  const table = read(first * sectorSize, count * size);
  const stretches: Stretch[] = [
    { label: 'Safety Table', type: 'meta', start: 0, length: 1 },
    { label: 'GPT Header', type: 'meta', start: 1, length: 1 },
    { label: 'Partition Table', type: 'meta', start: first, length: Math.ceil((count * size) / sectorSize) },
  ];
  for (let at = 0; at + 128 <= table.length; at += size) {
    if (table.subarray(at, at + 16).every((byte) => byte === 0)) continue;
    const start = Number(table.readBigUInt64LE(at + 32));
    stretches.push({
      label: table.toString('utf16le', at + 56, at + 128).replace(/\0.*$/s, ''),
      type: 'normal',
      start,
      length: Number(table.readBigUInt64LE(at + 40)) - start + 1,
    });
  }
  return stretches;
}

/** By where they start, with what lies between partitions and behind the last of them. */
function arranged(stretches: readonly Stretch[], sectors: number): Stretch[] {
  const gaps: Stretch[] = [];
  let free = 0;
  const normal = stretches.filter(({ type }) => type === 'normal').sort((a, b) => a.start - b.start);
  for (const { start, length } of [...normal, { start: sectors, length: 0 }]) {
    if (start > free)
      gaps.push({ label: 'Unallocated', type: 'unallocated', start: free, length: start - free });
    free = Math.max(free, start + length);
  }
  return [...stretches, ...gaps].sort((a, b) => a.start - b.start);
}

/** The partitions of a disk; null when it has none of the two kinds of tables. */
export function readPartitions(
  read: Read,
  size: number,
  sectorSizes: readonly number[],
): PartitionTable | null {
  const entries = entriesOf(read(0, 512));
  for (const sectorSize of sectorSizes) {
    const stretches = gpt(read, sectorSize);
    if (stretches) return { sectorSize, stretches: arranged(stretches, Math.floor(size / sectorSize)) };
  }
  const [sectorSize = 512] = sectorSizes;
  const sectors = Math.floor(size / sectorSize);
  // A volume without partitions may end its first sector in the same way; partitions within the disk it has not.
  if (entries === null || entries.length === 0) return null;
  if (entries.some(({ kind, start }) => kind === PROTECTIVE || start === 0 || start >= sectors)) return null;
  const stretches = entries.flatMap((entry): Stretch[] =>
    EXTENDED.has(entry.kind)
      ? [
          { label: labelOf(entry.kind), type: 'meta', start: entry.start, length: entry.length },
          ...logical(read, sectorSize, entry),
        ]
      : [{ label: labelOf(entry.kind), type: 'normal', start: entry.start, length: entry.length }],
  );
  const table: Stretch = { label: 'Primary Table (#0)', type: 'meta', start: 0, length: 1 };
  return { sectorSize, stretches: arranged([table, ...stretches], sectors) };
}

function* partitionsOf(device: string, scan: ScanContext): Iterable<Row> {
  const name = device.replace(/^\/dev\//, '').replaceAll('/', '!');
  const known = Number(readTextOr(`/sys/class/block/${name}/queue/logical_block_size`) || 0);
  const size = Number(readTextOr(`/sys/class/block/${name}/size`) || 0) * 512 || sizeOf(device);
  const read: Read = (offset, bytes) => readBlocks(device, offset, bytes, scan) ?? Buffer.alloc(0);
  const table = readPartitions(read, size, known > 0 ? [known] : [512, 4096]);
  if (table === null) return;
  const { sectorSize, stretches } = table;
  for (const [partition, { label, type, start, length }] of stretches.entries()) {
    const volume =
      type === 'normal' && scan.uses('inodes') ? probe(read(start * sectorSize, PROBE_BYTES)) : null;
    yield {
      device,
      partition,
      label,
      type,
      offset: start * sectorSize,
      blocks_size: sectorSize,
      blocks: length,
      inodes: volume?.inodes ?? null,
      flags: 0,
    };
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** The partitions of devices or images of them, with what is between: as The Sleuth Kit lists them, whose numbers these are. */
export const devicePartitions: Table = {
  name: 'device_partitions',
  platforms: ['linux'],
  *rows(scan) {
    for (const device of scan.equals('device') ?? []) yield* partitionsOf(device, scan);
  },
};
