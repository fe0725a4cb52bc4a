import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ask, openTables, program } from '../testing.js';

let ask: Ask & { warnings(): string[] };
let root: string;

beforeAll(async () => {
  ask = await openTables();
  root = fs.mkdtempSync(join(tmpdir(), 'muster-hash-'));
  fs.writeFileSync(join(root, 'empty'), '');
  fs.writeFileSync(join(root, 'large'), Buffer.alloc(3 * 1024 * 1024 + 17, 'muster'));
  fs.writeFileSync(join(root, 'odd\nname'), 'x');
  fs.mkdirSync(join(root, 'directory'));
  fs.symlinkSync('large', join(root, 'link'));
  execFileSync('mkfifo', [join(root, 'pipe')]);
});

afterAll(() => fs.rmSync(root, { recursive: true }));

it.each(['md5', 'sha1', 'sha256'])('computes what %ssum computes', (algorithm) => {
  for (const name of ['empty', 'large', 'link']) {
    const path = join(root, name);
    const [line = ''] = program(`${algorithm}sum`, path) ?? [];
    expect(ask(`select ${algorithm} as digest from hash where path = '${path}'`)).toEqual([
      { digest: line.split(' ')[0] },
    ]);
  }
});

it('hashes the files of a directory, and nothing that is no file', () => {
  const names = (where: string): (string | undefined)[] =>
    ask(`select path, sha256 from hash where ${where} order by 1`).map((row) =>
      row['path']?.replace(root, ''),
    );
  expect(names(`directory = '${root}'`)).toEqual(['/empty', '/large', '/link', '/odd\nname']);
  expect(names(`path like '${root}/%'`)).toEqual(['/empty', '/large', '/link', '/odd\nname']);
  expect(names(`path in ('${root}/pipe', '${root}/directory', '${root}/missing')`)).toEqual([]);
});

it('joins with files', () => {
  const sql = `select f.filename, h.md5 from file f join hash h on h.path = f.path where f.directory = '${root}' and f.filename = 'empty'`;
  expect(ask(sql)).toEqual([{ filename: 'empty', md5: 'd41d8cd98f00b204e9800998ecf8427e' }]);
});

it('has no row for what cannot be read, rather than the digest of a part', () => {
  // Reading the memory of a process from its start fails for everybody.
  expect(ask("select sha256 from hash where path = '/proc/self/mem'")).toEqual([]);
});
