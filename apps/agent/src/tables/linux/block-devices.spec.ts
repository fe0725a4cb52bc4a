import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { type ScanContext } from '../engine/table.js';
import { type Ask, openTables, program } from '../testing.js';
import { readPartitions } from './device-partitions.js';
import { cipherOf, probe, PROBE_BYTES, readBlocks } from './superblock.js';

const SCAN: ScanContext = { equals: () => null, like: () => [], uses: () => true, warn: () => undefined };
const UUID = '01234567-89ab-4cde-8f01-23456789abcd';

let ask: Ask;
let directory: string;

beforeAll(async () => {
  ask = await openTables();
  directory = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'tables-')));
});

afterAll(() => rmSync(directory, { recursive: true }));

function image(name: string, bytes: number): string {
  const file = path.join(directory, name);
  writeFileSync(file, '');
  truncateSync(file, bytes);
  return file;
}

it('knows the devices that lsblk knows', () => {
  const rows = ask('select name, size, block_size, parent from block_devices order by name');
  const lines = program('lsblk', '-abnro', 'PATH,SIZE,LOG-SEC');
  if (lines === null) {
    expect(rows.map((row) => row['name'])).toEqual(
      readdirSync('/sys/class/block')
        .sort()
        .map((name) => `/dev/${name}`),
    );
    return;
  }
  expect(rows.map((row) => `${row['name']} ${Number(row['size']) * 512} ${row['block_size']}`)).toEqual(
    [...new Set(lines)].sort(),
  );
});

it('finds one device by its name', () => {
  const [first] = ask('select name, size from block_devices');
  if (first === undefined) return expect(readdirSync('/sys/class/block')).toEqual([]);
  expect(ask(`select name, size from block_devices where name = '${first['name']}'`)).toEqual([first]);
  expect(ask(`select name from block_devices where name = '/dev/none'`)).toEqual([]);
});

it('tells which devices are encrypted', () => {
  const rows = ask('select name, encrypted, encryption_status from disk_encryption order by name');
  const mapped = (program('lsblk', '-anro', 'PATH,TYPE') ?? []).filter((line) => line.endsWith(' crypt'));
  for (const line of mapped)
    expect(rows.find((row) => row['name'] === line.split(' ')[0])).toMatchObject({ encrypted: '1' });
  expect(rows.map((row) => row['name'])).toEqual(
    ask('select name from block_devices order by name').map((row) => row['name']),
  );
  if (mapped.length === 0)
    expect(new Set(rows.map((row) => row['encryption_status']))).toEqual(new Set(['not encrypted']));
});

it('knows how a volume is encrypted by its header', () => {
  const luks1 = Buffer.alloc(4096);
  luks1.write('LUKS\xba\xbe\0\x01', 'latin1');
  luks1.write('aes', 8);
  luks1.write('xts-plain64', 40);
  luks1.write(UUID, 168);
  expect(cipherOf(luks1)).toBe('LUKS1-aes-xts-plain64');
  expect(probe(luks1)).toEqual({ type: 'crypto_LUKS', uuid: UUID, label: '' });
  const luks2 = Buffer.alloc(16_384);
  luks2.write('LUKS\xba\xbe\0\x02', 'latin1');
  luks2.write('secret', 24);
  luks2.write(UUID, 168);
  luks2.write(JSON.stringify({ segments: { 0: { type: 'crypt', encryption: 'aes-xts-plain64' } } }), 4096);
  expect(cipherOf(luks2)).toBe('LUKS2-aes-xts-plain64');
  expect(probe(luks2)).toEqual({ type: 'crypto_LUKS', uuid: UUID, label: 'secret' });
  expect(cipherOf(Buffer.alloc(4096))).toBeNull();
});

it.each(['ext2', 'ext3', 'ext4'])('recognises %s as mke2fs makes it', (type) => {
  const file = image(type, 8 * 1024 * 1024);
  const made = program('mke2fs', '-q', '-F', '-t', type, '-U', UUID, '-L', 'some label', '-N', '512', file);
  const data = made === null ? byHand(type) : readBlocks(file, 0, PROBE_BYTES, SCAN);
  expect(data && probe(data)).toEqual({ type, uuid: UUID, label: 'some label', inodes: 512 });
});

function byHand(type: string): Buffer {
  const data = Buffer.alloc(4096);
  data.writeUInt32LE(512, 1024);
  data.writeUInt16LE(0xef53, 1080);
  data.writeUInt32LE(type === 'ext2' ? 0 : 4, 1024 + 0x5c);
  data.writeUInt32LE(type === 'ext4' ? 0x40 : 2, 1024 + 0x60);
  data.write(UUID.replaceAll('-', ''), 1024 + 0x68, 'hex');
  data.write('some label', 1024 + 0x78);
  return data;
}

it('recognises swap as mkswap makes it, and others by hand', () => {
  const file = image('swap', 1024 * 1024);
  if (program('mkswap', '-q', '-U', UUID, '-L', 'pages', file) !== null) {
    const data = readBlocks(file, 0, PROBE_BYTES, SCAN);
    expect(data && probe(data)).toEqual({ type: 'swap', uuid: UUID, label: 'pages' });
  }
  const hex = UUID.replaceAll('-', '');
  const xfs = Buffer.alloc(512);
  xfs.write('XFSB');
  xfs.write(hex, 32, 'hex');
  xfs.write('data', 108);
  expect(probe(xfs)).toEqual({ type: 'xfs', uuid: UUID, label: 'data' });
  const btrfs = Buffer.alloc(PROBE_BYTES);
  btrfs.write('_BHRfS_M', 65_600);
  btrfs.write(hex, 65_568, 'hex');
  btrfs.write('pool', 65_536 + 0x12b);
  expect(probe(btrfs)).toEqual({ type: 'btrfs', uuid: UUID, label: 'pool' });
  const fat = Buffer.alloc(512);
  fat.write('FAT32   ', 82);
  fat.writeUInt32LE(0x1234abcd, 67);
  fat.write('EFI        ', 71);
  expect(probe(fat)).toEqual({ type: 'vfat', uuid: '1234-ABCD', label: 'EFI' });
  const lvm = Buffer.alloc(4096);
  lvm.write('LABELONE', 512);
  lvm.writeUInt32LE(32, 532);
  lvm.write('abcdefghijklmnopqrstuvwxyz012345', 544);
  expect(probe(lvm)).toMatchObject({ type: 'LVM2_member', uuid: 'abcdef-ghij-klmn-opqr-stuv-wxyz-012345' });
  expect(probe(Buffer.alloc(PROBE_BYTES))).toBeNull();
  expect(probe(Buffer.from('short'))).toBeNull();
});

it('never waits for what is no disk', () => {
  expect(readBlocks('/dev/zero', 0, 512, SCAN)).toBeNull();
  expect(readBlocks(directory, 0, 512, SCAN)).toBeNull();
  expect(readBlocks('/no/such/file', 0, 512, SCAN)).toBeNull();
});

function dosEntry(sector: Buffer, index: number, kind: number, start: number, length: number): void {
  const at = 446 + index * 16;
  sector.writeUInt8(kind, at + 4);
  sector.writeUInt32LE(start, at + 8);
  sector.writeUInt32LE(length, at + 12);
  sector.writeUInt16LE(0xaa55, 510);
}

it('lists the partitions of a DOS disk, the logical ones too', () => {
  const disk = Buffer.alloc(20_000 * 512);
  dosEntry(disk, 0, 0x83, 2048, 4096);
  dosEntry(disk, 1, 0x05, 8192, 8192);
  dosEntry(disk.subarray(8192 * 512), 0, 0x82, 64, 1000);
  dosEntry(disk.subarray(8192 * 512), 1, 0x05, 2048, 4096);
  dosEntry(disk.subarray(10_240 * 512), 0, 0x07, 64, 2000);
  const file = path.join(directory, 'dos');
  writeFileSync(file, disk);
  const rows = ask(`select * from device_partitions where device = '${file}'`);
  expect(
    rows.map((row) => [
      row['partition'],
      row['type'],
      row['label'],
      Number(row['offset']) / 512,
      row['blocks'],
    ]),
  ).toEqual([
    ['0', 'meta', 'Primary Table (#0)', 0, '1'],
    ['1', 'unallocated', 'Unallocated', 0, '2048'],
    ['2', 'normal', 'Linux (0x83)', 2048, '4096'],
    ['3', 'unallocated', 'Unallocated', 6144, '2112'],
    ['4', 'meta', 'DOS Extended (0x05)', 8192, '8192'],
    ['5', 'meta', 'Extended Table (#1)', 8192, '1'],
    ['6', 'normal', 'Linux Swap / Solaris x86 (0x82)', 8256, '1000'],
    ['7', 'unallocated', 'Unallocated', 9256, '1048'],
    ['8', 'meta', 'Extended Table (#2)', 10_240, '1'],
    ['9', 'normal', 'NTFS / exFAT (0x07)', 10_304, '2000'],
    ['10', 'unallocated', 'Unallocated', 12_304, '7696'],
  ]);
  expect(rows[2]).toMatchObject({ device: file, blocks_size: '512', inodes: null, flags: '0' });
});

it('lists the partitions of a GPT disk, whatever its sectors', () => {
  for (const sector of [512, 4096]) {
    const disk = Buffer.alloc(200 * sector);
    dosEntry(disk, 0, 0xee, 1, 199);
    disk.write('EFI PART', sector);
    disk.writeBigUInt64LE(2n, sector + 72);
    disk.writeUInt32LE(128, sector + 80);
    disk.writeUInt32LE(128, sector + 84);
    const at = 2 * sector + 128;
    disk.write(UUID.replaceAll('-', ''), at, 'hex');
    disk.writeBigUInt64LE(40n, at + 32);
    disk.writeBigUInt64LE(139n, at + 40);
    disk.write('root', at + 56, 'utf16le');
    const table = readPartitions(
      (offset, bytes) => disk.subarray(offset, offset + bytes),
      disk.length,
      [512, 4096],
    );
    expect(table?.sectorSize).toBe(sector);
    expect(table?.stretches).toEqual([
      { label: 'Safety Table', type: 'meta', start: 0, length: 1 },
      { label: 'Unallocated', type: 'unallocated', start: 0, length: 40 },
      { label: 'GPT Header', type: 'meta', start: 1, length: 1 },
      { label: 'Partition Table', type: 'meta', start: 2, length: (128 * 128) / sector },
      { label: 'root', type: 'normal', start: 40, length: 100 },
      { label: 'Unallocated', type: 'unallocated', start: 140, length: 60 },
    ]);
  }
});

it('does not follow a chain of logical partitions for ever, and wants to know the device', () => {
  const disk = Buffer.alloc(4096 * 512);
  dosEntry(disk, 0, 0x05, 1024, 1024);
  dosEntry(disk.subarray(1024 * 512), 0, 0x83, 1, 10);
  dosEntry(disk.subarray(1024 * 512), 1, 0x05, 512, 512);
  dosEntry(disk.subarray(1536 * 512), 1, 0x05, 512, 512);
  const file = path.join(directory, 'endless');
  writeFileSync(file, disk);
  expect(ask(`select * from device_partitions where device = '${file}'`).length).toBeLessThan(200);
  expect(ask(`select * from device_partitions where device = '${image('empty', 4096)}'`)).toEqual([]);
  expect(() => ask('select * from device_partitions')).toThrow(/required column/);
  expect(readFileSync(file)).toHaveLength(disk.length);
});
