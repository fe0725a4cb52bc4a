import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ask, openTables, program } from '../testing.js';
import { parsePackage } from './npm-packages.js';

let ask: Ask;
let root: string;

beforeAll(async () => {
  ask = await openTables();
  root = fs.mkdtempSync(join(tmpdir(), 'muster-npm-'));
  const add = (place: string, content: unknown): void => {
    fs.mkdirSync(join(root, place), { recursive: true });
    fs.writeFileSync(
      join(root, place, 'package.json'),
      typeof content === 'string' ? content : JSON.stringify(content),
    );
  };
  add('node_modules/a', {
    name: 'a',
    version: '1.0.0',
    author: { name: 'Lee' },
    license: { url: 'http://l' },
  });
  add('node_modules/a/node_modules/c', { name: 'c', version: '3.0.0', license: { type: 'MIT' } });
  add('node_modules/@scope/b', {
    name: '@scope/b',
    version: '2.0.0',
    author: 'Kim',
    license: 'ISC',
    description: 7,
  });
  add('node_modules/broken', '{');
  add('node_modules/.bin', { name: 'hidden' });
  fs.symlinkSync('../../..', join(root, 'node_modules/a/node_modules/loop'));
});

afterAll(() => fs.rmSync(root, { recursive: true }));

it('reads what anybody may have written', () => {
  expect(parsePackage('{"name":[],"version":null,"author":null,"license":["MIT"]}')).toEqual({
    name: '',
    version: '',
    description: '',
    author: '',
    license: '',
    homepage: '',
  });
  for (const text of ['', '{', '1', 'null', '"x"']) expect(parsePackage(text)).toBeNull();
});

it('finds packages, those of scopes and those inside others, and ends where links lead round', () => {
  const columns = 'name, version, author, license, directory, depth';
  expect(ask(`select ${columns} from npm_packages where directory = '${root}' and max_depth = 1`)).toEqual([
    { name: '@scope/b', version: '2.0.0', author: 'Kim', license: 'ISC', directory: root, depth: '0' },
    { name: 'a', version: '1.0.0', author: 'Lee', license: 'http://l', directory: root, depth: '0' },
    { name: 'c', version: '3.0.0', author: '', license: 'MIT', directory: root, depth: '1' },
  ]);
  const all = ask(`select path, depth from npm_packages where directory = '${root}'`);
  expect(all.map((row) => row['depth'])).toEqual(['0', '0', '1']);
  expect(all[1]?.['path']).toBe(`${root}/node_modules/a/package.json`);
});

it('knows the packages of this machine', () => {
  const known = program('find', '/usr/lib/node_modules', '-maxdepth', '2', '-name', 'package.json') ?? [];
  const seen = ask('select path from npm_packages where depth = 0').map((row) => row['path']);
  expect(seen).toEqual(expect.arrayContaining(known));
});
