import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { api, temporaryDirectory, type Api } from '#libs/testing/index';
import { addUser, ended, expectProblem, raw, run, resultOf, sql, startWorld, type World } from './support.js';

const RUN = '/api/v1/fleet/scripts/run';
const TOO_LONG = "Script is too large. It's limited to 10,000 characters (approximately 125 lines).";

let world: World;
let observer: Api;

beforeAll(async () => {
  world = await startWorld();
  observer = await addUser(world.server, 'olga@example.com', 'observer');
});

const ask = (body: unknown, headers?: Record<string, string>) => world.client.post(RUN, body, headers);

/** `host: true` stands for the id of the real host. */
const withHost = ({ host, ...body }: Record<string, unknown>) =>
  host === true ? { host_id: world.host.id, ...body } : body;

const executions = async () => Number((await sql(world.server, 'SELECT count(*) FROM executions'))[0].count);

describe('a request that breaks several rules hears of the first, in Fleet’s order', () => {
  const contents = { script_contents: 'true' };
  const long = { script_contents: 'x'.repeat(10_001) };
  const noHost = { host_id: 999_999 };
  it.each<[string, Record<string, unknown>, number, string, string]>([
    [
      'nothing at all',
      {},
      422,
      'script',
      "One of 'script_id', 'script_contents', or 'script_name' is required.",
    ],
    [
      'null for all',
      { host: true, script_id: null, script_contents: null, script_name: null },
      422,
      'script',
      "One of 'script_id', 'script_contents', or 'script_name' is required.",
    ],
    [
      'empty contents',
      { host: true, script_contents: '' },
      422,
      'script',
      "One of 'script_id', 'script_contents', or 'script_name' is required.",
    ],
    [
      'id, contents and name',
      { ...noHost, ...long, script_id: 1, script_name: 'x' },
      422,
      'script_id',
      "Only one of 'script_id' or 'script_contents' is allowed.",
    ],
    [
      'id and name',
      { ...noHost, script_id: 1, script_name: 'x', team_id: 1 },
      422,
      'script_id',
      "Only one of 'script_id' or 'script_name' is allowed.",
    ],
    [
      'id and team',
      { ...noHost, script_id: 1, team_id: 1 },
      422,
      'script_id',
      "Only one of 'script_id' or 'team_id' is allowed.",
    ],
    [
      'contents and name',
      { ...noHost, ...long, script_name: 'x', team_id: 1 },
      422,
      'script_contents',
      "Only one of 'script_contents' or 'script_name' is allowed.",
    ],
    [
      'contents and team',
      { ...noHost, ...long, team_id: 1 },
      422,
      'script_contents',
      "Only one of 'script_contents' or 'team_id' is allowed.",
    ],
    [
      'an unknown name',
      { ...noHost, script_name: 'x.sh' },
      422,
      'script_name',
      "Script 'x.sh' doesn’t exist.",
    ],
    ['an unknown host', { ...noHost, ...long }, 404, 'base', 'Host 999999 was not found in the datastore'],
    ['no host', contents, 404, 'base', 'Host was not found in the datastore'],
    ['host 0', { host_id: 0, ...contents }, 404, 'base', 'Host was not found in the datastore'],
    [
      'an unknown host and id',
      { ...noHost, script_id: 7 },
      404,
      'base',
      'Host 999999 was not found in the datastore',
    ],
    [
      'an unknown id',
      { host: true, script_id: 7 },
      404,
      'script_id',
      'No script exists for the provided "script_id".',
    ],
    [
      'blank contents',
      { host: true, script_contents: ' \n\t' },
      422,
      'script_contents',
      'Script contents must not be empty.',
    ],
    ['10,001 characters', { host: true, ...long }, 422, 'script_contents', TOO_LONG],
    [
      '10,001 characters outside the BMP',
      { host: true, script_contents: '👋'.repeat(10_001) },
      422,
      'script_contents',
      TOO_LONG,
    ],
    [
      'half a character',
      { host: true, script_contents: 'echo \ud800' },
      422,
      'script_contents',
      'Wrong data format. Only plain text allowed.',
    ],
    [
      'half a character, too long',
      { host: true, script_contents: '\ud800'.repeat(10_001) },
      422,
      'script_contents',
      TOO_LONG,
    ],
  ])('%s', async (_, body, status, name, reason) => {
    const before = await executions();
    expectProblem(await ask(withHost(body)), status, name, reason);
    expect(await executions()).toBe(before);
  });

  it('uses the envelope of each class', async () => {
    const invalid = await ask({});
    expect(invalid.body).toMatchObject({ message: 'Validation Failed', uuid: expect.any(String) });
    const unknownScript = await ask({ host_id: world.host.id, script_id: 7 });
    expect(unknownScript.body.message).toBe('Validation Failed');
    expect(unknownScript.body).not.toHaveProperty('uuid');
    const unknownHost = await ask({ script_contents: 'true' });
    expect(unknownHost.body.message).toBe('Resource Not Found');
    expect(unknownHost.body).not.toHaveProperty('uuid');
    expect((await ask('{')).body).toMatchObject({ message: 'Bad request', uuid: expect.any(String) });
  });

  it('takes 10,000 characters, whatever their size in bytes', async () => {
    const script_contents = `#${'👋'.repeat(9_994)}\ntrue`;
    expect([...script_contents]).toHaveLength(10_000);
    const { status, body } = await ask({ host_id: world.host.id, script_contents });
    expect(status).toBe(202);
    expect((await resultOf(world.client, body.execution_id as string)).script_contents).toBe(script_contents);
  });

  it('takes contents with a NUL, and keeps it', async () => {
    const script_contents = 'echo one #\0\necho two';
    const { status, body } = await ask({ host_id: world.host.id, script_contents });
    expect(status).toBe(202);
    const result = await resultOf(world.client, body.execution_id as string);
    expect(result.script_contents).toBe(script_contents);
  });
});

describe('a field of the wrong type or out of its bounds', () => {
  it.each<[string, unknown]>([
    ...['1', true, 1.5, {}, [1], 99_999_999_999, 1e300, -1].map((id) => ['host_id', id] as [string, unknown]),
    ...[1, true, {}, ['true']].map((text) => ['script_contents', text] as [string, unknown]),
    ...['1', 1.5, {}].map((id) => ['script_id', id] as [string, unknown]),
    ...[1, {}].map((name) => ['script_name', name] as [string, unknown]),
    ...['1', 1.5].map((team) => ['team_id', team] as [string, unknown]),
    ...[0, -1, 1.5, '5', 604_801, 1e300].map((time) => ['timeout', time] as [string, unknown]),
    ...[0, -1, 1.5, '5', 31_536_001].map((time) => ['expires_in', time] as [string, unknown]),
    ...['x', [1], [null], {}, Array(1001).fill('x')].map((args) => ['arguments', args] as [string, unknown]),
  ])('is a 400 that names it: %s %j', async (field, value) => {
    const before = await executions();
    const body = { host_id: world.host.id, script_contents: 'true', [field]: value };
    const { status, body: envelope } = await ask(body);
    // A number that no host can have may also simply not be found.
    const absent = field === 'host_id' && typeof value === 'number' && Number.isInteger(value);
    if (absent && status === 404) expect(envelope.errors[0].reason).toMatch(/^Host .* was not found/);
    else {
      expect({ status, errors: envelope.errors }).toEqual({
        status: 400,
        errors: [{ name: field, reason: expect.stringMatching(/\S/) }],
      });
    }
    expect(await executions()).toBe(before);
  });

  it('names every field that is wrong', async () => {
    const { status, body } = await ask({ host_id: 'x', script_contents: 1, timeout: 0 });
    const names = body.errors.map(({ name }: { name: string }) => name).sort();
    expect([status, names]).toEqual([400, ['host_id', 'script_contents', 'timeout']]);
  });

  it('is a 422 where an argument cannot be one', async () => {
    for (const argument of ['a\0b', '\ud800', 'x'.repeat(131_072)]) {
      const body = { host_id: world.host.id, script_contents: 'true', arguments: ['ok', argument] };
      expectProblem(await ask(body), 422, 'arguments', /\S/);
    }
  });

  it('unknown ones are ignored', async () => {
    const body = `{"host_id":${world.host.id},"script_contents":"true","more":1,"__proto__":{"timeout":"x"},"constructor":1}`;
    expect((await ask(body)).status).toBe(202);
  });
});

describe('the body', () => {
  const good = () => JSON.stringify({ host_id: world.host.id, script_contents: 'true' });
  const deep = '['.repeat(200_000);

  it.each<[string, string, string | RegExp]>([
    ['broken JSON', '{"host_id":', /^json decoder error/],
    ['not JSON', 'host_id=1', /^json decoder error/],
    ['an array', '[]', /^json decoder error/],
    ['text', '"x"', /^json decoder error/],
    ['a number', '1', /^json decoder error/],
    ['null', 'null', /^json decoder error/],
    ['true', 'true', /^json decoder error/],
    ['nested without end', deep, /^json decoder error/],
  ])('of %s is a 400', async (_, body, reason) => {
    expectProblem(await ask(body), 400, 'base', reason);
  });

  it('that is empty is a 400', async () => {
    expectProblem(await ask(undefined), 400, 'base', 'Expected JSON Body');
    expectProblem(await ask('', { 'content-type': 'application/json' }), 400, 'base', 'Expected JSON Body');
  });

  it('does not echo what was sent', async () => {
    const { status, body } = await ask('{"password":"hunter2hunter2"');
    expect(status).toBe(400);
    expect(JSON.stringify(body)).not.toContain('hunter2');
  });

  it('may be gzipped', async () => {
    const { status, body } = await ask(gzipSync(good()), { 'content-encoding': 'gzip' });
    expect(status).toBe(202);
    expect((await ended(world.client, body.execution_id as string)).target.exit_code).toBe(0);
  });

  it('that says gzip and is none, or is cut off, is a 400', async () => {
    const bad = [good(), gzipSync(good()).subarray(0, 20), Buffer.concat([gzipSync('{'), gzipSync('x')])];
    for (const body of bad.slice(0, 2))
      expectProblem(await ask(body, { 'content-encoding': 'gzip' }), 400, 'base', /^gzip decoder error/);
    expect((await ask(bad[2], { 'content-encoding': 'gzip' })).status).toBe(400);
  });

  it('in an encoding or charset that nobody knows is a 415', async () => {
    expect((await ask(good(), { 'content-encoding': 'lzma' })).status).toBe(415);
    expect((await ask(good(), { 'content-type': 'application/json; charset=klingon' })).status).toBe(415);
  });

  it('over 8 MiB is a 413, packed or not, with the envelope', async () => {
    const large = JSON.stringify({ host_id: world.host.id, script_contents: 'x'.repeat(8 * 1024 * 1024) });
    expectProblem(await ask(large), 413, 'base', /larger than 8 MiB/);
    expectProblem(await ask(gzipSync(large), { 'content-encoding': 'gzip' }), 413, 'base', /8 MiB/);
    expect((await ask(good())).status).toBe(202);
  });

  it('from a page must say that it is JSON', async () => {
    const types = { 'text/plain': 415, 'application/x-www-form-urlencoded': 415, 'application/json': 202 };
    for (const [type, status] of Object.entries(types))
      for (const header of ['origin', 'referer']) {
        const answer = await ask(good(), { [header]: 'https://evil.example', 'content-type': type });
        expect({ type, header, status: answer.status }).toEqual({ type, header, status });
        if (status === 415) expectProblem(answer, 415, 'base', 'Expected Content-Type "application/json"');
      }
    const headers = { authorization: `Bearer ${world.client.bearer}` };
    expect((await raw(world.server, 'POST', RUN, { headers, body: good() })).status).toBe(202);
  });

  it('is looked at only when the caller is known, and may', async () => {
    for (const body of ['{', 'x'.repeat(100_000), undefined, '[]'])
      for (const [client, status] of [
        [api(world.server), 401],
        [observer, 403],
      ] as [Api, number][])
        expect((await client.post(RUN, body)).status).toBe(status);
    const zipped = await api(world.server).post(RUN, 'x', { 'content-encoding': 'gzip' });
    expect(zipped.status).toBe(401);
  });
});

describe('who may', () => {
  it.each([
    ['maintainer', 202, 200],
    ['observer', 403, 200],
    ['observer_plus', 403, 200],
    ['gitops', 403, 403],
  ])('%s: run %i, result %i', async (role, runs, reads) => {
    const client = await addUser(world.server, `${role}@who.example.com`, role);
    const body = { host_id: world.host.id, script_contents: 'true' };
    const unknown = { ...body, host_id: 999_999 };
    expect((await client.post(RUN, body)).status).toBe(runs);
    expect((await client.post(RUN, unknown)).status).toBe(runs === 202 ? 404 : 403);
    const id = await run(world.client, world.host.id, 'true');
    await ended(world.client, id);
    expect((await client.get(`/api/v1/fleet/scripts/results/${id}`)).status).toBe(reads);
    expect((await client.get(`/api/v1/executions/${id}`)).status).toBe(reads);
    expect((await client.post(`/api/v1/executions/${id}/cancel`)).status).toBe(runs);
  });
});

describe('results', () => {
  it.each(['x', '%00', '11111111-2222-4333-8444-555555555555', '1', '%20', "'%3B--", 'x'.repeat(3_000)])(
    'of %s are a 404',
    async (id) => {
      const answer = await world.client.get(`/api/v1/fleet/scripts/results/${id}`);
      expectProblem(answer, 404, 'base', /^HostScriptResult .* was not found in the datastore$/s);
    },
  );
});

describe('an idempotency key', () => {
  const key = (name: string) => ({ 'idempotency-key': name });

  it('makes the same request, also ten at once, one execution that runs once', async () => {
    const file = path.join(temporaryDirectory('idempotency'), 'count');
    const body = { host_id: world.host.id, script_contents: `echo x >> '${file}'`, arguments: ['a'] };
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(body, key('k1'))));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    const ids = new Set(answers.map(({ body: { execution_id: id } }) => id as string));
    expect(ids.size).toBe(1);
    const [id] = ids;
    expect((await resultOf(world.client, id!)).exit_code).toBe(0);
    expect((await ask(body, key('k1'))).body).toEqual({ host_id: world.host.id, execution_id: id });
    expect((await ended(world.client, await run(world.client, world.host.id, 'true'))).target.exit_code).toBe(
      0,
    );
    expect(existsSync(file) && readFileSync(file, 'utf8')).toBe('x\n');
  });

  it('with another request is a conflict, also when only an option differs', async () => {
    const body = { host_id: world.host.id, script_contents: 'true' };
    expect((await ask(body, key('k2'))).status).toBe(202);
    for (const other of [
      { script_contents: 'false' },
      { arguments: ['x'] },
      { timeout: 7 },
      { expires_in: 60 },
    ]) {
      const answer = await ask({ ...body, ...other }, key('k2'));
      expect({ other, status: answer.status }).toEqual({ other, status: 409 });
      expect(answer.body.errors[0].reason).toMatch(/Idempotency-Key/);
    }
  });

  it('finds its execution also after the race for the host was lost first', async () => {
    const lost = (constraint: string) =>
      `RAISE EXCEPTION 'lost' USING ERRCODE = 'unique_violation', CONSTRAINT = '${constraint}'`;
    const trigger = (name: string, table: string, body: string) =>
      `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} RETURN NEW; END $$;
       CREATE TRIGGER ${name} BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION ${name}();`;
    // Sequences count what is rolled back, too: the first try loses the host, the second one the key.
    await sql(
      world.server,
      `CREATE SEQUENCE tries;
       ${trigger('second_try', 'executions', `IF nextval('tries') = 2 THEN ${lost('executions_idempotency')}; END IF;`)}
       ${trigger('first_try', 'targets', `IF (SELECT last_value FROM tries) = 1 THEN ${lost('targets_one_serial_in_flight')}; END IF;`)}`,
    );
    const body = { host_id: world.host.id, script_contents: 'echo raced' };
    const answer = await ask(body, key('raced'));
    await sql(world.server, 'DROP FUNCTION first_try CASCADE; DROP FUNCTION second_try CASCADE');
    expect(answer.status).toBe(202);
    expect((await sql(world.server, 'SELECT last_value FROM tries'))[0].last_value).toBe('3');
    expect((await ask(body, key('raced'))).body).toEqual(answer.body);
  });

  it('belongs to its user', async () => {
    const maintainer = await addUser(world.server, 'max@example.com', 'maintainer');
    const body = { host_id: world.host.id, script_contents: 'echo mine' };
    const mine = await ask(body, key('k3'));
    const theirs = await maintainer.post(RUN, body, key('k3'));
    expect([mine.status, theirs.status]).toEqual([202, 202]);
    expect(theirs.body.execution_id).not.toBe(mine.body.execution_id);
  });

  it.each(['', ' ', 'a b', 'x'.repeat(256), 'ä'])('%j is not one', async (name) => {
    const body = { host_id: world.host.id, script_contents: 'true' };
    expectProblem(await ask(body, key(name)), 400, 'Idempotency-Key', /visible ASCII/);
  });
});
