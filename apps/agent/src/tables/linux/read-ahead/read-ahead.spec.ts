import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readlinkSync } from 'node:fs';
import { until } from '#libs/testing/index';
import { type ScanContext } from '../../engine/table.js';
import { type Part } from './layout.js';
import { type ProcFiles, ReadAhead } from './read-ahead.js';

/** Three groups. */
const COUNT = 150;
/** More than an entry may take: its command line is never read ahead. */
const LONG = 'x'.repeat(100_000);
const PARTS: Part[] = [
  { name: 'stat', isLink: false, ofPrograms: false },
  { name: 'cmdline', isLink: false, ofPrograms: true },
  { name: 'exe', isLink: true, ofPrograms: true },
  { name: 'root', isLink: true, ofPrograms: false },
];
const context: ScanContext = {
  equals: () => null,
  like: () => [],
  uses: () => true,
  warn: () => undefined,
};
const readAhead = new ReadAhead();
let sleepers: ChildProcess[];
let pids: number[];

beforeAll(async () => {
  sleepers = Array.from({ length: COUNT }, (_, i) =>
    spawn('/bin/sh', ['-c', 'read -r line', `sleeper-${i}`, ...(i % 50 === 7 ? [LONG, LONG] : [])]),
  );
  await Promise.all(sleepers.map((child) => once(child, 'spawn')));
  pids = sleepers.map(({ pid }) => pid ?? 0);
});

afterAll(() => {
  for (const child of sleepers) child.kill('SIGKILL');
});

const told = ({ pid, record, link }: ProcFiles): unknown => ({
  pid,
  comm: record('stat')?.split(' ').slice(0, 2).join(' '),
  cmdline: record('cmdline'),
  exe: link('exe'),
  root: link('root'),
});

const expected = (pid: number): unknown => ({
  pid,
  comm: `${pid} (sh)`,
  cmdline: readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
  exe: readlinkSync(`/proc/${pid}/exe`),
  root: '/',
});

/** Scans until the other thread has had a part in it. @returns that scan, and how many were read ahead */
async function helped(asked = pids): Promise<{ seen: unknown[]; ahead: number }> {
  return until(() => {
    let ahead = 0;
    const seen = [...readAhead.filesOf(asked, PARTS, context)].map((files) => {
      if (files.ahead) ahead += 1;
      return told(files);
    });
    return ahead > 0 ? { seen, ahead } : null;
  });
}

it('tells the same of every process, in order, whoever has read it', async () => {
  const all = pids.map(expected);
  let own = 0;
  for (let i = 0; i < 20; i++) {
    const { seen, ahead } = await helped();
    expect(seen).toEqual(all);
    // None, when the scan had to wait for a processor right at its beginning; not twenty times.
    own += COUNT - ahead;
  }
  expect(own).toBeGreaterThan(0);
});

it('knows each process as it was in its own scan, when one before was left in the middle', async () => {
  await helped();
  for (let i = 0; i < 20; i++) {
    for (const { pid } of readAhead.filesOf(pids, PARTS, context)) if (pid === pids[i * 7]) break;
    const turned = [...pids].reverse();
    expect([...readAhead.filesOf(turned, PARTS, context)].map(told)).toEqual(turned.map(expected));
  }
});

it('lets a scan within a scan read alone', async () => {
  await helped();
  for (const { pid } of readAhead.filesOf(pids.slice(0, 40), PARTS, context)) {
    const inner = [...readAhead.filesOf(pids, PARTS, context)];
    expect(inner.filter(({ ahead }) => ahead)).toEqual([]);
    expect(inner).toHaveLength(COUNT);
    expect(told(inner[pids.indexOf(pid)] as ProcFiles)).toEqual(expected(pid));
  }
});

it('has nothing of processes that have gone', async () => {
  const ended = sleepers.filter((_, i) => i % 3 === 0);
  const gone = Promise.all(ended.map((child) => once(child, 'exit')));
  for (const child of ended) child.kill('SIGKILL');
  await gone;
  const { seen } = await helped();
  const left = new Set(sleepers.filter((child) => !ended.includes(child)).map(({ pid }) => pid));
  expect(seen).toEqual(
    pids.map((pid) =>
      left.has(pid) ? expected(pid) : { pid, comm: undefined, cmdline: null, exe: null, root: null },
    ),
  );
});
