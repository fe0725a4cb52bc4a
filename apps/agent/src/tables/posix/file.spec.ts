import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ask, openTables, program } from '../testing.js';

let ask: Ask & { warnings(): string[] };
let root: string;

/**
 * root/
 *   plain, .hidden, "odd\nname", <0xff>a (no UTF-8), pipe, special (setuid), dangling -> nowhere
 *   sub/deep/leaf, sub/loop -> .., sub/self -> self, sub/deep/again -> ../../sub
 *   link -> sub, sibling/one.conf, sibling/two.conf
 */
beforeAll(async () => {
  ask = await openTables();
  root = fs.mkdtempSync(join(tmpdir(), 'muster-file-'));
  fs.mkdirSync(join(root, 'sub/deep'), { recursive: true });
  fs.mkdirSync(join(root, 'sibling'));
  for (const name of ['plain', '.hidden', 'odd\nname', 'special', 'sub/deep/leaf'])
    fs.writeFileSync(join(root, name), `content of ${name}`);
  for (const name of ['sibling/one.conf', 'sibling/two.conf', 'sibling/a_b'])
    fs.writeFileSync(join(root, name), '');
  fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x61])]), 'xyz');
  fs.chmodSync(join(root, 'special'), 0o4750);
  fs.utimesSync(join(root, 'plain'), 1_000_000, 2_000_000.9);
  fs.linkSync(join(root, 'plain'), join(root, 'sibling/hard'));
  fs.symlinkSync('nowhere', join(root, 'dangling'));
  fs.symlinkSync('..', join(root, 'sub/loop'));
  fs.symlinkSync('self', join(root, 'sub/self'));
  fs.symlinkSync('../../sub', join(root, 'sub/deep/again'));
  fs.symlinkSync('sub', join(root, 'link'));
  execFileSync('mkfifo', [join(root, 'pipe')]);
});

afterAll(() => fs.rmSync(root, { recursive: true }));

const paths = (where: string): string[] =>
  ask(`select path from file where ${where}`)
    .map((row) => (row['path'] ?? '').replace(root, ''))
    .sort();

it('says of files what stat says', () => {
  const places = [join(root, 'plain'), join(root, 'special'), '/etc/passwd', '/bin', '/dev/null', root];
  for (const place of places) {
    const [row, ...others] = ask(`select * from file where path = '${place}'`);
    const format = '%i|%u|%g|%a|%s|%o|%X|%Y|%Z|%h|%F';
    const [inode, uid, gid, mode, size, block, atime, mtime, ctime, links, kind] = (
      program('stat', '-L', '-c', format, place)?.[0] ?? ''
    ).split('|');
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      path: place,
      inode,
      uid,
      gid,
      mode: mode?.padStart(4, '0'),
      size,
      block_size: block,
      atime,
      mtime,
      ctime,
      hard_links: links,
      btime: '0',
      type: (kind ?? '').replace(/ .*/, ''),
    });
  }
  expect(
    ask(`select atime, mtime, hard_links, directory, filename from file where path = '${root}/plain'`),
  ).toEqual([{ atime: '1000000', mtime: '2000000', hard_links: '2', directory: root, filename: 'plain' }]);
  expect(ask(`select mode from file where path = '${root}/special'`)).toEqual([{ mode: '4750' }]);
});

it('tells links from what they lead to', () => {
  const links = ask(
    `select filename, symlink, type, symlink_target_path as target from file where directory = '${root}' and symlink = 1 order by 1`,
  );
  expect(links).toEqual([
    { filename: 'dangling', symlink: '1', type: 'unknown', target: 'nowhere' },
    { filename: 'link', symlink: '1', type: 'directory', target: 'sub' },
  ]);
  expect(ask(`select type, symlink from file where path = '${root}/pipe'`)).toEqual([
    { type: 'fifo', symlink: '0' },
  ]);
});

it('lists a directory, whatever its names', () => {
  const expected = ['.hidden', 'dangling', 'link', 'odd\nname', 'pipe', 'plain', 'sibling', 'special', 'sub'];
  const names = (where: string): (string | null)[] =>
    ask(`select filename from file where ${where} order by 1`).map((row) => row['filename'] ?? null);
  expect(names(`directory = '${root}'`)).toEqual([...expected, '\ufffda']);
  expect(names(`directory = '${root}/'`)).toHaveLength(10);
  expect(ask(`select size from file where directory = '${root}' and filename = '\ufffda'`)).toEqual([
    { size: '3' },
  ]);
  expect(names(`directory in ('${root}/sibling', '${root}/nowhere', '${root}/plain')`)).toEqual([
    'a_b',
    'hard',
    'one.conf',
    'two.conf',
  ]);
  expect(names(`path = '${root}/plain' and directory = '${root}/'`)).toEqual(['plain']);
  expect(names(`path = '${root}/plain' and directory = '/etc'`)).toEqual([]);
});

it('finds by several paths, and nothing where there is nothing', () => {
  expect(
    paths(`path in ('${root}/plain', '${root}/plain', '${root}/missing', '', 'plain', '/plain/x')`),
  ).toEqual(['/plain']);
  expect(paths(`path = '${root}/plain' || char(0)`)).toEqual([]);
  expect(ask("select path, filename, directory from file where path = '/'")).toEqual([
    { path: '/', filename: '/', directory: '' },
  ]);
});

it('takes % for one level, with a slash after directories', () => {
  expect(paths(`path like '${root}/%'`)).toEqual(
    [
      '/.hidden',
      '/dangling',
      '/link/',
      '/odd\nname',
      '/pipe',
      '/plain',
      '/sibling/',
      '/special',
      '/sub/',
      '/\ufffda',
    ].sort(),
  );
  expect(paths(`path like '${root}/s%/%.conf'`)).toEqual(['/sibling/one.conf', '/sibling/two.conf']);
  expect(paths(`path like '${root}/%/deep'`)).toEqual(['/link/deep', '/sub/deep']);
  expect(paths(`path like '${root}/%/'`)).toEqual(['/link/', '/sibling/', '/sub/']);
  expect(paths(`path like '${root}/s%g/t%.co%'`)).toEqual(['/sibling/two.conf']);
  expect(paths(`path like '${root}/sibling/a_b'`)).toEqual(['/sibling/a_b']);
  expect(paths(`path like '${root}/plain'`)).toEqual(['/plain']);
  expect(paths("path like 'plain%'")).toEqual([]);
  expect(ask(`select path, filename, directory from file where path like '${root}/sib%'`)).toEqual([
    { path: `${root}/sibling/`, filename: '.', directory: `${root}/sibling` },
  ]);
});

it('takes directory patterns', () => {
  expect(paths(`directory like '${root}/sib%'`)).toHaveLength(4);
  expect(paths(`directory like '${root}/%/deep'`)).toEqual([
    '/link/deep/again',
    '/link/deep/leaf',
    '/sub/deep/again',
    '/sub/deep/leaf',
  ]);
});

it('takes %% for everything below, and comes back from loops of links', () => {
  const found = paths(`path like '${root}/%%'`);
  const real = (program('find', root, '-mindepth', '1', '-printf', '%P\\0') ?? []).join('\n').split('\0');
  expect(real).toHaveLength(19 + 1);
  const seen = new Set(found.map((path) => path.slice(1).replace(/\/$/, '')));
  // `find` does not follow links; what it prints of a name that is no UTF-8 reads the same here.
  for (const path of real.filter((one) => one !== '')) expect(seen).toContain(path);
  expect(new Set(found).size).toBe(found.length);
  expect(seen).toContain('link/deep/leaf');
  expect(found.length).toBeLessThan(40);
});

it('ends early without reading on', () => {
  expect(ask("select path from file where path like '/%%' limit 3")).toHaveLength(3);
});
