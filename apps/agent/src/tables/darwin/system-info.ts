import * as os from 'node:os';
import { type Row, type Table } from '../engine/table.js';
import { outputOf } from '../posix/programs.js';
import { ioEntry, ioRegistry } from './io-registry.js';
import { firmwareText, plainOf, type PlistDictionary } from './plist.js';
import { sysctl } from './sysctl.js';

const CPU = [
  'hw.cputype',
  'hw.cpusubtype',
  'hw.physicalcpu_max',
  'hw.logicalcpu_max',
  'hw.packages',
  'hw.memsize',
  'hw.cpufrequency_max',
  'hw.perflevel0.physicalcpu',
  'hw.perflevel1.physicalcpu',
  'machdep.cpu.brand_string',
  'machdep.cpu.vendor',
  'machdep.cpu.microcode_version',
];

/** Names of kinds of processors as macOS has them, by `hw.cputype` and `hw.cpusubtype`. */
const KINDS: Readonly<Record<string, readonly [type: string, subtype: string]>> = {
  '16777223 3': ['x86_64', 'Intel x86-64'],
  '16777223 4': ['x86_64', 'Intel x86-64'],
  '16777223 8': ['x86_64h', 'Intel x86-64h Haswell'],
  '16777228 0': ['arm64', 'ARM64'],
  '16777228 1': ['arm64', 'ARM64'],
  '16777228 2': ['arm64e', 'ARM64E'],
};

function integer(values: ReadonlyMap<string, string>, name: string): number | null {
  const text = values.get(name);
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

/** The row of `system_info`, before the names of the machine: what the kernel says, and what firmware says of the platform. */
export function toSystem(values: ReadonlyMap<string, string>, platform: PlistDictionary): Row {
  const kind = KINDS[`${values.get('hw.cputype') ?? ''} ${values.get('hw.cpusubtype') ?? ''}`];
  const firmware = (name: string): string => firmwareText(platform.get(name));
  return {
    uuid: plainOf(platform.get('IOPlatformUUID')),
    cpu_type: kind?.[0] ?? os.machine(),
    cpu_subtype: kind?.[1] ?? '',
    cpu_brand: values.get('machdep.cpu.brand_string')?.trim() ?? '',
    cpu_physical_cores: integer(values, 'hw.physicalcpu_max'),
    cpu_logical_cores: integer(values, 'hw.logicalcpu_max'),
    cpu_sockets: integer(values, 'hw.packages'),
    cpu_microcode: values.get('machdep.cpu.microcode_version') ?? '',
    physical_memory: integer(values, 'hw.memsize'),
    hardware_vendor: firmware('manufacturer'),
    hardware_model: firmware('product-name') || firmware('model'),
    hardware_version: firmware('version'),
    hardware_serial: plainOf(platform.get('IOPlatformSerialNumber')),
    board_vendor: '',
    board_model: firmware('board-id'),
    board_version: '',
    board_serial: '',
  };
}

/** This machine. */
export const darwinSystemInfo: Table = {
  name: 'system_info',
  platforms: ['darwin'],
  *rows(scan) {
    const [platform = new Map()] = ioRegistry(['-d', '1', '-c', 'IOPlatformExpertDevice'], scan);
    const named = (name: string): string =>
      outputOf('scutil', ['--get', name], scan, { partial: true })?.trim() || os.hostname();
    yield {
      hostname: os.hostname(),
      ...toSystem(sysctl(CPU, scan), platform),
      computer_name: scan.uses('computer_name') ? named('ComputerName') : '',
      local_hostname: scan.uses('local_hostname') ? named('LocalHostName') : '',
    };
  },
};

/** The row of `cpu_info`: a Mac has one processor, with cores of two kinds where Apple made it. */
export function toProcessor(values: ReadonlyMap<string, string>): Row {
  const hertz = integer(values, 'hw.cpufrequency_max');
  const model = values.get('machdep.cpu.brand_string')?.trim() ?? '';
  return {
    device_id: 'CPU0',
    model,
    manufacturer: values.get('machdep.cpu.vendor') ?? (model.startsWith('Apple') ? 'Apple' : ''),
    // As SMBIOS numbers a central processor.
    processor_type: '3',
    number_of_cores: values.get('hw.physicalcpu_max') ?? '',
    logical_processors: integer(values, 'hw.logicalcpu_max'),
    address_width: '64',
    max_clock_speed: hertz === null ? null : Math.round(hertz / 1_000_000),
    socket_designation: '',
    number_of_efficiency_cores: integer(values, 'hw.perflevel1.physicalcpu'),
    number_of_performance_cores: integer(values, 'hw.perflevel0.physicalcpu'),
  };
}

/** The processor. */
export const darwinCpuInfo: Table = {
  name: 'cpu_info',
  platforms: ['darwin'],
  *rows(scan) {
    const values = sysctl(CPU, scan);
    if (values.size > 0) yield toProcessor(values);
  },
};

/** The row of `kernel_info` of what the kernel and the boot loader say. */
export function toKernel(values: ReadonlyMap<string, string>, chosen: PlistDictionary): Row {
  const file = firmwareText(chosen.get('boot-file')).replaceAll('\\', '/').trim();
  return {
    version: /Version (\S+):/.exec(values.get('kern.version') ?? '')?.[1] ?? '',
    arguments: values.get('kern.bootargs')?.trim() || firmwareText(chosen.get('boot-args')),
    path: file === '' || file.startsWith('/') ? file : `/${file}`,
    device: '',
  };
}

/** The running kernel. */
export const darwinKernelInfo: Table = {
  name: 'kernel_info',
  platforms: ['darwin'],
  *rows(scan) {
    const values = sysctl(['kern.version', 'kern.bootargs'], scan);
    if (values.size > 0)
      yield toKernel(values, scan.uses('path') ? ioEntry('IODeviceTree', 'chosen', scan) : new Map());
  },
};

/** The row of `platform_info`: of an Intel Mac's firmware, or of the boot loader of one with Apple's processor; null of neither. */
export function toPlatform(rom: PlistDictionary, chosen: PlistDictionary): Row | null {
  const boot = firmwareText(chosen.get('system-firmware-version'));
  if (rom.size === 0)
    return boot === ''
      ? null
      : { vendor: 'Apple Inc.', version: boot, date: '', revision: '', extra: '', firmware_type: 'iboot' };
  const hex = (name: string): string => {
    const value = rom.get(name);
    return Buffer.isBuffer(value) && value.length >= 4 ? `0x${value.readUInt32LE(0).toString(16)}` : '';
  };
  const size = rom.get('rom-size');
  return {
    vendor: firmwareText(rom.get('vendor')),
    version: firmwareText(rom.get('version')),
    date: firmwareText(rom.get('release-date')),
    revision: '',
    extra: '',
    firmware_type: 'uefi',
    address: hex('fv-main-address'),
    size: hex('fv-main-size'),
    volume_size: Buffer.isBuffer(size) && size.length >= 4 ? size.readUInt32LE(0) : null,
  };
}

/** What starts this machine. */
export const darwinPlatformInfo: Table = {
  name: 'platform_info',
  platforms: ['darwin'],
  *rows(scan) {
    const row = toPlatform(ioEntry('IODeviceTree', 'rom', scan), ioEntry('IODeviceTree', 'chosen', scan));
    if (row) yield row;
  },
};
