import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { removeTemporary, temporaryDirectory } from '../../testing/temporary.js';
import { OsqueryRunner } from './osquery-runner.js';
import { DEFAULT_LIMITS, type QueryLimits } from './query.js';

afterAll(removeTemporary);

/** A program that speaks as osquery does, for what this machine lacks. */
function osquery(script: string, name = 'osqueryi'): string {
  const file = path.join(temporaryDirectory(), name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

async function ask(binary: string, sql: string, limits: Partial<QueryLimits> = {}) {
  const seen: { columns: readonly string[]; rows: (readonly (string | null)[])[] } = {
    columns: [],
    rows: [],
  };
  const sink = {
    columns: (columns: readonly string[]) => void (seen.columns = columns),
    rows: (rows: readonly (readonly (string | null)[])[]) => void seen.rows.push(...rows),
  };
  const outcome = await new OsqueryRunner(binary).run(sql, sink, { ...DEFAULT_LIMITS, ...limits });
  return { ...seen, ...outcome };
}

it('hands the query over and its rows back', async () => {
  const binary = osquery(`printf '[\\n  {"pid":"1","name":"%s"},\\n  {"pid":"2","name":"b,c"}\\n]\\n' "$4"`);
  expect(await ask(binary, 'select 1')).toMatchObject({
    columns: ['pid', 'name'],
    rows: [
      ['1', 'select 1'],
      ['2', 'b,c'],
    ],
    error: null,
    stats: { rows: 2 },
  });
});

it('asks osqueryd for its shell', async () => {
  const binary = osquery(`printf '[\\n  {"args":"%s"}\\n]\\n' "$*"`, 'osqueryd');
  const { rows } = await ask(binary, 'select 1');
  expect(rows).toEqual([['-S --json --disable_extensions -- select 1']]);
});

it('asks it without the tables that are denied', async () => {
  const binary = osquery(`printf '[\\n  {"args":"%s"}\\n]\\n' "$*"`);
  const { rows } = await ask(binary, 'select 1', { deniedTables: ['shadow', 'users'] });
  expect(rows).toEqual([['--json --disable_extensions --disable_tables=shadow,users -- select 1']]);
});

it('tells what osquery has to say about a query', async () => {
  const binary = osquery(`echo 'Error: near line 1: no such table: nope' >&2; exit 1`);
  expect((await ask(binary, 'select * from nope')).error).toBe('near line 1: no such table: nope');
});

it('says when there is none', async () => {
  expect((await ask('/nowhere/osqueryi', 'select 1')).error).toBe(
    'osquery (/nowhere/osqueryi) could not be started: there is no such file',
  );
});

it('ends it at its limits', async () => {
  const endless = osquery('exec sleep 60');
  expect((await ask(endless, 'select 1', { milliseconds: 100 })).error).toBe('killed: time');
  const many = osquery(`echo '['; while :; do echo '  {"a":"1"},'; done`);
  expect(await ask(many, 'select 1', { rows: 1000 })).toMatchObject({
    error: 'more than 1000 rows',
    stats: { rows: 1000 },
  });
});

it('is cancelled, waiting or running', async () => {
  const runner = new OsqueryRunner(osquery('exec sleep 60'));
  const cancel = new AbortController();
  const sink = { columns: () => undefined, rows: () => undefined };
  const asked = Array.from({ length: 6 }, () => runner.run('select 1', sink, DEFAULT_LIMITS, cancel.signal));
  cancel.abort();
  for (const outcome of await Promise.all(asked)) expect(outcome.kind).toBe('cancelled');
});

it('is not believed blindly', async () => {
  expect((await ask(osquery(`echo '{"a":'; exec sleep 60`), 'select 1')).error).toMatch(
    /^osquery answered what is no JSON: /,
  );
  const large = osquery(`printf '[\\n  {"a":"%s"}\\n]\\n' 1234567890`);
  expect(await ask(large, 'select 1', { rowBytes: 9 })).toMatchObject({
    kind: 'error',
    error: 'row 1 has 10 bytes, and a row can have 9: select less of it',
  });
  expect((await ask(large, 'x'.repeat(1024 * 1024))).error).toMatch(
    /the query is too long for a command line$/,
  );
});
