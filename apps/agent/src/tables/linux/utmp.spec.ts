import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { program } from '../testing.js';
import { lastRows } from './last.js';
import { loggedInRows } from './logged-in-users.js';
import { RECORD_BYTES } from './utmp.js';

const scan = { warn: (): void => undefined };
const TIME = 1_700_000_000;
let path: string;

function record(type: number, pid: number, line: string, user: string, host: string, time: number): Buffer {
  const bytes = Buffer.alloc(RECORD_BYTES);
  bytes.writeInt16LE(type, 0);
  bytes.writeInt32LE(pid, 4);
  bytes.write(line, 8, 32);
  bytes.write(line.slice(-4), 40, 4);
  bytes.write(user, 44, 32);
  bytes.write(host, 76, 256);
  bytes.writeUInt32LE(time, 340);
  return bytes;
}

beforeAll(() => {
  path = join(fs.mkdtempSync(join(tmpdir(), 'muster-utmp-')), 'wtmp');
  const many = Array.from({ length: 500 }, (_, i) =>
    record(7, 1000 + i, 'pts/9', 'kim', 'fe80::1', TIME + 60 + i),
  );
  fs.writeFileSync(
    path,
    Buffer.concat([
      record(2, 0, '~', 'reboot', '6.1.0', TIME),
      record(1, 53, '~', 'runlevel', '6.1.0', TIME),
      record(7, 700, 'pts/0', 'lee', '192.0.2.7', TIME + 10),
      record(8, 700, 'pts/0', '', '', TIME + 20),
      // Exactly 32 bytes: without a NUL at the end.
      record(7, 701, 'tty1', 'a'.repeat(32), '', TIME + 30),
      ...many,
      Buffer.alloc(100, 1),
    ]),
  );
});

it('finds logins and their ends', () => {
  const rows = [...lastRows(path, scan)];
  expect(rows).toHaveLength(503);
  expect(rows.slice(0, 3)).toEqual([
    {
      username: 'lee',
      tty: 'pts/0',
      pid: 700,
      type: 7,
      type_name: 'user-process',
      time: TIME + 10,
      host: '192.0.2.7',
    },
    { username: '', tty: 'pts/0', pid: 700, type: 8, type_name: 'dead-process', time: TIME + 20, host: '' },
    {
      username: 'a'.repeat(32),
      tty: 'tty1',
      pid: 701,
      type: 7,
      type_name: 'user-process',
      time: TIME + 30,
      host: '',
    },
  ]);
  expect(rows.at(-1)).toMatchObject({ pid: 1499, time: TIME + 559 });
});

it('agrees with who about such a file', () => {
  const rows = [...loggedInRows(path, scan)].filter((row) => row['type'] === 'user');
  expect(rows).toHaveLength(502);
  const known = program('who', path);
  if (known === null) return;
  expect(known.map((line) => line.split(/\s+/).slice(0, 2))).toEqual(
    rows.map((row) => [row['user'], row['tty']]),
  );
});

it('names the kinds of records, and bears a file that is not there', () => {
  expect([...loggedInRows(path, scan)].slice(0, 4).map((row) => row['type'])).toEqual([
    'boot_time',
    'runlevel',
    'user',
    'dead',
  ]);
  expect([...loggedInRows(`${path}.not`, scan)]).toEqual([]);
});
