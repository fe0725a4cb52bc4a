import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { acquireLock } from './lock.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'muster-lock-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));
const lockFile = () => path.join(directory, 'lock');

it('is held by one, and free again after release', () => {
  const release = acquireLock(directory);
  expect(() => acquireLock(directory)).toThrow(`already in use by process ${process.pid}`);
  release();
  acquireLock(directory)();
  expect(readdirSync(directory)).toEqual([]);
});

it.each([
  ['of a process that is gone', { pid: 2 ** 22 + 1, started: 'x' }],
  ['of a process whose id was reused', { pid: process.pid, started: 'another boot:1' }],
  ['that is not ours to read', 'garbage'],
  ['that is empty', ''],
])('takes over a lock %s', (_, content) => {
  writeFileSync(lockFile(), typeof content === 'string' ? content : JSON.stringify(content));
  const release = acquireLock(directory);
  expect(JSON.parse(readFileSync(lockFile(), 'utf8'))).toMatchObject({ pid: process.pid });
  release();
});

it('leaves the lock alone when somebody else holds it by now', () => {
  const release = acquireLock(directory);
  writeFileSync(lockFile(), 'theirs');
  release();
  expect(readFileSync(lockFile(), 'utf8')).toBe('theirs');
});
