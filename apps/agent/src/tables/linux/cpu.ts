import { readTextOr } from '../../platform/files.js';
import { type Row, type Table } from '../engine/table.js';
import { readLines } from './proc.js';
import { readSmbios, type SmbiosStructure, text } from './smbios.js';

/** The sockets of /proc/cpuinfo; machines that do not tell sockets have one. */
export interface Socket {
  readonly id: string;
  readonly fields: ReadonlyMap<string, string>;
  readonly cores: number;
  readonly threads: number;
  /** Of its first thread. */
  readonly processor: string;
}

/** /proc/cpuinfo by sockets. */
export function parseCpuinfo(lines: Iterable<string>): Socket[] {
  const blocks: Map<string, string>[] = [];
  let current = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (line.trim() === '') current = new Map();
    else if (colon >= 0) {
      if (current.size === 0) blocks.push(current);
      current.set(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
    }
  }
  const sockets = new Map<string, Map<string, string>[]>();
  for (const block of blocks) {
    // On ARM a last block describes the board, not a processor.
    if (!block.has('processor')) continue;
    const id = block.get('physical id') ?? '0';
    sockets.set(id, [...(sockets.get(id) ?? []), block]);
  }
  return [...sockets].map(([id, threads]) => ({
    id,
    fields: threads[0] ?? new Map<string, string>(),
    cores: new Set(threads.map((block) => block.get('core id') ?? block.get('processor'))).size,
    threads: threads.length,
    processor: threads[0]?.get('processor') ?? '0',
  }));
}

/** As SMBIOS numbers them. */
const TYPES: Record<number, string> = {
  1: 'Other',
  2: 'Unknown',
  3: 'Central Processor',
  4: 'Math Processor',
  5: 'DSP Processor',
  6: 'Video Processor',
};

/** What firmware knows of a socket. */
export function firmwareOf(structure: SmbiosStructure): Row {
  const { data } = structure;
  const byte = (at: number): number => (at < data.length ? data.readUInt8(at) : 0);
  return {
    socket_designation: text(structure, 0x04),
    processor_type: TYPES[byte(0x05)] ?? '',
    max_clock_speed: data.length >= 0x16 ? data.readUInt16LE(0x14) : null,
    // The lowest three bits: 1 enabled, 2 and 3 disabled, 4 idle.
    cpu_status: byte(0x18) & 7,
  };
}

/** Processors by sockets: what the kernel knows, and what firmware adds to it. */
export const cpuInfo: Table = {
  name: 'cpu_info',
  platforms: ['linux'],
  *rows(scan) {
    const firmware = readSmbios(scan).filter(({ type }) => type === 4);
    const sockets = parseCpuinfo(readLines('/proc/cpuinfo', scan));
    for (const [i, { id, fields, cores, threads, processor }] of sockets.entries()) {
      const structure = firmware[i];
      const megahertz = Number(fields.get('cpu MHz') ?? NaN);
      const frequency = readTextOr(`/sys/devices/system/cpu/cpu${processor}/cpufreq/cpuinfo_max_freq`);
      yield {
        device_id: `CPU${id}`,
        model: fields.get('model name') ?? '',
        manufacturer: fields.get('vendor_id') ?? '',
        processor_type: 'Central Processor',
        cpu_status: 1,
        number_of_cores: String(cores),
        logical_processors: threads,
        address_width: /(\d+) bits virtual/.exec(fields.get('address sizes') ?? '') ? '64' : '',
        current_clock_speed: Number.isNaN(megahertz) ? null : Math.round(megahertz),
        max_clock_speed: frequency === '' ? null : Math.round(Number(frequency) / 1000),
        socket_designation: '',
        ...(structure ? firmwareOf(structure) : {}),
      };
    }
  },
};

const TIMES = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal', 'guest', 'guest_nice'];

/** What a processor did since boot, of a line of /proc/stat; null for other lines. */
export function parseTimes(line: string): Row | null {
  const [name = '', ...values] = line.split(' ');
  const core = /^cpu(\d+)$/.exec(name)?.[1];
  if (core === undefined) return null;
  return {
    core: Number(core),
    ...Object.fromEntries(TIMES.map((time, i) => [time, Number(values[i] ?? 0)])),
  };
}

/** What each processor did since boot, in hundredths of a second. */
export const cpuTime: Table = {
  name: 'cpu_time',
  platforms: ['linux'],
  *rows(scan) {
    for (const line of readLines('/proc/stat', scan)) {
      const row = parseTimes(line);
      if (row !== null) yield row;
      else if (!line.startsWith('cpu')) return;
    }
  },
};
