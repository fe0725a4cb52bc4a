import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { UsageError } from '../errors.js';
import { readSources } from './read-files.js';

describe('readSources', () => {
  let dir: string;
  const none = Readable.from([]);

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'muster-specs-'));
  });

  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const put = (name: string, text: string | Buffer): string => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };

  it('reads files, what a directory holds by name, and standard input', async () => {
    put('b.yaml', 'b');
    put('a.yml', 'a');
    put('notes.md', 'no');
    mkdirSync(join(dir, 'more'));
    const other = put('queries.txt', '\ufeffother');
    expect(await readSources([other, dir, '-'], Readable.from(['é', Buffer.from('!')]))).toEqual([
      { file: other, text: 'other' },
      { file: join(dir, 'a.yml'), text: 'a' },
      { file: join(dir, 'b.yaml'), text: 'b' },
      { file: 'standard input', text: 'é!' },
    ]);
  });

  it('says what it cannot read', async () => {
    const refuses = async (paths: string[], message: string, stdin = none): Promise<void> => {
      const reading = readSources(paths, stdin);
      await expect(reading).rejects.toThrow(UsageError);
      await expect(reading).rejects.toThrow(message);
    };
    await refuses([join(dir, 'gone.yml')], `cannot read ${join(dir, 'gone.yml')} (ENOENT)`);
    await refuses([dir], `${dir} holds no file that ends in .yml or .yaml`);
    await refuses(['-', '-'], 'standard input can be read only once');
    const large = put('large.yml', Buffer.alloc(4 * 1024 * 1024 + 1, 'x'));
    await refuses([large], `${large} is larger than 4 MiB: split it into several files`);
    const full = put('full.yml', Buffer.alloc(4 * 1024 * 1024, 'x'));
    await refuses([full, full, put('one.yml', 'x')], 'the files are larger than 8 MiB together');
    const bad = put(
      'bad.yml',
      Buffer.concat([Buffer.from('---\na: 1\n---\nb: '), Buffer.from([0xe9, 0x0a])]),
    );
    await refuses([bad], `${bad}: document 2, line 4: not UTF-8: save the file in this encoding`);
    await refuses([put('wide.yml', Buffer.from('\ufeffa: 1\n', 'utf16le'))], 'document 1, line 1: not UTF-8');
  });

  it('does not read an endless pipe to its end', async () => {
    const endless = new Readable({
      read(): void {
        this.push(Buffer.alloc(65_536, 'x'));
      },
    });
    await expect(readSources(['-'], endless)).rejects.toThrow('standard input is larger than 4 MiB');
    expect(endless.destroyed).toBe(true);
  });
});
