import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { Api, api, type Answer, startServer } from '#libs/testing/index';
import { addTeamUser, addUser, sql, startWorld, type World } from '../e2e/support.js';

/* hoop's connections, guard rails and agents: reference/hoop.md, sections 6, 7 and 8. */

const CONNECTIONS = '/api/connections';
const GUARDRAILS = '/api/guardrails';
let world: World;
beforeAll(async () => {
  world = await startWorld({ agent: { hostname: 'db-01', args: ['--label', 'group=db.eu'] } });
});

const base64 = (text: string): string => Buffer.from(text).toString('base64');
let count = 0;
const unusedName = (): string => `connection-${++count}`;
const recipe = (more: object = {}) => ({
  name: unusedName(),
  type: 'custom',
  subtype: 'bash',
  agent_id: 'db-01',
  access_mode_exec: 'enabled',
  access_mode_connect: 'enabled',
  access_mode_runbooks: 'disabled',
  access_schema: 'disabled',
  ...more,
});

/** The envelope: one message and nothing else. */
function expectError({ status, body }: Answer, expected: number, message: string | RegExp): void {
  expect([status, body]).toEqual([
    expected,
    { message: typeof message === 'string' ? message : expect.stringMatching(message) },
  ]);
}

async function create(more: object = {}): Promise<{ id: string; name: string }> {
  const { status, body } = await world.client.post(CONNECTIONS, recipe(more));
  expect([status, body]).toEqual([201, expect.objectContaining({ id: expect.any(String) })]);
  return body;
}

describe('POST /api/connections', () => {
  it('makes a connection with everything that hoop knows of it', async () => {
    const given = {
      ...recipe({ type: 'database', subtype: 'postgres', command: ['psql', '-A'] }),
      reviewers: ['admin', 'dba@example.com'],
      min_review_approvals: 1,
      force_approve_groups: ['admin'],
      access_max_duration: 3600,
      redact_enabled: true,
      redact_types: ['EMAIL_ADDRESS'],
      connection_tags: { env: 'prod', 'hoop.dev/tier': '1' },
      tags: ['old'],
      mandatory_metadata_fields: ['ticket'],
      attributes: ['pci'],
      resource_name: 'orders',
      timeout: 60,
      output_cap_bytes: 1_048_576,
      allowed_client_args: ['-x'],
      allowed_env: ['LANG'],
      env: { PAGER: 'cat' },
      mask_types: ['card'],
    };
    const { status, body } = await world.client.post(CONNECTIONS, {
      ...given,
      secret: { 'envvar:PGPASSWORD': base64('hunter2'), 'filesystem:CERT': base64('\0\xff') },
      unknown_field: 'ignored',
    });
    expect(status).toBe(201);
    expect(body).toEqual({
      ...given,
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      status: 'online',
      team_id: null,
      secret: { 'envvar:PGPASSWORD': '********', 'filesystem:CERT': '********' },
      secrets: [
        { name: 'envvar:PGPASSWORD', updated_at: expect.stringMatching(/Z$/) },
        { name: 'filesystem:CERT', updated_at: expect.stringMatching(/Z$/) },
      ],
      secrets_updated_at: expect.stringMatching(/Z$/),
      guardrail_rules: [],
      managed_by: null,
      created_at: expect.stringMatching(/Z$/),
      updated_at: expect.stringMatching(/Z$/),
    });
    expect((await world.client.get(`${CONNECTIONS}/${given.name}`)).body).toEqual(body);
    expect((await world.client.get(`${CONNECTIONS}/${body.id}`)).body).toEqual(body);
  });

  it.each([
    ['custom', 'bash', ['/bin/bash']],
    ['custom', 'python', ['python3', '-u', '-']],
    ['custom', 'node', ['node', '-']],
    ['database', 'postgres', ['psql', '-X', '-v', 'ON_ERROR_STOP=1', '-A', '-F', '\t', '-P', 'pager=off']],
    ['custom', '', []],
  ])('%s/%s has a default command', async (type, subtype, command) => {
    expect(await create({ type, subtype })).toMatchObject({ command });
  });

  it('is content with what is required, and has defaults for the rest', async () => {
    const { status, body } = await world.client.post(CONNECTIONS, {
      name: unusedName(),
      type: 'custom',
      agent_id: 'group:db',
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      access_mode_exec: 'enabled',
      reviewers: [],
      min_review_approvals: null,
      timeout: 3600,
      output_cap_bytes: null,
      allowed_client_args: null,
      allowed_env: [],
      secrets_updated_at: null,
    });
  });

  it.each<[object, RegExp]>([
    [{ name: undefined }, /name is required/],
    [{ type: undefined }, /type is required/],
    [{ agent_id: undefined }, /agent_id is required/],
    [{ command: 'bash' }, /command must be an array/],
    [{ command: [5] }, /command must be a string/],
    [{ command: ['a\0'] }, /command must not hold a NUL/],
    [{ timeout: 'x' }, /timeout must be an integer/],
    [{ secret: 'x' }, /secret must be an object/],
    [{ reviewers: {} }, /reviewers must be an array/],
  ])('400 for what cannot be decoded: %j', async (more, message) => {
    expectError(await world.client.post(CONNECTIONS, recipe(more)), 400, message);
  });

  it.each<[object, RegExp]>([
    [{ name: 'ab' }, /^name must have 3 to 254 characters/],
    [{ name: 'a'.repeat(255) }, /^name must have/],
    [{ name: 'a b c' }, /^name must have/],
    [{ name: 'a--b' }, /^name must have/],
    [{ name: '-abc' }, /^name must have/],
    [{ name: '550e8400-e29b-41d4-a716-446655440000' }, /^name must not look like an id/],
    [{ type: 'other' }, /^type must be one of database, application, custom/],
    [{ access_mode_exec: 'on' }, /^access_mode_exec must be one of enabled, disabled/],
    [{ agent_id: ' ' }, /^agent_id must name a host/],
    [{ agent_id: 'host = (' }, /^agent_id: /],
    [{ min_review_approvals: 0, reviewers: ['admin'] }, /^min_review_approvals must be between 1/],
    [{ min_review_approvals: 1 }, /^min_review_approvals means nothing without reviewers/],
    [{ timeout: 0 }, /^timeout must be between 1/],
    [{ mask_types: ['all'] }, /^mask_types must be some of card, token, email/],
    [{ allowed_env: ['A B'] }, /^allowed_env must be names of variables/],
    [{ connection_tags: { a: 5 } }, /^connection_tags must have values/],
    [{ connection_tags: Object.fromEntries([...'abcdefghijk'].map((key) => [key, ''])) }, /at most 10/],
    [{ secret: { PASS: 'aHVudGVyMg==' } }, /^secret PASS must be named envvar:NAME or filesystem:NAME/],
    [{ secret: { 'envvar:PASS': 'hunter2!' } }, /^secret envvar:PASS must be base64/],
    [{ secret: { 'envvar:PASS': '********' } }, /has no value yet/],
    [{ guardrail_rules: ['550e8400-e29b-41d4-a716-446655440000'] }, /there is no guard rail 550e8400/],
    [{ team_id: 999_999 }, /there is no team 999999/],
  ])('422 for what breaks a rule: %j', async (more, message) => {
    const answer = await world.client.post(CONNECTIONS, recipe(more));
    expectError(answer, 422, message);
    expect(JSON.stringify(answer.body)).not.toContain('hunter2');
  });

  it('409 for a name that is taken', async () => {
    const { name } = await create();
    expectError(
      await world.client.post(CONNECTIONS, recipe({ name })),
      409,
      `connection ${name} already exists`,
    );
  });

  it('401 without a token, 403 for whoever may not', async () => {
    expectError(await world.client.as('nothing').post(CONNECTIONS, recipe()), 401, 'access denied');
    const observer = await addUser(world.server, 'olga@example.com', 'observer');
    expectError(await observer.post(CONNECTIONS, recipe()), 403, /access denied/);
    expectError(await observer.get(CONNECTIONS), 403, /access denied/);
  });
});

describe('GET /api/connections', () => {
  it('lists them by name, filters, and pages on demand', async () => {
    const [one, two] = [
      await create({ connection_tags: { env: 'test', tier: 'a' }, subtype: 'python', agent_id: 'nowhere' }),
      await create({
        connection_tags: { env: 'test', tier: 'b' },
        attributes: ['pci'],
        resource_name: 'shop',
      }),
    ];
    const names = async (query: string): Promise<string[]> => {
      const { status, body } = await world.client.get(`${CONNECTIONS}?${query}`);
      expect(status).toBe(200);
      return body.map(({ name }: { name: string }) => name);
    };
    const all = await names('');
    expect(all).toEqual([...all].sort());
    expect(all).toEqual(expect.arrayContaining([one.name, two.name]));
    expect(await names('tag_selector=env%3Dtest,tier!%3Db')).toEqual([one.name]);
    expect(await names('agent_id=nowhere&subtype=python')).toEqual([one.name]);
    expect(await names('attribute=pci&resource_name=shop')).toEqual([two.name]);
    expect(await names(`connection_ids=${one.id},${two.id}`)).toEqual([one.name, two.name].sort());
    expect(await names(`search=${two.name.toUpperCase()}`)).toContain(two.name);
    expect(await names('search=%25')).toEqual([]);
    expect(await names('managed_by=terraform')).toEqual([]);
    const { body } = await world.client.get(`${CONNECTIONS}?page=2&page_size=1`);
    expect(body).toMatchObject({ pages: { total: all.length, page: 2, size: 1 }, data: [{ name: all[1] }] });
    expect((await world.client.get(`${CONNECTIONS}?page=1`)).body.pages.size).toBe(50);
  });

  it.each(['page=0', 'page=x', 'page_size=101', 'page_size=0', 'connection_ids=x', 'tag_selector=x'])(
    '422 for %s',
    async (query) => {
      expectError(
        await world.client.get(`${CONNECTIONS}?${query}`),
        422,
        new RegExp(query.split('=')[0] ?? ''),
      );
    },
  );

  it.each([
    ['db-01', 'online'],
    ['group:db', 'online'],
    ['group:db.eu', 'online'],
    ['group:d', 'offline'],
    ['nowhere', 'offline'],
    ['online and host = db-01', 'online'],
    ['online and host = nobody', 'offline'],
  ])('says whether a host of %s is connected: %s', async (agent_id, status) => {
    expect(await create({ agent_id })).toMatchObject({ agent_id, status });
    const byId = await create({ agent_id: world.host.uuid });
    expect(byId).toMatchObject({ status: 'online' });
  });

  it('404 for what is not there, 405 for what nobody serves', async () => {
    expectError(await world.client.get(`${CONNECTIONS}/nothing`), 404, 'connection nothing not found');
    expectError(
      await world.client.post(`${CONNECTIONS}/nothing`, {}),
      405,
      /answers DELETE, GET, PATCH, PUT/,
    );
    expectError(await world.client.get(`${CONNECTIONS}/%00`), 400, /./);
  });
});

describe('PUT, PATCH and DELETE /api/connections/:nameOrID', () => {
  it('PATCH leaves alone what it does not name, secrets too', async () => {
    const { id, name } = await create({
      timeout: 7,
      command: ['a'],
      secret: { 'envvar:A': base64('1'), 'envvar:B': base64('2'), 'envvar:C': base64('3') },
    });
    const { status, body } = await world.client.patch(`${CONNECTIONS}/${name}`, {
      command: ['b'],
      secret: { 'envvar:A': '********', 'envvar:B': null, 'envvar:D': base64('4') },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ id, name, timeout: 7, command: ['b'] });
    expect(Object.keys(body.secret)).toEqual(['envvar:A', 'envvar:C', 'envvar:D']);
  });

  it('PUT resets what it does not name, but for secrets', async () => {
    const { id, name } = await create({
      timeout: 7,
      reviewers: ['admin'],
      secret: { 'envvar:A': base64('1') },
    });
    const { status, body } = await world.client.put(`${CONNECTIONS}/${id}`, recipe({ name }));
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id,
      name,
      timeout: 3600,
      reviewers: [],
      secret: { 'envvar:A': '********' },
    });
    // What was answered can be sent back as it is.
    expect((await world.client.put(`${CONNECTIONS}/${id}`, body)).body).toEqual({
      ...body,
      updated_at: expect.any(String),
    });
  });

  it('say what is wrong', async () => {
    const { name } = await create();
    expectError(await world.client.put(`${CONNECTIONS}/${name}`, recipe()), 422, 'name cannot be changed');
    expectError(await world.client.patch(`${CONNECTIONS}/${name}`, { type: 'x' }), 422, /^type must/);
    expectError(
      await world.client.put(`${CONNECTIONS}/${name}`, { type: 'custom' }),
      400,
      /agent_id is required/,
    );
    for (const method of ['PUT', 'PATCH', 'DELETE'])
      expectError(await world.client.request(method, `${CONNECTIONS}/nothing`, recipe()), 404, /not found/);
  });

  it('DELETE takes the secrets along', async () => {
    const { id, name } = await create({ secret: { 'envvar:A': base64('1') } });
    expect((await world.client.delete(`${CONNECTIONS}/${name}`)).status).toBe(204);
    expectError(await world.client.get(`${CONNECTIONS}/${name}`), 404, `connection ${name} not found`);
    expect(
      await sql(world.server, 'SELECT * FROM connection_secrets WHERE connection_id = $1', [id]),
    ).toEqual([]);
  });

  it('are written down with names only', async () => {
    const { id } = await create({ secret: { 'envvar:A': base64('hunter2') } });
    await world.client.patch(`${CONNECTIONS}/${id}`, {
      timeout: 9,
      secret: { 'envvar:A': base64('hunter22') },
    });
    await world.client.delete(`${CONNECTIONS}/${id}`);
    const rows = await sql(
      world.server,
      `SELECT act, details FROM audit WHERE details->>'connection_id' = $1 ORDER BY id`,
      [id],
    );
    expect(rows).toEqual([
      { act: 'created_connection', details: expect.objectContaining({ secrets: ['envvar:A'] }) },
      {
        act: 'edited_connection',
        details: expect.objectContaining({ secrets: ['envvar:A'], fields: ['timeout'] }),
      },
      { act: 'deleted_connection', details: expect.objectContaining({ team_id: null }) },
    ]);
    expect(JSON.stringify(rows)).not.toMatch(/hunter|aHVudGVy/);
  });
});

describe('teams', () => {
  it('see and change their own connections, and no others', async () => {
    const team = (await world.client.post('/api/v1/fleet/teams', { name: 'dba' })).body.team.id as number;
    const admin = await addTeamUser(world.server, 'tina@example.com', { [team]: 'admin' });
    const maintainer = await addTeamUser(world.server, 'max@example.com', { [team]: 'maintainer' });
    const everybodys = await create();
    expectError(await admin.post(CONNECTIONS, recipe()), 403, /connection:write/);
    const own = (await admin.post(CONNECTIONS, recipe({ team_id: team }))).body;
    expect(own).toMatchObject({ team_id: team, status: 'offline' });
    for (const client of [admin, maintainer]) {
      expect((await client.get(CONNECTIONS)).body).toEqual([own]);
      expectError(await client.get(`${CONNECTIONS}/${everybodys.name}`), 404, /not found/);
    }
    expectError(await maintainer.patch(`${CONNECTIONS}/${own.id}`, { timeout: 5 }), 403, /access denied/);
    expectError(await admin.patch(`${CONNECTIONS}/${own.id}`, { team_id: null }), 403, /access denied/);
    expect((await admin.patch(`${CONNECTIONS}/${own.id}`, { timeout: 5 })).body.timeout).toBe(5);
    // A guard rail that is not theirs stays on their connection.
    const rail = (await world.client.post(GUARDRAILS, { name: 'for-all', connection_ids: [own.id] })).body;
    await admin.patch(`${CONNECTIONS}/${own.id}`, { guardrail_rules: [] });
    expect((await world.client.get(`${CONNECTIONS}/${own.id}`)).body.guardrail_rules).toEqual([rail.id]);
    expectError(await admin.get(`${GUARDRAILS}/${rail.id}`), 404, /not found/);
  });
});

describe('GET /api/connections/:nameOrID/test', () => {
  it.each([
    [{}, 200, null],
    [{ access_mode_exec: 'disabled' }, 422, /sessions are switched off/],
    [{ subtype: '' }, 422, /has no command/],
    [{ agent_id: 'nowhere' }, 422, /agent nowhere of connection .* not found/],
  ])('%j: %d', async (more, status, message) => {
    const { name } = await create(more);
    const answer = await world.client.get(`${CONNECTIONS}/${name}/test`);
    if (message === null) expect([answer.status, answer.body]).toEqual([200, { success: true }]);
    else expectError(answer, status, message);
  });
});

describe('secrets at rest', () => {
  it('are not in the database in clear, and their key is in a file for the server alone', async () => {
    const { id } = await create({ secret: { 'envvar:A': base64('correct horse') } });
    const rows = await sql(
      world.server,
      'SELECT sealed, key_id FROM connection_secrets WHERE connection_id = $1',
      [id],
    );
    expect(rows[0].sealed.includes(Buffer.from('correct horse'))).toBe(false);
    const file = path.join(world.server.dataDir, 'secrets.key');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
  });

  it('cannot be moved to another connection or name, nor changed', async () => {
    const [one, two] = [
      await create({ secret: { 'envvar:A': base64('1'), 'envvar:B': base64('2') } }),
      await create({ secret: { 'envvar:A': base64('3') } }),
    ];
    const test = (name: string) => world.client.get(`${CONNECTIONS}/${name}/test`);
    expect((await test(two.name)).status).toBe(200);
    const copy = `UPDATE connection_secrets t SET sealed = s.sealed FROM connection_secrets s
      WHERE s.connection_id = $1 AND s.name = $2 AND t.connection_id = $3 AND t.name = 'envvar:A'`;
    for (const [from, name] of [
      [one.id, 'envvar:A'],
      [one.id, 'envvar:B'],
    ]) {
      await sql(world.server, copy, [from, name, two.id]);
      expectError(await test(two.name), 422, /envvar:A cannot be opened: .* belongs to another connection/);
    }
    await sql(world.server, copy, [one.id, 'envvar:B', one.id]);
    expectError(await test(one.name), 422, /envvar:A cannot be opened/);
  });

  it('are sealed anew with the newest key at a start; without their key it is said so', async () => {
    const [older, newer] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];
    const body = { name: 'kept', type: 'custom', subtype: 'bash', agent_id: 'nowhere' };
    const secret = { 'envvar:A': base64('1') };
    const server = await startServer({ env: { MUSTER_SECRETS_KEY: older } });
    const keyIds = async (): Promise<string[]> =>
      (await sql(server, 'SELECT key_id FROM connection_secrets')).map(({ key_id }) => key_id as string);
    const admin = await api(server).login();
    expect((await admin.post(CONNECTIONS, { ...body, secret })).status).toBe(201);
    const [first] = await keyIds();
    /** A server on the same database, with these keys. */
    const testedWith = async (keys: string): Promise<Answer> => {
      const another = await startServer({
        databaseUrl: server.databaseUrl ?? '',
        env: { MUSTER_SECRETS_KEY: keys },
      });
      const answer = await new Api(another, admin.bearer).get(`${CONNECTIONS}/kept/test`);
      await another.stop();
      return answer;
    };
    const noAgent = /agent nowhere of connection kept not found/;
    expectError(await testedWith(`${newer},${older}`), 422, noAgent);
    const [second] = await keyIds();
    expect(second).not.toBe(first);
    expectError(await testedWith(newer), 422, noAgent);
    expectError(await testedWith(older), 422, new RegExp(`sealed with another key \\(${second}\\)`));
  });
});

describe('/api/guardrails', () => {
  const body = (more: object = {}) => ({
    name: `rail-${++count}`,
    description: 'no accidents',
    input: {
      rules: [
        { type: 'deny_words_list', words: ['DROP', 'TRUNCATE'], message: 'ask a colleague' },
        { type: 'pattern_match', pattern_regex: '(?i)delete\\s+from' },
      ],
    },
    output: { rules: [{ type: 'pattern_match', pattern_regex: 'password=\\S+', message: 'not here' }] },
    ...more,
  });
  const rail = async (more: object = {}) => {
    const { status, body: made } = await world.client.post(GUARDRAILS, body(more));
    expect([status, made.id]).toEqual([201, expect.stringMatching(/^[0-9a-f-]{36}$/)]);
    return made;
  };

  it('makes, reads, lists, replaces and deletes them', async () => {
    const { id: connection } = await create();
    const made = await rail({ connection_ids: [connection], attributes: ['pci'] });
    expect(made).toEqual({
      id: made.id,
      name: made.name,
      description: 'no accidents',
      team_id: null,
      input: {
        rules: [
          {
            type: 'deny_words_list',
            words: ['DROP', 'TRUNCATE'],
            pattern_regex: '',
            message: 'ask a colleague',
          },
          { type: 'pattern_match', words: [], pattern_regex: '(?i)delete\\s+from', message: '' },
        ],
      },
      output: {
        rules: [{ type: 'pattern_match', words: [], pattern_regex: 'password=\\S+', message: 'not here' }],
      },
      connection_ids: [connection],
      attributes: ['pci'],
      created_at: expect.stringMatching(/Z$/),
      updated_at: expect.stringMatching(/Z$/),
    });
    expect((await world.client.get(`${GUARDRAILS}/${made.id}`)).body).toEqual(made);
    expect((await world.client.get(GUARDRAILS)).body).toContainEqual(made);
    expect((await world.client.get(`${CONNECTIONS}/${connection}`)).body.guardrail_rules).toEqual([made.id]);
    const replaced = await world.client.put(`${GUARDRAILS}/${made.id}`, { name: made.name });
    expect([replaced.status, replaced.body]).toEqual([
      200,
      expect.objectContaining({ input: { rules: [] }, connection_ids: [connection] }),
    ]);
    await world.client.put(`${GUARDRAILS}/${made.id}`, { name: made.name, connection_ids: [] });
    expect((await world.client.get(`${CONNECTIONS}/${connection}`)).body.guardrail_rules).toEqual([]);
    expect((await world.client.delete(`${GUARDRAILS}/${made.name}`)).status).toBe(204);
    expectError(await world.client.get(`${GUARDRAILS}/${made.id}`), 404, `guard rail ${made.id} not found`);
  });

  it('says what is wrong', async () => {
    const { name } = await rail();
    expectError(
      await world.client.post(GUARDRAILS, body({ name })),
      409,
      `guard rail ${name} already exists`,
    );
    expectError(await world.client.post(GUARDRAILS, {}), 400, /name is required/);
    expectError(await world.client.post(GUARDRAILS, body({ input: { rules: 'x' } })), 400, /^input.rules/);
    for (const [rule, message] of [
      [{ type: 'other' }, /^input.rules\[0\].type must be one of/],
      [{ type: 'deny_words_list' }, /^input.rules\[0\].words must name one word/],
      [
        { type: 'pattern_match', pattern_regex: '(?<=x)' },
        /^input.rules\[0\].pattern_regex is no pattern of RE2's/,
      ],
      [{ type: 'pattern_match', pattern_regex: '(' }, /is no pattern of RE2's: missing closing/],
    ] as const)
      expectError(await world.client.post(GUARDRAILS, body({ input: { rules: [rule] } })), 422, message);
    expectError(
      await world.client.post(GUARDRAILS, body({ connection_ids: ['x'] })),
      422,
      /connection_ids must be ids/,
    );
    expectError(
      await world.client.post(GUARDRAILS, body({ connection_ids: ['550e8400-e29b-41d4-a716-446655440000'] })),
      422,
      /there is no connection/,
    );
  });

  it('tries out a guard rail: which rule, and where', async () => {
    const { id, name } = await rail();
    const tried = async (sample: object) =>
      (await world.client.post(`${GUARDRAILS}/${id}/test`, sample)).body;
    expect(await tried({ stdin: 'SELECT 1;\n  DROP TABLE a' })).toEqual({
      blocked: true,
      input: {
        rule: `${name}, input rule 1`,
        message: 'ask a colleague',
        where: 'stdin',
        line: 2,
        column: 3,
      },
      output: null,
    });
    expect(await tried({ args: ['-c', 'Delete  From a'] })).toMatchObject({
      input: {
        rule: `${name}, input rule 2`,
        message: `blocked by guard rail ${name}, input rule 2`,
        where: 'args',
        argument: 2,
        line: 1,
        column: 1,
      },
    });
    expect(await tried({ stdin: 'x', output: 'a\nb password=1' })).toMatchObject({
      blocked: true,
      input: null,
      output: { message: 'not here', where: 'output', line: 2, column: 3 },
    });
    expect(await tried({ stdin: 'SELECT 1' })).toEqual({ blocked: false, input: null, output: null });
  });

  it('tries out what a connection has, by name and by attribute', async () => {
    const [byName, byAttribute] = [
      await rail(),
      await rail({ name: 'zz-attribute', attributes: ['strict'] }),
    ];
    const { name } = await create({ guardrail_rules: [byName.id], attributes: ['strict'] });
    const other = await create();
    const tried = async (connection: string) =>
      (await world.client.post(`${CONNECTIONS}/${connection}/guardrails/test`, { stdin: 'DROP' })).body;
    expect((await tried(name)).input.rule).toBe(`${byName.name}, input rule 1`);
    await world.client.delete(`${GUARDRAILS}/${byName.id}`);
    expect((await tried(name)).input.rule).toBe(`${byAttribute.name}, input rule 1`);
    expect(await tried(other.name)).toMatchObject({ blocked: false });
  });
});

describe('GET /api/agents', () => {
  it('shows hosts as agents', async () => {
    const { status, body } = await world.client.get('/api/agents');
    expect(status).toBe(200);
    expect(body).toEqual([
      {
        id: world.host.uuid,
        name: 'db-01',
        mode: 'standard',
        status: 'CONNECTED',
        token: '',
        labels: { group: 'db.eu' },
        metadata: {
          hostname: expect.any(String),
          'machine-id': world.host.uuid,
          'kernel-version': expect.any(String),
          version: expect.any(String),
          platform: expect.stringMatching(/^\w+\/\w+/),
        },
      },
    ]);
    expect((await world.client.get('/api/agents?status=CONNECTED')).body).toEqual(body);
    expect((await world.client.get('/api/agents?status=disconnected')).body).toEqual([]);
    expect((await world.client.get('/api/agents/db-01')).body).toEqual(body[0]);
    expect((await world.client.get(`/api/agents/${world.host.uuid}`)).body).toEqual(body[0]);
    expectError(
      await world.client.get('/api/agents?status=x'),
      422,
      'status must be CONNECTED or DISCONNECTED',
    );
    expectError(await world.client.get('/api/agents/nobody'), 404, 'agent nobody not found');
  });
});

it('answers what nobody foresaw in the envelope, too, and without a word about how it is made', async () => {
  await sql(world.server, 'ALTER TABLE connection_secrets RENAME TO hidden');
  const answer = await world.client.get(CONNECTIONS);
  await sql(world.server, 'ALTER TABLE hidden RENAME TO connection_secrets');
  expectError(answer, 500, "internal error; the server's log says more");
});
