import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LogFile, readableLogLine } from './log-file.js';

describe('LogFile', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'muster-log-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('shows the last lines of this run and not of the one before', () => {
    const path = join(folder, 'logs', 'server.log');
    const first = new LogFile(path);
    writeSync(first.descriptor, 'old\n');
    first.close();
    const log = new LogFile(path);
    writeSync(log.descriptor, 'one\n\ntwo\nthree\n');
    expect(log.lastLines(2)).toEqual(['two', 'three']);
    expect(log.lastLines(9)).toEqual(['one', 'two', 'three']);
    log.mark();
    expect(log.lastLines(9)).toEqual([]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    log.close();
  });

  it('moves aside what has grown large', () => {
    const path = join(folder, 'server.log');
    writeFileSync(path, '');
    truncateSync(path, 40 * 1024 * 1024);
    new LogFile(path).close();
    expect(statSync(path).size).toBe(0);
    expect(statSync(`${path}.1`).size).toBe(40 * 1024 * 1024);
  });
});

describe('readableLogLine', () => {
  it.each([
    [
      '{"level":"error","msg":"cannot listen","err":{"message":"EADDRINUSE"}}',
      'error: cannot listen (EADDRINUSE)',
    ],
    ['{"level":"info","msg":"ready","port":1}', 'ready'],
    ['MUSTER_PORT: must be a number', 'MUSTER_PORT: must be a number'],
    ['{"level":"info"}', '{"level":"info"}'],
    ['[1]', '[1]'],
    ['7', '7'],
  ])('%s', (text, expected) => {
    expect(readableLogLine(text)).toBe(expected);
  });
});
