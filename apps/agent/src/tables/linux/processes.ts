import { isProgram, statFields, statName } from '../../platform/proc-stat.js';
import { type Row, type ScanContext, type Table } from '../engine/table.js';
import { pidsOf, readProc } from './proc.js';
import { type Part } from './read-ahead/layout.js';
import { type ProcFiles, ReadAhead } from './read-ahead/read-ahead.js';

/** Clock ticks per second in /proc: USER_HZ, 100 on every Linux that Node runs on. */
const TICKS = 100;
const DELETED = / \(deleted\)$/;

function bootTime(scan: ScanContext): number {
  return Number(/^btime (\d+)$/m.exec(readProc('/proc/stat', scan) ?? '')?.[1] ?? 0);
}

const IN_STATUS = ['uid', 'gid', 'euid', 'egid', 'suid', 'sgid', 'resident_size', 'total_size'];

/** What stands after `name` and its colon in lines of `Name:\tvalue`; empty when there is no such line. */
function fieldOf(text: string, name: string): string {
  const at = text.indexOf(`\n${name}:`);
  if (at === -1) return '';
  const begin = at + name.length + 2;
  const end = text.indexOf('\n', begin);
  return text.slice(begin, end === -1 ? text.length : end).trim();
}

/** The first three numbers of such a line: real, effective, saved. */
function idsOf(text: string, name: string): readonly (number | undefined)[] {
  return fieldOf(text, name)
    .split('\t', 3)
    .map((id) => (id === '' ? undefined : Number(id)));
}

/** What a scan reads of each process; `stat` in any case. */
function partsOf(scan: ScanContext): Part[] {
  const part = (name: string, columns: readonly string[], kind: Partial<Part> = {}): Part[] =>
    columns.some((column) => scan.uses(column)) ? [{ name, isLink: false, ofPrograms: false, ...kind }] : [];
  return [
    { name: 'stat', isLink: false, ofPrograms: false },
    ...part('status', IN_STATUS),
    ...part('exe', ['path', 'on_disk'], { isLink: true, ofPrograms: true }),
    ...part('cmdline', ['cmdline'], { ofPrograms: true }),
    ...part('cwd', ['cwd'], { isLink: true }),
    ...part('root', ['root'], { isLink: true }),
    ...part('io', ['disk_bytes_read', 'disk_bytes_written']),
    ...part('cgroup', ['cgroup_path']),
  ];
}

function rowOf(files: ProcFiles, has: ReadonlySet<string>, boot: number): Row | null {
  const record = (name: string): string => (has.has(name) ? (files.record(name) ?? '') : '');
  const link = (name: string): string => (has.has(name) ? (files.link(name) ?? '') : '');
  const stat = files.record('stat') ?? '';
  const fields = statFields(stat);
  if (fields === null) return null;
  const status = has.has('status') ? files.record('status') : '';
  if (status === null) return null;
  const [uid, euid, suid] = idsOf(status, 'Uid');
  const [gid, egid, sgid] = idsOf(status, 'Gid');
  // Asked for all the same, each costs a system call and an error with a stack: there are a hundred of them on most hosts.
  const runs = isProgram(fields);
  const kilobytes = (name: string): number => (Number.parseInt(fieldOf(status, name), 10) || 0) * 1024;
  const started = boot + Math.floor(Number(fields[19]) / TICKS);
  const exe = runs ? link('exe') : '';
  const io = record('io');
  const counter = (name: string): number => Number(fieldOf(io, name));
  return {
    pid: files.pid,
    name: statName(stat),
    path: exe.replace(DELETED, ''),
    cmdline: runs ? record('cmdline').replace(/\0+$/, '').replaceAll('\0', ' ') : '',
    state: fields[0],
    cwd: link('cwd'),
    root: link('root'),
    uid,
    gid,
    euid,
    egid,
    suid,
    sgid,
    // -1: not known, for kernel threads and what may not be looked at. The kernel says of a link when its file has gone.
    on_disk: exe === '' ? -1 : !DELETED.test(exe),
    wired_size: 0,
    resident_size: kilobytes('VmRSS'),
    total_size: kilobytes('VmSize'),
    user_time: Number(fields[11]) * (1000 / TICKS),
    system_time: Number(fields[12]) * (1000 / TICKS),
    disk_bytes_read: counter('read_bytes'),
    disk_bytes_written: counter('write_bytes') - counter('cancelled_write_bytes'),
    start_time: started,
    parent: Number(fields[1]),
    pgroup: Number(fields[2]),
    threads: Number(fields[17]),
    nice: Number(fields[16]),
    elapsed_time: Math.max(0, Math.floor(Date.now() / 1000) - started),
    cgroup_path: cgroupOf(record('cgroup')),
  };
}

/** The one of cgroup v2; of v1 hierarchies the first. */
function cgroupOf(text: string): string {
  const lines = text.split('\n');
  const line = lines.find((one) => one.startsWith('0::')) ?? lines[0] ?? '';
  return line.split(':').slice(2).join(':');
}

const readAhead = new ReadAhead();

/** Running processes. */
export const processes: Table = {
  name: 'processes',
  platforms: ['linux'],
  *rows(scan) {
    const boot = bootTime(scan);
    const parts = partsOf(scan);
    const has = new Set(parts.map(({ name }) => name));
    for (const files of readAhead.filesOf([...pidsOf(scan)], parts, scan)) {
      const found = rowOf(files, has, boot);
      if (found !== null) yield found;
    }
  },
};
