import { type Row, type Table } from '../engine/table.js';
import { outputOf } from '../posix/programs.js';

/** What vm_stat(1) calls each column. */
const LABELS: Readonly<Record<string, string>> = {
  free: 'Pages free',
  active: 'Pages active',
  inactive: 'Pages inactive',
  speculative: 'Pages speculative',
  throttled: 'Pages throttled',
  wired: 'Pages wired down',
  purgeable: 'Pages purgeable',
  faults: '"Translation faults"',
  copy: 'Pages copy-on-write',
  zero_fill: 'Pages zero filled',
  reactivated: 'Pages reactivated',
  purged: 'Pages purged',
  file_backed: 'File-backed pages',
  anonymous: 'Anonymous pages',
  uncompressed: 'Pages stored in compressor',
  compressor: 'Pages occupied by compressor',
  decompressed: 'Decompressions',
  compressed: 'Compressions',
  page_ins: 'Pageins',
  page_outs: 'Pageouts',
  swap_ins: 'Swapins',
  swap_outs: 'Swapouts',
};

/** The row of what vm_stat says, in pages. */
export function parseVmStat(text: string): Row {
  const values = new Map(
    [...text.matchAll(/^(.+?): +(\d+)\.?$/gm)].map(([, label = '', value = '']) => [label, value] as const),
  );
  return Object.fromEntries(
    Object.entries(LABELS).map(([column, label]) => [column, BigInt(values.get(label) ?? 0)]),
  );
}

/** Virtual memory in pages, and what has become of them since boot. */
export const virtualMemoryInfo: Table = {
  name: 'virtual_memory_info',
  platforms: ['darwin'],
  *rows(scan) {
    const text = outputOf('vm_stat', [], scan);
    if (text !== null) yield parseVmStat(text);
  },
};
