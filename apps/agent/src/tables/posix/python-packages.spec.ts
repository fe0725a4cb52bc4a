import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ask, openTables, program } from '../testing.js';
import { parseMetadata } from './python-packages.js';

let ask: Ask;
let root: string;

beforeAll(async () => {
  ask = await openTables();
  root = fs.mkdtempSync(join(tmpdir(), 'muster-python-'));
  fs.mkdirSync(join(root, 'one-1.0.dist-info'));
  fs.writeFileSync(
    join(root, 'one-1.0.dist-info/METADATA'),
    'Metadata-Version: 2.1\nName: one\nVersion: 1.0\n',
  );
  fs.mkdirSync(join(root, 'two.egg-info'));
  fs.writeFileSync(join(root, 'two.egg-info/PKG-INFO'), 'Name: two\r\nVersion: 2.0\r\n');
  fs.writeFileSync(join(root, 'three-3.0.egg-info'), 'Name: three\nVersion: 3.0\n');
  fs.mkdirSync(join(root, 'empty-1.dist-info'));
  fs.mkdirSync(join(root, 'one'));
});

afterAll(() => fs.rmSync(root, { recursive: true }));

it('reads the header and not the description', () => {
  const text = 'Name: x\nVersion: 1: 2\nSummary: a: b\nLicense: MIT\n\nName: y\nAuthor: nobody\n';
  expect(parseMetadata(text)).toEqual({
    name: 'x',
    version: '1: 2',
    summary: 'a: b',
    author: '',
    license: 'MIT',
  });
});

it('finds the packages of a directory', () => {
  expect(ask(`select name, version, path from python_packages where directory = '${root}'`)).toEqual([
    { name: 'one', version: '1.0', path: `${root}/one-1.0.dist-info` },
    { name: 'three', version: '3.0', path: `${root}/three-3.0.egg-info` },
    { name: 'two', version: '2.0', path: `${root}/two.egg-info` },
  ]);
});

it('knows the packages of this machine', () => {
  const places = ['/usr/lib', '/usr/local/lib'].filter((place) => fs.existsSync(place));
  const known =
    program('find', ...places, '-maxdepth', '4', '-path', '*/python*-packages/*.dist-info/METADATA') ?? [];
  const seen = ask('select path from python_packages').map((row) => `${row['path']}/METADATA`);
  expect(seen).toEqual(expect.arrayContaining(known));
});
