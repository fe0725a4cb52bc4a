import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { type Row, type ScanContext, type Table } from '../engine/table.js';
import { outputOf } from '../posix/programs.js';
import { millisecondsOf, secondsOfCtime } from './durations.js';
import { parseFiles } from './open-files.js';

/** What ps tells of a process, in this order; then when it began, in five words, and what it runs, which may have blanks. */
const NUMBERS = [
  'pid',
  'ppid',
  'pgid',
  'uid',
  'ruid',
  'svuid',
  'gid',
  'rgid',
  'svgid',
  'nice',
  'rss',
  'vsz',
] as const;
const WORDS = ['utime', 'stime', 'flags', 'state'] as const;
const KEYWORDS = [...NUMBERS, ...WORDS, 'lstart', 'comm'];
/** Of the flags of a process: it runs translated from another kind of processor. */
const TRANSLATED = 0x20000;

/** A line of ps with `KEYWORDS`; null for what is none. `command` is what the process calls itself, mostly its path. */
export function parseProcess(line: string): { row: Row; command: string } | null {
  const words = line.trim().split(/\s+/, NUMBERS.length + WORDS.length + 5);
  const numbers = new Map(NUMBERS.map((name, i) => [name, Number(words[i])]));
  const [utime = '', stime = '', flags = '', state = '', ...start] = words.slice(NUMBERS.length);
  const command = new RegExp(`^\\s*(?:\\S+\\s+){${words.length}}(.*)$`).exec(line)?.[1];
  if (command === undefined || [...numbers.values()].some((number) => !Number.isInteger(number))) return null;
  const get = (name: (typeof NUMBERS)[number]): number => numbers.get(name) ?? 0;
  const id = (name: (typeof NUMBERS)[number]): number => get(name) >>> 0;
  return {
    command,
    row: {
      pid: get('pid'),
      state: state.charAt(0),
      uid: id('ruid'),
      gid: id('rgid'),
      euid: id('uid'),
      egid: id('gid'),
      suid: id('svuid'),
      sgid: id('svgid'),
      resident_size: get('rss') * 1024,
      total_size: get('vsz') * 1024,
      user_time: millisecondsOf(utime),
      system_time: millisecondsOf(stime),
      start_time: secondsOfCtime(start.join(' ')),
      parent: get('ppid'),
      pgroup: get('pgid'),
      nice: get('nice'),
      translated: (Number.parseInt(flags, 16) & TRANSLATED) !== 0,
    },
  };
}

/** Lines of a number and a text, by the number; the first of each counts. */
export function parseCommandLines(text: string): Map<number, string> {
  const found = new Map<number, string>();
  for (const line of text.split('\n')) {
    const [, pid, command = ''] = /^\s*(\d+) ?(.*)$/.exec(line) ?? [];
    if (pid !== undefined && !found.has(Number(pid))) found.set(Number(pid), command.trimEnd());
  }
  return found;
}

/** Options of ps and lsof that choose the processes a scan is about; null where it is about none. */
export function processesAsked(scan: ScanContext): string | null | undefined {
  const asked = scan.equals('pid');
  if (asked === null) return undefined;
  const pids = asked.filter((pid) => /^\d{1,10}$/.test(pid));
  return pids.length === 0 ? null : pids.join(',');
}

function ps(keywords: readonly string[], pids: string | undefined, scan: ScanContext): string {
  const which = pids === undefined ? ['-axww'] : ['-ww', '-p', pids];
  const columns = keywords.flatMap((keyword) => ['-o', `${keyword}=`]);
  return outputOf('ps', [...which, ...columns], scan, { partial: true }) ?? '';
}

/** Paths by process of one kind of descriptor: `txt` what it runs, `cwd` where it is. */
function pathsOf(kind: 'txt' | 'cwd', pids: string | undefined, scan: ScanContext): Map<number, string> {
  const which = pids === undefined ? [] : ['-a', '-p', pids];
  const text = outputOf('lsof', ['-nPw', ...which, '-d', kind, '-F', 'pftn'], scan, { partial: true });
  const found = new Map<number, string>();
  for (const { pid, fd, name } of parseFiles(text ?? ''))
    if (fd === kind && name.startsWith('/') && !found.has(pid)) found.set(pid, name);
  return found;
}

/** Running processes, as ps knows them. */
export const darwinProcesses: Table = {
  name: 'processes',
  platforms: ['darwin'],
  *rows(scan) {
    const pids = processesAsked(scan);
    if (pids === null) return;
    const found = ps(KEYWORDS, pids, scan)
      .split('\n')
      .flatMap((line) => parseProcess(line) ?? []);
    const cmdlines = scan.uses('cmdline') ? parseCommandLines(ps(['pid', 'args'], pids, scan)) : null;
    const directories = scan.uses('cwd') ? pathsOf('cwd', pids, scan) : null;
    // A login shell calls itself "-zsh", a server "sshd: lee": then only its open files tell what it runs.
    const unknown = found.filter(({ command }) => !command.startsWith('/')).map(({ row }) => row['pid']);
    const looked = ['path', 'on_disk', 'name'].some((column) => scan.uses(column)) && unknown.length > 0;
    const programs = looked ? pathsOf('txt', unknown.join(','), scan) : null;
    for (const { row, command } of found) {
      const pid = Number(row['pid']);
      const path = command.startsWith('/') ? command : (programs?.get(pid) ?? '');
      yield {
        ...row,
        name: basename(path) || command.replace(/^-/, ''),
        path,
        cmdline: cmdlines?.get(pid) ?? '',
        cwd: directories?.get(pid) ?? '',
        root: '',
        on_disk: path === '' ? -1 : scan.uses('on_disk') && existsSync(path),
      };
    }
  },
};
