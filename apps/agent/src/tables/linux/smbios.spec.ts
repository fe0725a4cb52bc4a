import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type Ask, openTables } from '../testing.js';
import { firmwareOf } from './cpu.js';
import { parseSmbios, platformOf, text } from './smbios.js';

let ask: Ask;

beforeAll(async () => {
  ask = await openTables();
});

function structure(type: number, handle: number, fields: number[], strings: string[]): Buffer {
  const header = Buffer.from([type, fields.length + 4, handle & 255, handle >> 8, ...fields]);
  const end = strings.length === 0 ? '\0\0' : `${strings.join('\0')}\0\0`;
  return Buffer.concat([header, Buffer.from(end, 'latin1')]);
}

const BIOS = structure(
  0,
  0x0001,
  [1, 2, 0x00, 0xe8, 3, 0x0f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 7],
  ['Vendor ', '1.2.3', '04/01/2024'],
);
const PROCESSOR = structure(
  4,
  0x0400,
  [1, 3, 0, 2, ...Array.from({ length: 8 }, () => 0), 0, 0, 0, 0, 0xb8, 0x0b, 0x60, 0x09, 0x41],
  ['Socket 0', 'Maker'],
);
const END = structure(127, 0x7f00, [], []);

it('reads the structures of a table', () => {
  const found = [...parseSmbios(Buffer.concat([BIOS, PROCESSOR, END, Buffer.alloc(16)]))];
  expect(found.map(({ type, handle, strings }) => ({ type, handle, strings }))).toEqual([
    { type: 0, handle: 1, strings: ['Vendor ', '1.2.3', '04/01/2024'] },
    { type: 4, handle: 0x400, strings: ['Socket 0', 'Maker'] },
    { type: 127, handle: 0x7f00, strings: [] },
  ]);
  expect(found.map(({ raw }) => raw.length)).toEqual([BIOS.length, PROCESSOR.length, END.length]);
  const [bios, processor] = found;
  if (!bios || !processor) throw new Error('not found');
  expect(text(bios, 0x04)).toBe('Vendor');
  expect(platformOf(bios)).toEqual({
    vendor: 'Vendor',
    version: '1.2.3',
    date: '04/01/2024',
    revision: '4.7',
    extra: '',
    address: '0xe800',
    size: String(16 * 65536),
    volume_size: 0,
  });
  expect(firmwareOf(processor)).toEqual({
    socket_designation: 'Socket 0',
    processor_type: 'Central Processor',
    max_clock_speed: 3000,
    cpu_status: 1,
  });
});

it('stops where a table is cut off, and takes nothing for something', () => {
  expect([...parseSmbios(Buffer.concat([BIOS, PROCESSOR]).subarray(0, BIOS.length + 20))]).toHaveLength(1);
  expect([...parseSmbios(Buffer.from([0, 2, 0, 0, 0, 0]))]).toEqual([]);
  expect([...parseSmbios(Buffer.alloc(0))]).toEqual([]);
});

it('shows the tables of this machine, when it has any', () => {
  const rows = ask('select number, type, md5 from smbios_tables');
  expect(rows.length > 0).toBe(existsSync('/sys/firmware/dmi/tables/DMI'));
  for (const row of rows) expect(row['md5']).toHaveLength(createHash('md5').digest('hex').length);
  expect(ask('select vendor, firmware_type from platform_info').length).toBeLessThanOrEqual(1);
});
