import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { errorCode, readTextOr } from '../../platform/files.js';
import { type ScanContext, type Table } from '../engine/table.js';

/** One structure of the firmware's tables. */
export interface SmbiosStructure {
  readonly type: number;
  readonly handle: number;
  /** The formatted part, whose fields stand at fixed offsets. */
  readonly data: Buffer;
  readonly strings: readonly string[];
  /** The formatted part and the strings. */
  readonly raw: Buffer;
}

const DMI = '/sys/firmware/dmi/tables/DMI';
const LAST = 127;

/** The structures of a table, as far as they are whole. */
export function* parseSmbios(table: Buffer): Iterable<SmbiosStructure> {
  for (let at = 0; at + 4 <= table.length;) {
    const length = table.readUInt8(at + 1);
    if (length < 4 || at + length > table.length) return;
    // Strings follow, each ended by a zero; two zeros end the structure.
    const end = table.indexOf('\0\0', at + length, 'latin1');
    if (end < 0) return;
    const strings = table.toString('latin1', at + length, end);
    const type = table.readUInt8(at);
    yield {
      type,
      handle: table.readUInt16LE(at + 2),
      data: table.subarray(at, at + length),
      strings: strings === '' ? [] : strings.split('\0'),
      raw: table.subarray(at, end + 2),
    };
    if (type === LAST) return;
    at = end + 2;
  }
}

/** The string that the byte at this offset names; empty when there is none. */
export function text({ data, strings }: SmbiosStructure, offset: number): string {
  const number = offset < data.length ? data.readUInt8(offset) : 0;
  return (strings[number - 1] ?? '').trim();
}

/** The tables of this machine's firmware; none on machines that have no such tables, or for whom may not read them. */
export function readSmbios(scan: ScanContext): SmbiosStructure[] {
  try {
    return [...parseSmbios(readFileSync(DMI))];
  } catch (error) {
    if (['EACCES', 'EPERM'].includes(errorCode(error))) scan.warn(`not permitted to read ${DMI}`);
    return [];
  }
}

/** Names of the types of the specification, DSP0134. */
const DESCRIPTIONS: Record<number, string> = {
  0: 'BIOS Information',
  1: 'System Information',
  2: 'Base Board or Module Information',
  3: 'System Enclosure or Chassis',
  4: 'Processor Information',
  5: 'Memory Controller Information',
  6: 'Memory Module Information',
  7: 'Cache Information',
  8: 'Port Connector Information',
  9: 'System Slots',
  10: 'On Board Devices Information',
  11: 'OEM Strings',
  12: 'System Configuration Options',
  13: 'BIOS Language Information',
  14: 'Group Associations',
  15: 'System Event Log',
  16: 'Physical Memory Array',
  17: 'Memory Device',
  18: '32-bit Memory Error Information',
  19: 'Memory Array Mapped Address',
  20: 'Memory Device Mapped Address',
  21: 'Built-in Pointing Device',
  22: 'Portable Battery',
  23: 'System Reset',
  24: 'Hardware Security',
  25: 'System Power Controls',
  26: 'Voltage Probe',
  27: 'Cooling Device',
  28: 'Temperature Probe',
  29: 'Electrical Current Probe',
  30: 'Out-of-Band Remote Access',
  31: 'Boot Integrity Services (BIS) Entry Point',
  32: 'System Boot Information',
  33: '64-bit Memory Error Information',
  34: 'Management Device',
  35: 'Management Device Component',
  36: 'Management Device Threshold Data',
  37: 'Memory Channel',
  38: 'IPMI Device Information',
  39: 'System Power Supply',
  40: 'Additional Information',
  41: 'Onboard Devices Extended Information',
  42: 'Management Controller Host Interface',
  43: 'TPM Device',
  126: 'Inactive',
  127: 'End-of-Table',
};

/** The tables that firmware describes the machine with. */
export const smbiosTables: Table = {
  name: 'smbios_tables',
  platforms: ['linux'],
  *rows(scan) {
    for (const [number, { type, handle, data, raw }] of readSmbios(scan).entries()) {
      yield {
        number,
        type,
        description: DESCRIPTIONS[type] ?? (type >= 128 ? 'OEM' : 'Unknown'),
        handle,
        header_size: data.length,
        size: raw.length,
        md5: scan.uses('md5') ? createHash('md5').update(raw).digest('hex') : '',
      };
    }
  },
};

/** The row of `platform_info` of a structure of type 0. */
export function platformOf(structure: SmbiosStructure): Record<string, string | number> {
  const { data } = structure;
  const byte = (at: number): number => (at < data.length ? data.readUInt8(at) : 0);
  const segment = data.length >= 8 ? data.readUInt16LE(6) : 0;
  return {
    vendor: text(structure, 0x04),
    version: text(structure, 0x05),
    date: text(structure, 0x08),
    revision: `${byte(0x14)}.${byte(0x15)}`,
    extra: '',
    address: `0x${segment.toString(16).padStart(4, '0')}`,
    // In blocks of 64 KiB, of which there is one more than the byte says.
    size: String((byte(0x09) + 1) * 65_536),
    volume_size: 0,
  };
}

/** The firmware that started this machine. */
export const platformInfo: Table = {
  name: 'platform_info',
  platforms: ['linux'],
  *rows(scan) {
    const firmware_type = existsSync('/sys/firmware/efi') ? 'uefi' : 'bios';
    const structure = readSmbios(scan).find(({ type, data }) => type === 0 && data.length >= 0x12);
    if (structure) {
      yield { ...platformOf(structure), firmware_type };
      return;
    }
    const dmi = (name: string): string => readTextOr(`/sys/class/dmi/id/${name}`);
    if (dmi('bios_vendor') === '') return;
    yield {
      vendor: dmi('bios_vendor'),
      version: dmi('bios_version'),
      date: dmi('bios_date'),
      revision: dmi('bios_release'),
      extra: '',
      firmware_type,
      volume_size: 0,
    };
  },
};
