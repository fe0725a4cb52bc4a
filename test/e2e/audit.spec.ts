import { execFile } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { verifyExport } from '#libs/platform/audit/chain/index';
import { decodePublicKey } from '#libs/protocol/index';
import { api, startServer, temporaryDirectory, type Api, type ServerFixture } from '#libs/testing/index';
import { expectProblem, logLines, sql } from './support.js';

const AUDIT = '/api/v1/audit';
/** Commands of their own take their time on a busy machine. */
const SLOW_MS = 300_000;

let server: ServerFixture;
let admin: Api;

beforeAll(async () => {
  server = await startServer();
  admin = await api(server).login();
  for (let i = 0; i < 5; i++) await admin.post('/api/v1/fleet/teams', { name: `team ${i}` });
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** `bin/muster` as a person would type it. */
function muster(...args: string[]): Promise<Ran> {
  const env = {
    PATH: process.env.PATH,
    HOME: temporaryDirectory('home'),
    MUSTER_URL: server.url,
    MUSTER_TOKEN: admin.bearer,
  };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(import.meta.dirname, '../../bin/muster'), ...args],
      { env, maxBuffer: 64 * 1024 * 1024 },
      (error, out, err) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? 1 : 0, out, err }),
    );
  });
}

async function publicKey(): Promise<string> {
  return (await admin.get(`${AUDIT}/head`)).body.keys[0].public_key as string;
}

/** Does something to the record behind the server's back, looks, and undoes it. */
async function tampered<T>(statement: string, undo: string, look: () => Promise<T>): Promise<T> {
  await sql(server, statement);
  try {
    return await look();
  } finally {
    await sql(server, undo);
  }
}

it('lists who did what, by every filter', async () => {
  const { body } = await admin.get(`${AUDIT}?act=created_team&limit=2`);
  expect(body.entries).toMatchObject([
    {
      act: 'created_team',
      outcome: 'done',
      email: server.admin.email,
      address: '127.0.0.1',
      details: { team_name: 'team 4' },
    },
    { details: { team_name: 'team 3' } },
  ]);
  const next = await admin.get(`${AUDIT}?act=created_team&after=${body.next}`);
  expect(next.body.entries.map((e: { details: { team_name: string } }) => e.details.team_name)).toEqual([
    'team 2',
    'team 1',
    'team 0',
  ]);
  expect(next.body.next).toBeNull();
  for (const filter of [
    'outcome=denied',
    'user=nobody@example.com',
    'host=7',
    'since=2100-01-01',
    'until=2001-01-01',
    'execution=00000000-0000-0000-0000-000000000000',
  ])
    expect((await admin.get(`${AUDIT}?${filter}`)).body).toEqual({ entries: [], next: null });
  expect(
    (await admin.get(`${AUDIT}?user=${server.admin.email.toUpperCase()}&since=2001-01-01&act=created_team`))
      .body.entries,
  ).toHaveLength(5);
  expectProblem(await admin.get(`${AUDIT}?limit=1001`), 400, 'limit', 'must be from 1 to 1000');
  expectProblem(await admin.get(`${AUDIT}?since=yesterday`), 400, 'since', /ISO 8601/);
});

it('is whole, and says where it ends', async () => {
  const { body } = await admin.get(`${AUDIT}/verify`);
  expect(body).toMatchObject({ ok: true, first_bad: null, problem_count: 0, first_position: 1 });
  const [{ rows }] = await sql(server, 'SELECT count(*)::int AS rows FROM audit');
  expect(body.rows).toBe(rows);
  const head = (await admin.get(`${AUDIT}/head`)).body;
  expect(head).toMatchObject({ seal: body.end.seal, digest: body.end.digest, position: rows });
  expect((await admin.get(`${AUDIT}/verify?head=${head.seal}:${head.digest}`)).body.ok).toBe(true);
  expect((await admin.get(`${AUDIT}/verify?head=${head.seal}:${'0'.repeat(64)}`)).body).toMatchObject({
    ok: false,
    first_bad: { problem: 'seal_changed', seal: head.seal },
  });
  expectProblem(await admin.get(`${AUDIT}/verify?head=x`), 400, 'head', /number and the digest/);
  const file = join(server.dataDir, 'audit-head.json');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ body: head.body, signature: head.signature });
});

it(
  'names the row that somebody changed in the database',
  async () => {
    const [{ id }] = await sql(
      server,
      `SELECT id::int FROM audit WHERE act = 'created_team' ORDER BY id LIMIT 1`,
    );
    await tampered(
      `UPDATE audit SET email = 'someone@example.com' WHERE id = ${id}`,
      `UPDATE audit SET email = '${server.admin.email}' WHERE id = ${id}`,
      async () => {
        expect((await admin.get(`${AUDIT}/verify`)).body).toMatchObject({
          ok: false,
          problem_count: 1,
          first_bad: { problem: 'row_changed', id },
        });
        const said = await muster('audit', 'verify');
        expect(said).toMatchObject({ code: 1, err: '' });
        expect(said.out).toMatch(new RegExp(`^NOT whole: one problem in .*\nfirst: row ${id} \\(position`));
      },
    );
    expect((await muster('audit', 'verify')).out).toMatch(
      /^whole: \d+ rows in \d+ seals are as they were sealed\nends with seal \d+:/,
    );
  },
  SLOW_MS,
);

it('exports what can be verified without a server, with its key alone', async () => {
  const out = (await admin.get(`${AUDIT}/export`)).body as string;
  const lines = out.trimEnd().split('\n');
  for (const text of lines) expect(() => JSON.parse(text) as unknown).not.toThrow();
  const rows = lines.filter((text) => text.startsWith('{"id":'));
  expect(JSON.parse(rows[0] ?? '')).toMatchObject({ act: expect.any(String), details: expect.any(Object) });
  const key = await publicKey();
  const verify = (text: string, trusted = key): ReturnType<typeof verifyExport> => {
    const known = decodePublicKey(trusted);
    // In pieces that end anywhere.
    const bytes = Buffer.from(text);
    const pieces = Array.from({ length: Math.ceil(bytes.length / 100) }, (_, i) =>
      bytes.subarray(i * 100, (i + 1) * 100),
    );
    return verifyExport(Readable.from(pieces), known ? [known] : []);
  };
  expect(await verify(out)).toMatchObject({ ok: true, rows: rows.length });
  const without = (text: string): string => lines.filter((each) => each !== text).join('\n');
  const [row = ''] = rows.slice(2);
  const { id } = JSON.parse(row) as { id: number };
  const edited = row.replace(/"act":"[^"]*"/, '"act":"nothing"');
  const bad = { ok: false, first_bad: { id, position: 3 } };
  expect(await verify(without(row))).toMatchObject({ ...bad, first_bad: { problem: 'row_missing' } });
  expect(await verify(out.replace(row, edited))).toMatchObject(bad);
  expect(await verify(out.replace(row, `${row}\n${edited}`))).toMatchObject({ ok: false });
  expect(await verify(lines.slice(0, -1).join('\n'))).toMatchObject({
    first_bad: { problem: 'end_missing' },
  });
  expect(await verify(out, `${'A'.repeat(43)}=`)).toMatchObject({ ok: false });
  await expect(verify('hello\n')).rejects.toThrow('line 1 is not JSON');
  await expect(verify('')).rejects.toThrow('the file is empty');
});

it(
  'verifies an export at the command line, with a key that is given or that of the server',
  async () => {
    const file = join(temporaryDirectory('export'), 'audit.ndjson');
    expect(await muster('audit', 'export', '--output', file)).toMatchObject({ code: 0, out: '', err: '' });
    writeFileSync(`${file}.key`, `${await publicKey()}\n`);
    const nowhere = ['--url', 'http://127.0.0.1:1'];
    const [offline, online, nonsense] = await Promise.all([
      muster('audit', 'verify', '--from', file, '--public-key', `${file}.key`, ...nowhere),
      muster('audit', 'verify', '--from', file),
      muster('audit', 'verify', '--from', file, '--public-key', 'nonsense', ...nowhere),
    ]);
    expect(offline).toMatchObject({ code: 0, err: '' });
    expect(online).toMatchObject({ code: 0, err: '' });
    expect(nonsense.code).toBe(2);
  },
  SLOW_MS,
);

it('goes on after a restart, and with a new key', async () => {
  const before = (await admin.get(`${AUDIT}/head`)).body;
  await server.stop();
  await server.restart();
  await admin.post('/api/v1/fleet/teams', { name: 'after' });
  const after = (await admin.get(`${AUDIT}/head`)).body;
  expect(after.seal).toBeGreaterThan(before.seal);
  expect((await admin.get(`${AUDIT}/verify?head=${before.seal}:${before.digest}`)).body).toMatchObject({
    ok: true,
  });
});

it('tells when the end was cut off while the server was away, and does not let it be forgotten', async () => {
  const { seal } = (await admin.get(`${AUDIT}/head`)).body;
  await server.stop();
  await sql(
    server,
    `WITH gone AS (DELETE FROM audit_seals WHERE seal >= ${seal - 1} RETURNING ids) DELETE FROM audit USING gone WHERE id = ANY(ids)`,
  );
  await server.restart();
  const { body } = await admin.get(`${AUDIT}/verify`);
  expect(body).toMatchObject({ ok: false, first_bad: { problem: 'seal_missing', seal: seal - 1 } });
  expect(body.end.seal).toBeGreaterThan(seal);
  expect((await admin.get(`${AUDIT}?act=audit_record_cut`)).body.entries).toMatchObject([
    { outcome: 'failed', details: { seal } },
  ]);
  expect(
    logLines(server).some(({ msg }) => /does not end where it was last sealed/.test(msg as string)),
  ).toBe(true);
});
