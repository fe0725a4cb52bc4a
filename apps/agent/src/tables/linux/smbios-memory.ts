import { type Row, type ScanContext, type Table } from '../engine/table.js';
import { readSmbios, type SmbiosStructure, text } from './smbios.js';

/*
 * What firmware tells of memory: structures 16 to 20 of DSP0134, with the names that it gives to its numbers; and the strings
 * that makers put in, structure 11.
 */

const FORM_FACTORS = [
  'Other',
  'Unknown',
  'SIMM',
  'SIP',
  'Chip',
  'DIP',
  'ZIP',
  'Proprietary Card',
  'DIMM',
  'TSOP',
  'Row of chips',
  'RIMM',
  'SODIMM',
  'SRIMM',
  'FB-DIMM',
  'Die',
];
const MEMORY_TYPES: Record<number, string> = {
  0x01: 'Other',
  0x02: 'Unknown',
  0x03: 'DRAM',
  0x04: 'EDRAM',
  0x05: 'VRAM',
  0x06: 'SRAM',
  0x07: 'RAM',
  0x08: 'ROM',
  0x09: 'FLASH',
  0x0a: 'EEPROM',
  0x0b: 'FEPROM',
  0x0c: 'EPROM',
  0x0d: 'CDRAM',
  0x0e: '3DRAM',
  0x0f: 'SDRAM',
  0x10: 'SGRAM',
  0x11: 'RDRAM',
  0x12: 'DDR',
  0x13: 'DDR2',
  0x14: 'DDR2 FB-DIMM',
  0x18: 'DDR3',
  0x19: 'FBD2',
  0x1a: 'DDR4',
  0x1b: 'LPDDR',
  0x1c: 'LPDDR2',
  0x1d: 'LPDDR3',
  0x1e: 'LPDDR4',
  0x1f: 'Logical non-volatile device',
  0x20: 'HBM',
  0x21: 'HBM2',
  0x22: 'DDR5',
  0x23: 'LPDDR5',
};
/** From bit 1. */
const TYPE_DETAILS = [
  'Other',
  'Unknown',
  'Fast-paged',
  'Static column',
  'Pseudo-static',
  'RAMBUS',
  'Synchronous',
  'CMOS',
  'EDO',
  'Window DRAM',
  'Cache DRAM',
  'Non-volatile',
  'Registered (Buffered)',
  'Unbuffered (Unregistered)',
  'LRDIMM',
];
const LOCATIONS: Record<number, string> = {
  0x01: 'Other',
  0x02: 'Unknown',
  0x03: 'System board or motherboard',
  0x04: 'ISA add-on card',
  0x05: 'EISA add-on card',
  0x06: 'PCI add-on card',
  0x07: 'MCA add-on card',
  0x08: 'PCMCIA add-on card',
  0x09: 'Proprietary add-on card',
  0x0a: 'NuBus',
  0xa0: 'PC-98/C20 add-on card',
  0xa1: 'PC-98/C24 add-on card',
  0xa2: 'PC-98/E add-on card',
  0xa3: 'PC-98/Local bus add-on card',
};
const USES = [
  'Other',
  'Unknown',
  'System memory',
  'Video memory',
  'Flash memory',
  'Non-volatile RAM',
  'Cache memory',
];
const CORRECTIONS = ['Other', 'Unknown', 'None', 'Parity', 'Single-bit ECC', 'Multi-bit ECC', 'CRC'];
const ERROR_TYPES = [
  'Other',
  'Unknown',
  'OK',
  'Bad read',
  'Parity error',
  'Single-bit error',
  'Double-bit error',
  'Multi-bit error',
  'Nibble error',
  'Checksum error',
  'CRC error',
  'Corrected single-bit error',
  'Corrected error',
  'Uncorrectable error',
];
const GRANULARITIES = ['Other', 'Unknown', 'Device level', 'Memory partition level'];
const OPERATIONS = ['Other', 'Unknown', 'Read', 'Write', 'Partial write'];

/** Lists begin at 1. */
function named(list: readonly string[], number: number): string {
  return list[number - 1] ?? '';
}

function hexadecimal(number: number | bigint, digits: number): string {
  return `0x${number.toString(16).toUpperCase().padStart(digits, '0')}`;
}

/** The fields of a structure; those that an old version of it does not have yet are 0. */
class Fields {
  private readonly data: Buffer;

  constructor(readonly structure: SmbiosStructure) {
    this.data = Buffer.concat([structure.data, Buffer.alloc(64)]);
  }

  get handle(): string {
    return hexadecimal(this.structure.handle, 4);
  }

  byte(at: number): number {
    return this.data.readUInt8(at);
  }

  word(at: number): number {
    return this.data.readUInt16LE(at);
  }

  double(at: number): number {
    return this.data.readUInt32LE(at);
  }

  quad(at: number): bigint {
    return this.data.readBigUInt64LE(at);
  }

  text(at: number): string {
    return text(this.structure, at);
  }

  other(at: number): string {
    return hexadecimal(this.word(at), 4);
  }
}

/** Megabytes; the field has but 15 bits, of which the highest values mean something else. */
function sizeOf(fields: Fields): number {
  const size = fields.word(0x0c);
  if (size === 0xffff) return -1;
  if (size === 0x7fff) return fields.double(0x1c) & 0x7fffffff;
  return size & 0x8000 ? Math.floor((size & 0x7fff) / 1024) : size;
}

export function memoryDevice(fields: Fields): Row {
  const details = fields.word(0x13);
  return {
    handle: fields.handle,
    array_handle: fields.other(0x04),
    form_factor: named(FORM_FACTORS, fields.byte(0x0e)),
    total_width: fields.word(0x08),
    data_width: fields.word(0x0a),
    size: sizeOf(fields),
    set: fields.byte(0x0f),
    device_locator: fields.text(0x10),
    bank_locator: fields.text(0x11),
    memory_type: MEMORY_TYPES[fields.byte(0x12)] ?? '',
    memory_type_details: TYPE_DETAILS.filter((_, i) => details & (1 << (i + 1))).join(' '),
    max_speed: fields.word(0x15),
    configured_clock_speed: fields.word(0x20),
    manufacturer: fields.text(0x17),
    serial_number: fields.text(0x18),
    asset_tag: fields.text(0x19),
    part_number: fields.text(0x1a),
    min_voltage: fields.word(0x22),
    max_voltage: fields.word(0x24),
    configured_voltage: fields.word(0x26),
  };
}

function memoryArray(fields: Fields): Row {
  const kilobytes = fields.double(0x07);
  // The highest bit alone: more than fits, so that it is said in bytes elsewhere.
  const gigabytes =
    kilobytes === 0x80000000 ? Number(fields.quad(0x0f) >> 30n) : Math.floor(kilobytes / 1024 ** 2);
  return {
    handle: fields.handle,
    location: LOCATIONS[fields.byte(0x04)] ?? '',
    use: named(USES, fields.byte(0x05)),
    memory_error_correction: named(CORRECTIONS, fields.byte(0x06)),
    max_capacity: gigabytes,
    memory_error_info_handle: fields.other(0x0b),
    number_memory_devices: fields.word(0x0d),
  };
}

/** Kilobytes; where they do not fit the addresses are elsewhere, in bytes. */
function addressesOf(fields: Fields, extended: number): { starting_address: string; ending_address: string } {
  const far = fields.double(0x04) === 0xffffffff;
  return {
    starting_address: far ? hexadecimal(fields.quad(extended), 16) : hexadecimal(fields.double(0x04), 8),
    ending_address: far ? hexadecimal(fields.quad(extended + 8), 16) : hexadecimal(fields.double(0x08), 8),
  };
}

/** A table of the structures of one type. */
function tableOf(name: string, type: number, rowsOf: (fields: Fields) => Iterable<Row>): Table {
  return {
    name,
    platforms: ['linux'],
    *rows(scan: ScanContext) {
      for (const structure of readSmbios(scan))
        if (structure.type === type) yield* rowsOf(new Fields(structure));
    },
  };
}

/** For specs: the rows that structures make. */
export function rowsOf(structures: Iterable<SmbiosStructure>): { devices: Row[]; arrays: Row[] } {
  const all = [...structures];
  const of = (type: number): Fields[] =>
    all.filter((one) => one.type === type).map((structure) => new Fields(structure));
  return { devices: of(17).map(memoryDevice), arrays: of(16).map(memoryArray) };
}

/** Sockets for memory, and what is in them. */
export const memoryDevices = tableOf('memory_devices', 17, (fields) => [memoryDevice(fields)]);

/** Groups of sockets. */
export const memoryArrays = tableOf('memory_arrays', 16, (fields) => [memoryArray(fields)]);

/** Where in the address space an array is. */
export const memoryArrayMappedAddresses = tableOf('memory_array_mapped_addresses', 19, (fields) => [
  {
    handle: fields.handle,
    memory_array_handle: fields.other(0x0c),
    ...addressesOf(fields, 0x0f),
    partition_width: fields.byte(0x0e),
  },
]);

/** Where in the address space a device is. */
export const memoryDeviceMappedAddresses = tableOf('memory_device_mapped_addresses', 20, (fields) => [
  {
    handle: fields.handle,
    memory_device_handle: fields.other(0x0c),
    memory_array_mapped_address_handle: fields.other(0x0e),
    ...addressesOf(fields, 0x13),
    partition_row_position: fields.byte(0x10),
    interleave_position: fields.byte(0x11),
    interleave_data_depth: fields.byte(0x12),
  },
]);

/** Errors that memory had. */
export const memoryErrorInfo = tableOf('memory_error_info', 18, (fields) => [
  {
    handle: fields.handle,
    error_type: named(ERROR_TYPES, fields.byte(0x04)),
    error_granularity: named(GRANULARITIES, fields.byte(0x05)),
    error_operation: named(OPERATIONS, fields.byte(0x06)),
    vendor_syndrome: hexadecimal(fields.double(0x07), 8),
    memory_array_error_address: hexadecimal(fields.double(0x0b), 8),
    device_error_address: hexadecimal(fields.double(0x0f), 8),
    error_resolution: hexadecimal(fields.double(0x13), 8),
  },
]);

/** What the maker wanted to say. */
export const oemStrings = tableOf('oem_strings', 11, (fields) =>
  fields.structure.strings.map((value, i) => ({ handle: fields.handle, number: i + 1, value })),
);
