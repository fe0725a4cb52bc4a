import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type AgentLogger } from '../platform/logger.js';
import { type ScheduledReport } from '../testing/protocol.js';
import { removeTemporary, temporaryDirectory } from '../testing/temporary.js';
import { ReportSpool } from './report-spool.js';

afterAll(removeTemporary);

const quiet = new Proxy({}, { get: () => () => undefined }) as AgentLogger;
const report = (counter: number, text = ''): ScheduledReport => ({
  pack: 'ops',
  name: 'q',
  query_id: null,
  at: 1,
  counter,
  columns: ['a'],
  result: { kind: 'snapshot', rows: [[text]] },
});
const countersOf = (spool: ReportSpool, bytes = 1e6, count = 100): number[] =>
  spool.first(bytes, count).reports.map(({ counter }) => counter);
const open = (directory: string, limits?: { bytes: number; reports: number }) =>
  new ReportSpool(directory, quiet, limits);

it('keeps reports in order until they are confirmed, also for a later process', () => {
  const directory = temporaryDirectory();
  const spool = open(directory);
  for (const counter of [0, 1, 2]) spool.add(report(counter));
  expect(countersOf(open(directory))).toEqual([0, 1, 2]);
  const { upTo } = spool.first(1e6, 2);
  spool.add(report(3));
  spool.confirm(upTo, 0);
  expect(countersOf(spool)).toEqual([2, 3]);
  const later = open(directory);
  later.add(report(4));
  expect(countersOf(later)).toEqual([2, 3, 4]);
});

it('gives as many as fit, and one at least', () => {
  const spool = open(temporaryDirectory());
  for (const counter of [0, 1, 2]) spool.add(report(counter, 'x'.repeat(1000)));
  expect(countersOf(spool, 1)).toEqual([0]);
  expect(countersOf(spool, 2500)).toEqual([0, 1]);
});

it('drops the oldest when there is no more room, and says how many until that is heard', () => {
  const directory = temporaryDirectory();
  const spool = open(directory, { bytes: 1e6, reports: 2 });
  for (const counter of [0, 1, 2, 3]) spool.add(report(counter));
  expect(countersOf(spool)).toEqual([2, 3]);
  const later = open(directory);
  expect(later.dropped).toBe(2);
  later.confirm(later.first(1e6, 10).upTo, 2);
  expect([later.dropped, later.isEmpty]).toEqual([0, true]);
  expect(open(directory).isEmpty).toBe(true);
});

it('leaves out what a crash tore', () => {
  const directory = temporaryDirectory();
  for (const counter of [0, 1]) open(directory).add(report(counter));
  const [first = ''] = readdirSync(directory).sort();
  writeFileSync(path.join(directory, first), '{"pack":');
  const spool = open(directory);
  expect(countersOf(spool)).toEqual([1]);
  spool.confirm(spool.first(1e6, 10).upTo, 0);
  expect(spool.isEmpty).toBe(true);
});

it('keeps in memory what the disk does not take', () => {
  const directory = temporaryDirectory();
  const spool = open(directory);
  rmSync(directory, { recursive: true });
  spool.add(report(7));
  expect(countersOf(spool)).toEqual([7]);
});
