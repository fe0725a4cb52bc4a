import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTables, program } from '../testing.js';
import { suidBelow } from './suid-bin.js';

it('knows the programs that find knows', async () => {
  const ask = await openTables();
  const places = ['/usr/bin', '/usr/sbin'];
  const known = program('find', ...places, '-type', 'f', '-perm', '/6000', '-printf', '%p %u %g %m\n') ?? [];
  const seen = ask("select * from suid_bin where path like '/usr/bin/%' or path like '/usr/sbin/%'");
  const files = seen.filter((row) => !fs.lstatSync(row['path'] ?? '').isSymbolicLink());
  const lines = files.map((row) => {
    const mode = (fs.statSync(row['path'] ?? '').mode & 0o7777).toString(8);
    return `${row['path']} ${row['username']} ${row['groupname']} ${mode}`;
  });
  expect(lines.sort()).toEqual(known.sort());
});

it('tells set-user-id from set-group-id, and does not go into linked directories', () => {
  const root = fs.mkdtempSync(join(tmpdir(), 'muster-suid-'));
  fs.mkdirSync(join(root, 'in'));
  for (const [name, mode] of [
    ['user', 0o4755],
    ['in/group', 0o2711],
    ['both', 0o6700],
    ['plain', 0o755],
  ] as const) {
    fs.writeFileSync(join(root, name), '');
    fs.chmodSync(join(root, name), mode);
  }
  fs.symlinkSync('in', join(root, 'out'));
  fs.symlinkSync('..', join(root, 'in/up'));
  fs.symlinkSync('nowhere', join(root, 'dangling'));
  fs.chmodSync(join(root, 'in'), 0o2755);
  const { uid, gid } = fs.statSync(join(root, 'user'));
  const rows = [...suidBelow(root, new Map([[uid, 'me']]), new Map(), { warn: () => undefined })];
  fs.rmSync(root, { recursive: true });
  expect(rows.sort((a, b) => (String(a['path']) < String(b['path']) ? -1 : 1))).toEqual([
    { path: `${root}/both`, username: 'me', groupname: String(gid), permissions: 'SG' },
    { path: `${root}/in/group`, username: 'me', groupname: String(gid), permissions: 'G' },
    { path: `${root}/user`, username: 'me', groupname: String(gid), permissions: 'S' },
  ]);
});
