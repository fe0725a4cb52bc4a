import { readTextOr } from '../../platform/files.js';
import { type Row, type Table } from '../engine/table.js';
import { readLines } from './proc.js';

interface Drive {
  readonly name: string;
  readonly slot: number;
  /** F: failed, S: spare, and others. */
  readonly flags: string;
}

interface Action {
  readonly progress: string;
  readonly finish: string;
  readonly speed: string;
}

/** An array of /proc/mdstat. */
export interface RaidArray {
  readonly name: string;
  readonly status: string;
  readonly level: string;
  readonly drives: Drive[];
  size: number;
  /** As in `[2/1]`: wanted, and there. */
  counts: readonly [number, number] | null;
  other: string;
  readonly actions: Map<string, Action>;
  bitmap: { memory: string; chunk: string; file: string } | null;
}

export interface Mdstat {
  readonly personalities: string[];
  readonly arrays: RaidArray[];
  readonly unused: string;
}

function parseArray(name: string, rest: string): RaidArray {
  const words = rest.trim().split(/\s+/);
  const drives = words.flatMap((word) => {
    const [, drive, slot, flags = ''] = /^([^[]+)\[(\d+)\](.*)$/.exec(word) ?? [];
    return drive === undefined
      ? []
      : [{ name: drive, slot: Number(slot), flags: flags.replace(/[()]/g, '') }];
  });
  const level = words.slice(1).find((word) => !word.startsWith('(') && !word.includes('[')) ?? '';
  return {
    name,
    status: words[0] ?? '',
    level,
    drives,
    size: 0,
    counts: null,
    other: '',
    actions: new Map(),
    bitmap: null,
  };
}

/** /proc/mdstat. */
export function parseMdstat(lines: Iterable<string>): Mdstat {
  const personalities: string[] = [];
  const arrays: RaidArray[] = [];
  let unused = '';
  for (const line of lines) {
    const current = arrays.at(-1);
    const text = line.trim();
    const [, name, rest] = /^(md\S*) : (.*)$/.exec(line) ?? [];
    if (text.startsWith('Personalities :'))
      personalities.push(...[...text.matchAll(/\[([^\]]+)\]/g)].map((match) => match[1] ?? ''));
    else if (text.startsWith('unused devices:')) unused = text.slice('unused devices:'.length).trim();
    else if (name !== undefined && rest !== undefined) arrays.push(parseArray(name, rest));
    else if (current) continued(current, text);
  }
  return { personalities, arrays, unused };
}

function continued(array: RaidArray, text: string): void {
  const [, blocks, more = ''] = /^(\d+) blocks ?(.*)$/.exec(text) ?? [];
  if (blocks !== undefined) {
    array.size = Number(blocks);
    const [, wanted, present] = /\[(\d+)\/(\d+)\]/.exec(more) ?? [];
    if (wanted !== undefined) array.counts = [Number(wanted), Number(present)];
    array.other = more.replace(/\[\d+\/\d+\]|\[[U_]+\]/g, '').trim();
    return;
  }
  const [, action, progress = ''] = /(recovery|resync|reshape|check)\s*=\s*(.*)$/.exec(text) ?? [];
  if (action !== undefined) {
    const [, done, finish, speed] = /^(.*?)\s*finish=(\S+) speed=(\S+)/.exec(progress) ?? [];
    array.actions.set(action, { progress: done ?? progress, finish: finish ?? '', speed: speed ?? '' });
    return;
  }
  if (text.startsWith('bitmap:')) {
    const [memory = '', chunk = '', file = ''] = text.slice('bitmap:'.length).split(',');
    array.bitmap = { memory: memory.trim(), chunk: chunk.trim(), file: file.replace(/^.*file:/, '').trim() };
  }
}

/** The row of `md_devices`. @param attribute what sysfs has of the array */
export function rowOf(array: RaidArray, unused: string, attribute: (name: string) => string): Row {
  const { drives, actions, bitmap } = array;
  const having = (flag: string): number => drives.filter(({ flags }) => flags.includes(flag)).length;
  const [failed, spare] = [having('F'), having('S')];
  const of = (name: string, columns: string): Row => {
    const action = actions.get(name);
    return {
      [`${columns}_progress`]: action?.progress ?? '',
      [`${columns}_finish`]: action?.finish ?? '',
      [`${columns}_speed`]: action?.speed ?? '',
    };
  };
  const level = /\d+/.exec(array.level)?.[0];
  return {
    device_name: array.name,
    status: array.status,
    raid_level: level === undefined ? -1 : Number(level),
    size: array.size,
    chunk_size: Number(attribute('chunk_size') || 0),
    raid_disks: array.counts?.[0] ?? drives.length,
    nr_raid_disks: drives.length,
    working_disks: drives.length - failed,
    active_disks: array.counts?.[1] ?? drives.length - failed - spare,
    failed_disks: failed,
    spare_disks: spare,
    superblock_state: attribute('array_state'),
    superblock_version: attribute('metadata_version'),
    bitmap_on_mem: bitmap?.memory ?? '',
    bitmap_chunk_size: bitmap?.chunk ?? '',
    bitmap_external_file: bitmap?.file ?? '',
    ...of('recovery', 'recovery'),
    ...of('resync', 'resync'),
    ...of('reshape', 'reshape'),
    ...of('check', 'check_array'),
    unused_devices: unused,
    other: array.other,
  };
}

/** Software RAID. */
export const mdDevices: Table = {
  name: 'md_devices',
  platforms: ['linux'],
  *rows(scan) {
    const { arrays, unused } = parseMdstat(readLines('/proc/mdstat', scan));
    for (const array of arrays)
      yield rowOf(array, unused, (name) => readTextOr(`/sys/block/${array.name}/md/${name}`));
  },
};

/** The drives of software RAID. */
export const mdDrives: Table = {
  name: 'md_drives',
  platforms: ['linux'],
  *rows(scan) {
    for (const { name, drives } of parseMdstat(readLines('/proc/mdstat', scan)).arrays) {
      for (const drive of drives) {
        const state = readTextOr(`/sys/block/${name}/md/dev-${drive.name}/state`);
        yield {
          md_device_name: name,
          drive_name: drive.name,
          slot: drive.slot,
          state: state.replaceAll(',', ' ') || (drive.flags.includes('F') ? 'faulty' : 'active'),
        };
      }
    }
  },
};

/** The kinds of software RAID that this kernel has loaded. */
export const mdPersonalities: Table = {
  name: 'md_personalities',
  platforms: ['linux'],
  *rows(scan) {
    for (const name of parseMdstat(readLines('/proc/mdstat', scan)).personalities) yield { name };
  },
};
