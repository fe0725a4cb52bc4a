import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type Ask, openTables } from '../testing.js';
import { parseMapping } from './process-memory-map.js';

let ask: Ask;

beforeAll(async () => {
  ask = await openTables();
});

it('shows what a process that waits has mapped', async () => {
  const child = spawn('/bin/sleep', ['60'], { stdio: 'ignore' });
  await once(child, 'spawn');
  // Its libraries are there once it sleeps.
  const read = (name: string): string => readFileSync(`/proc/${child.pid}/${name}`, 'utf8').trimEnd();
  for (let seen = ''; seen === '' || seen !== read('maps');) {
    seen = read('maps');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const lines = read('maps').split('\n');
  const rows = ask(`select * from process_memory_map where pid = ${child.pid}`);
  expect(rows.map((row) => `${row['start']}-${row['end']} ${row['permissions']}`)).toEqual(
    lines.map((line) => line.replace(/^([0-9a-f]+)-([0-9a-f]+) (\S+).*$/, '0x$1-0x$2 $3')),
  );
  expect(rows.find((row) => row['path'] === '[stack]')).toMatchObject({ pseudo: '1', inode: '0' });
  expect(rows.find((row) => /\/(sleep|busybox|coreutils)$/.test(row['path'] ?? ''))).toMatchObject({
    pseudo: '0',
    offset: '0',
  });
  child.kill('SIGKILL');
  await once(child, 'exit');
});

it('reads names with blanks, offsets in hexadecimal and mappings without a name', () => {
  const file = '7f00-7f10 r-xp 0001a000 fe:00 4711      /srv/with blank (deleted)';
  expect(parseMapping(file)).toEqual({
    start: '0x7f00',
    end: '0x7f10',
    permissions: 'r-xp',
    offset: 106496n,
    device: 'fe:00',
    inode: 4711,
    path: '/srv/with blank (deleted)',
    pseudo: false,
  });
  expect(parseMapping('7f00-7f10 rw-p 00000000 00:00 0 ')).toMatchObject({ path: '', pseudo: false });
  expect(parseMapping('nonsense')).toBeNull();
});
