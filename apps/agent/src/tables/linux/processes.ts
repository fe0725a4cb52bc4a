import { existsSync } from 'node:fs';
import { type Row, type ScanContext, type Table } from '../engine/table.js';
import { pidsOf, readProc, readProcLink } from './proc.js';

/** Clock ticks per second in /proc: USER_HZ, 100 on every Linux that Node runs on. */
const TICKS = 100;
const DELETED = / \(deleted\)$/;

function bootTime(scan: ScanContext): number {
  return Number(/^btime (\d+)$/m.exec(readProc('/proc/stat', scan) ?? '')?.[1] ?? 0);
}

/** `Name:\tvalue` lines as a map. */
function fieldsOf(text: string): Map<string, string> {
  return new Map(
    text.split('\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
    }),
  );
}

function row(pid: number, boot: number, scan: ScanContext): Row | null {
  const stat = readProc(`/proc/${pid}/stat`, scan);
  const status = stat === null ? null : readProc(`/proc/${pid}/status`, scan);
  if (stat === null || status === null) return null;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fieldsOf(status);
  const ids = (name: string): (number | undefined)[] =>
    (state.get(name) ?? '').split('\t').map((id) => (id === '' ? undefined : Number(id)));
  const [uid, euid, suid] = ids('Uid');
  const [gid, egid, sgid] = ids('Gid');
  const kilobytes = (name: string): number => Number.parseInt(state.get(name) ?? '0', 10) * 1024;
  const started = boot + Math.floor(Number(fields[19]) / TICKS);
  const link = (name: string): string => readProcLink(`/proc/${pid}/${name}`, scan) ?? '';
  const exe = scan.uses('path') || scan.uses('on_disk') ? link('exe') : '';
  const io =
    scan.uses('disk_bytes_read') || scan.uses('disk_bytes_written')
      ? readProc(`/proc/${pid}/io`, scan)
      : null;
  const counters = fieldsOf(io ?? '');
  return {
    pid,
    name: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
    path: exe.replace(DELETED, ''),
    cmdline: scan.uses('cmdline')
      ? (readProc(`/proc/${pid}/cmdline`, scan) ?? '').replace(/\0+$/, '').replaceAll('\0', ' ')
      : '',
    state: fields[0],
    cwd: scan.uses('cwd') ? link('cwd') : '',
    root: scan.uses('root') ? link('root') : '',
    uid,
    gid,
    euid,
    egid,
    suid,
    sgid,
    // -1: not known, for kernel threads and what may not be looked at.
    on_disk: exe === '' ? -1 : !DELETED.test(exe) && existsSync(`/proc/${pid}/exe`),
    wired_size: 0,
    resident_size: kilobytes('VmRSS'),
    total_size: kilobytes('VmSize'),
    user_time: Number(fields[11]) * (1000 / TICKS),
    system_time: Number(fields[12]) * (1000 / TICKS),
    disk_bytes_read: Number(counters.get('read_bytes') ?? 0),
    disk_bytes_written:
      Number(counters.get('write_bytes') ?? 0) - Number(counters.get('cancelled_write_bytes') ?? 0),
    start_time: started,
    parent: Number(fields[1]),
    pgroup: Number(fields[2]),
    threads: Number(fields[17]),
    nice: Number(fields[16]),
    elapsed_time: Math.max(0, Math.floor(Date.now() / 1000) - started),
    cgroup_path: scan.uses('cgroup_path') ? cgroupOf(pid, scan) : '',
  };
}

/** The one of cgroup v2; of v1 hierarchies the first. */
function cgroupOf(pid: number, scan: ScanContext): string {
  const lines = (readProc(`/proc/${pid}/cgroup`, scan) ?? '').split('\n');
  const line = lines.find((one) => one.startsWith('0::')) ?? lines[0] ?? '';
  return line.split(':').slice(2).join(':');
}

/** Running processes. */
export const processes: Table = {
  name: 'processes',
  platforms: ['linux'],
  *rows(scan) {
    const boot = bootTime(scan);
    for (const pid of pidsOf(scan)) {
      const found = row(pid, boot, scan);
      if (found !== null) yield found;
    }
  },
};
