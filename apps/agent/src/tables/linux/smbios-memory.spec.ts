import { openTables } from '../testing.js';
import { rowsOf } from './smbios-memory.js';
import { type SmbiosStructure } from './smbios.js';

function structure(type: number, handle: number, bytes: number, strings: string[] = []): SmbiosStructure {
  const data = Buffer.alloc(bytes);
  data.writeUInt8(type);
  data.writeUInt16LE(handle, 2);
  return { type, handle, data, strings, raw: data };
}

it('describes sockets for memory', () => {
  const full = structure(17, 0x1100, 0x28, ['DIMM 0', 'Bank 0', 'Maker', 'SN', 'Tag', 'Part']);
  full.data.writeUInt16LE(0x1000, 0x04);
  full.data.writeUInt16LE(72, 0x08);
  full.data.writeUInt16LE(64, 0x0a);
  full.data.writeUInt16LE(16_384, 0x0c);
  full.data.writeUInt8(9, 0x0e);
  Buffer.from([1, 2]).copy(full.data, 0x10);
  full.data.writeUInt8(0x1a, 0x12);
  full.data.writeUInt16LE((1 << 7) | (1 << 13), 0x13);
  full.data.writeUInt16LE(3200, 0x15);
  Buffer.from([3, 4, 5, 6]).copy(full.data, 0x17);
  full.data.writeUInt16LE(2933, 0x20);
  full.data.writeUInt16LE(1200, 0x26);
  const huge = structure(17, 0x1101, 0x28);
  huge.data.writeUInt16LE(0x7fff, 0x0c);
  huge.data.writeUInt32LE(65_536, 0x1c);
  // Of an old version, shorter than what is read.
  const old = structure(17, 0x1102, 0x15);
  old.data.writeUInt16LE(0x8000 | 2048, 0x0c);
  const { devices } = rowsOf([full, huge, old]);
  expect(devices[0]).toEqual({
    handle: '0x1100',
    array_handle: '0x1000',
    form_factor: 'DIMM',
    total_width: 72,
    data_width: 64,
    size: 16_384,
    set: 0,
    device_locator: 'DIMM 0',
    bank_locator: 'Bank 0',
    memory_type: 'DDR4',
    memory_type_details: 'Synchronous Registered (Buffered)',
    max_speed: 3200,
    configured_clock_speed: 2933,
    manufacturer: 'Maker',
    serial_number: 'SN',
    asset_tag: 'Tag',
    part_number: 'Part',
    min_voltage: 0,
    max_voltage: 0,
    configured_voltage: 1200,
  });
  expect(devices.map((row) => row['size'])).toEqual([16_384, 65_536, 2]);
});

it('describes groups of them', () => {
  const array = structure(16, 0x1000, 0x17);
  Buffer.from([3, 3, 6]).copy(array.data, 0x04);
  array.data.writeUInt32LE(64 * 1024 ** 2, 0x07);
  array.data.writeUInt16LE(0xfffe, 0x0b);
  array.data.writeUInt16LE(4, 0x0d);
  const large = structure(16, 0x1001, 0x17);
  large.data.writeUInt32LE(0x80000000, 0x07);
  large.data.writeBigUInt64LE(8n * 1024n ** 4n, 0x0f);
  const { arrays } = rowsOf([array, large]);
  expect(arrays[0]).toEqual({
    handle: '0x1000',
    location: 'System board or motherboard',
    use: 'System memory',
    memory_error_correction: 'Multi-bit ECC',
    max_capacity: 64,
    memory_error_info_handle: '0xFFFE',
    number_memory_devices: 4,
  });
  expect(arrays[1]).toMatchObject({ max_capacity: 8192 });
});

it('has a row for each structure of this machine', async () => {
  const ask = await openTables();
  const tables = {
    memory_devices: 17,
    memory_arrays: 16,
    memory_array_mapped_addresses: 19,
    memory_error_info: 18,
  };
  for (const [table, type] of Object.entries({ ...tables, memory_device_mapped_addresses: 20 }))
    expect(ask(`select handle from ${table}`)).toHaveLength(
      ask(`select number from smbios_tables where type = ${type}`).length,
    );
  expect(ask('select handle from oem_strings where number < 1')).toEqual([]);
});
