import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ask, openTables } from '../testing.js';
import { linesOf, namesIn, readText } from './files.js';

/** Nobody's. */
const NOBODY = 65534;
const isRoot = process.geteuid?.() === 0;

let ask: Ask & { warnings(): string[] };
let root: string;
let warnings: string[];
const scan = { warn: (message: string): number => warnings.push(message) };

/** As an account that may not read everything; the engine was loaded before. */
function asNobody<T>(work: () => T): T {
  if (!isRoot) return work();
  process.seteuid?.(NOBODY);
  try {
    return work();
  } finally {
    process.seteuid?.(0);
  }
}

beforeAll(async () => {
  ask = await openTables();
  root = fs.mkdtempSync(join(tmpdir(), 'muster-files-'));
  fs.chmodSync(root, 0o755);
  fs.writeFileSync(join(root, 'open'), 'one\ntwo\n\nfour');
  fs.writeFileSync(join(root, 'empty'), '');
  fs.writeFileSync(join(root, 'closed'), 'secret');
  fs.chmodSync(join(root, 'closed'), 0);
  fs.mkdirSync(join(root, 'locked'));
  fs.writeFileSync(join(root, 'locked/inside'), '');
  fs.chmodSync(join(root, 'locked'), 0);
  execFileSync('mkfifo', [join(root, 'pipe')]);
});

beforeEach(() => {
  warnings = [];
});

afterAll(() => {
  fs.chmodSync(join(root, 'locked'), 0o700);
  fs.rmSync(root, { recursive: true });
});

it('reads lines, also the last one without an end', () => {
  expect([...linesOf(join(root, 'open'), scan)]).toEqual(['one', 'two', '', 'four']);
  expect([...linesOf(join(root, 'empty'), scan)]).toEqual([]);
});

it('reads lines across pieces, with characters of several bytes', () => {
  const path = join(root, 'long');
  const lines = Array.from({ length: 40_000 }, (_, i) => `\u00e4\u{1f600}${i}`);
  fs.writeFileSync(path, lines.join('\n'));
  expect([...linesOf(path, scan)]).toEqual(lines);
  fs.writeFileSync(path, `a\n${'x'.repeat(3 * 1024 * 1024)}\nb\n`);
  const [first, cut, last] = [...linesOf(path, scan)];
  expect([first, last]).toEqual(['a', 'b']);
  expect(cut?.length).toBeLessThan(2 * 1024 * 1024);
});

it('tells nothing from empty, and does not wait for a pipe', () => {
  expect(readText(join(root, 'empty'), scan)).toBe('');
  expect(readText(join(root, 'open'), scan, 'it', 5)).toBe('one\nt');
  for (const name of ['none', 'pipe', 'locked']) expect(readText(join(root, name), scan)).toBeNull();
  expect(readText('a\0b', scan)).toBeNull();
});

it('warns of what it may not read, and goes on', () => {
  asNobody(() => {
    expect(readText(join(root, 'closed'), scan, 'the closed')).toBeNull();
    expect([...linesOf(join(root, 'closed'), scan, 'the closed')]).toEqual([]);
    expect(namesIn(join(root, 'locked'), scan, 'the locked')).toEqual([]);
  });
  expect(new Set(warnings)).toEqual(
    new Set(['not permitted to read the closed', 'not permitted to read the locked']),
  );
});

it('has rows for files that cannot be read, none for their digests, none for what a directory hides', () => {
  asNobody(() => {
    const names = ask(`select filename, mode, size from file where directory = '${root}' order by 1`);
    expect(names.find((row) => row['filename'] === 'closed')).toEqual({
      filename: 'closed',
      mode: '0000',
      size: '6',
    });
    expect(ask(`select path from file where path like '${root}/lock%/%%'`)).toEqual([]);
    expect(ask.warnings()).toEqual(['not permitted to read every directory']);
    expect(ask(`select path from file where path = '${root}/locked/inside'`)).toEqual([]);
    const hashes = ask(`select md5 from hash where path in ('${root}/closed', '${root}/empty')`);
    expect(hashes).toEqual([{ md5: 'd41d8cd98f00b204e9800998ecf8427e' }]);
    expect(ask.warnings()).toEqual(['not permitted to read every file']);
    expect(ask('select count(*) as n from shadow')).toEqual([{ n: '0' }]);
    expect(ask.warnings()).toEqual(['not permitted to read /etc/shadow']);
  });
});

it('answers from every table to an account that may read little', () => {
  asNobody(() => {
    for (const name of [
      'authorized_keys',
      'crontab',
      'shell_history',
      'sudoers',
      'user_ssh_keys',
      'npm_packages',
    ])
      expect(Number(ask(`select count(*) as n from ${name}`)[0]?.['n'])).toBeGreaterThanOrEqual(0);
  });
});
