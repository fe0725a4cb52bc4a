import { createHash } from 'node:crypto';
import pg from 'pg';
import { api, startServer, type Api, type ServerFixture } from '#libs/testing/index';
import {
  add,
  addTeam,
  addTeamUser,
  download,
  form,
  multipart,
  part,
  recorded,
  SCRIPTS,
  send,
  upload,
} from './saved-scripts.support.js';
import { addUser, expectProblem, sql } from './support.js';

let server: ServerFixture;
let client: Api;
let team: number;
let otherTeam: number;

beforeAll(async () => {
  server = await startServer();
  client = await api(server).login();
  team = await addTeam(server, 'Workstations');
  otherTeam = await addTeam(server, 'Servers');
});

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const missing = (id: number) => `Script ${id} was not found in the datastore`;
const names = async (query: string, as = client) =>
  ((await as.get(`${SCRIPTS}?${query}`)).body.scripts as { name: string }[]).map(({ name }) => name);

describe('a script', () => {
  it('is added as the contract’s example does it, on every version of the path', async () => {
    const boundary = '------------------------f02md47480und42y';
    const body = multipart(
      boundary,
      part('name="team_id"', String(team)),
      part(
        'name="script"; filename="myscript.sh"',
        'echo "hello"\n',
        'Content-Type: application/octet-stream',
      ),
    );
    const type = `multipart/form-data; boundary=${boundary}`;
    const { status, body: answer } = await send(server, client, body, type);
    expect([status, answer]).toEqual([200, { script_id: expect.any(Number) }]);
    for (const version of ['v1', 'latest', '2022-04']) {
      const got = await client.get(`/api/${version}/fleet/scripts/${answer.script_id}`);
      expect([got.status, got.body]).toEqual([
        200,
        { id: answer.script_id, team_id: team, name: 'myscript.sh', created_at: TIME, updated_at: TIME },
      ]);
    }
    expect((await recorded(server, 'added_script')).at(-1)).toEqual({
      email: server.admin.email,
      outcome: 'done',
      details: {
        script_name: 'myscript.sh',
        team_id: team,
        team_name: 'Workstations',
        content_sha256: sha256('echo "hello"\n'),
      },
    });
  });

  it('of no team has none', async () => {
    const id = await add(client, 'nobody.ps1');
    expect((await client.get(`${SCRIPTS}/${id}`)).body).toMatchObject({ id, team_id: null });
    expect((await recorded(server, 'added_script')).at(-1)!.details).toMatchObject({
      team_id: null,
      team_name: null,
    });
  });

  it('is downloaded byte by byte, as a file of today', async () => {
    const id = await add(client, 'script_1.sh', 'echo "hello"\n');
    const answer = await client.get(`${SCRIPTS}/${id}?alt=media`);
    const now = new Date();
    const date = [now.getFullYear(), now.getMonth() + 1, now.getDate()]
      .map((number) => String(number).padStart(2, '0'))
      .join('-');
    expect([answer.status, answer.body]).toEqual([200, 'echo "hello"\n']);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '13',
      'content-disposition': `attachment;filename="${date} script_1.sh"`,
      'x-content-type-options': 'nosniff',
    });
    for (const alt of ['', 'json', 'Media'])
      expect((await client.get(`${SCRIPTS}/${id}?alt=${alt}`)).body).toMatchObject({ id });
  });

  it('with a name beyond ASCII is downloaded under both names', async () => {
    const id = await add(client, 'späß 👋.sh');
    expect((await client.get(`${SCRIPTS}/${id}`)).body.name).toBe('späß 👋.sh');
    expect((await client.get(`${SCRIPTS}/${id}?alt=media`)).headers.get('content-disposition')).toMatch(
      /^attachment;filename="\d{4}-\d\d-\d\d sp__ _\.sh";filename\*=UTF-8''\d{4}-\d\d-\d\d%20sp%C3%A4%C3%9F%20%F0%9F%91%8B\.sh$/,
    );
  });

  it('has Unix line ends', async () => {
    const id = await add(client, 'dos.sh', 'echo one\r\necho two\r\n\recho\n');
    expect(await download(client, id)).toBe('echo one\necho two\n\recho\n');
  });

  it('that was replaced has its name, and other contents; the old ones stay', async () => {
    const id = await add(client, 'replaced.sh', 'echo old\n');
    const before = (await client.get(`${SCRIPTS}/${id}`)).body;
    const { status, body } = await client.patch(`${SCRIPTS}/${id}`, form('any name.txt', 'echo new\r\n'));
    expect([status, body]).toEqual([200, { script_id: id }]);
    const after = (await client.get(`${SCRIPTS}/${id}`)).body;
    expect(after).toEqual({ ...before, updated_at: TIME });
    expect(after.updated_at > before.updated_at).toBe(true);
    expect(await download(client, id)).toBe('echo new\n');
    expect((await recorded(server, 'updated_script')).at(-1)!.details).toEqual({
      script_name: 'replaced.sh',
      team_id: null,
      team_name: null,
      content_sha256: sha256('echo new\n'),
    });
    const old = await sql(server, "SELECT 1 FROM contents WHERE sha256 = decode($1, 'hex')", [
      sha256('echo old\n'),
    ]);
    expect(old).toHaveLength(1);
  });

  it('that was replaced by the same is as it was', async () => {
    const id = await add(client, 'same.sh', 'echo same\n');
    const before = (await client.get(`${SCRIPTS}/${id}`)).body;
    const rows = (await recorded(server, 'updated_script')).length;
    const { status, body } = await client.patch(`${SCRIPTS}/${id}`, form('same.sh', 'echo same\r\n'));
    expect([status, body]).toEqual([200, { script_id: id }]);
    expect((await client.get(`${SCRIPTS}/${id}`)).body).toEqual(before);
    expect(await recorded(server, 'updated_script')).toHaveLength(rows);
  });

  it('that was deleted is gone, and its name is free; executions of it stay', async () => {
    const id = await add(client, 'deleted.sh', 'echo gone\n', { team_id: String(team) });
    const [execution] = await sql(
      server,
      `INSERT INTO executions (uuid, kind, requested_by, requested_by_email, content_sha256, options, timeout_seconds, grace_seconds,
         output_cap_bytes, lease_seconds, script_id)
       SELECT gen_random_uuid(), 'script', u.id, u.email, s.content_sha256, '{}', 1, 1, 1, 1, s.id FROM users u, scripts s
       WHERE s.id = $1 AND u.email = $2 RETURNING id`,
      [id, server.admin.email],
    );
    const { status, body, headers } = await client.delete(`${SCRIPTS}/${id}`);
    expect([status, body, headers.get('content-type')]).toEqual([204, '', null]);
    for (const answer of [
      await client.get(`${SCRIPTS}/${id}`),
      await client.get(`${SCRIPTS}/${id}?alt=media`),
      await client.patch(`${SCRIPTS}/${id}`, form('a.sh', 'true')),
      await client.delete(`${SCRIPTS}/${id}`),
    ])
      expectProblem(answer, 404, 'base', missing(id));
    expect((await recorded(server, 'deleted_script')).at(-1)!.details).toEqual({
      script_name: 'deleted.sh',
      team_id: team,
      team_name: 'Workstations',
      content_sha256: sha256('echo gone\n'),
    });
    const rows = await sql(server, 'SELECT script_id FROM executions WHERE id = $1', [execution.id]);
    expect(rows).toEqual([{ script_id: null }]);
    expect(await add(client, 'deleted.sh', 'echo', { team_id: String(team) })).toBeGreaterThan(id);
  });
});

describe('a name', () => {
  it('is one per team, whatever its case', async () => {
    await add(client, 'Taken.sh');
    await add(client, 'taken.sh', 'true', { team_id: String(team) });
    for (const fields of [{}, { team_id: String(team) }] as Record<string, string>[]) {
      const answer = await upload(client, 'TAKEN.sh', 'echo other', fields);
      expectProblem(answer, 409, 'script', 'A script with this name already exists.');
      expect(answer.body).not.toHaveProperty('uuid');
    }
    await add(client, 'taken.sh', 'true', { team_id: String(otherTeam) });
  });

  it('that ten ask for at the same moment is given to one of them', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => upload(client, i % 2 ? 'race.sh' : 'Race.sh', `echo ${i}`)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(9).fill(409)]);
    expect((await names('')).filter((name) => /^race/i.test(name))).toHaveLength(1);
  });
});

describe('the list', () => {
  let listed: number;
  beforeAll(async () => {
    listed = await addTeam(server, 'Listed');
    for (const name of ['b.sh', 'C.sh', 'a.sh', 'd.ps1', 'A2.sh'])
      await add(client, name, 'true', { team_id: String(listed) });
  });

  it('is that of one team, or of none, by name', async () => {
    const { status, body } = await client.get(`${SCRIPTS}?team_id=${listed}`);
    expect(status).toBe(200);
    expect(body.meta).toEqual({ has_next_results: false, has_previous_results: false });
    expect(body.scripts.map(({ name }: { name: string }) => name)).toEqual([
      'a.sh',
      'A2.sh',
      'b.sh',
      'C.sh',
      'd.ps1',
    ]);
    expect(body.scripts[0]).toEqual({
      id: expect.any(Number),
      team_id: listed,
      name: 'a.sh',
      created_at: TIME,
      updated_at: TIME,
    });
    expect(await names('')).toEqual(await names('team_id=0'));
    expect(await names('team_id=')).not.toContain('a.sh');
  });

  it('of a team that does not exist is empty', async () => {
    for (const id of ['999999', '99999999999'])
      expect((await client.get(`${SCRIPTS}?team_id=${id}`)).body).toEqual({
        scripts: [],
        meta: { has_next_results: false, has_previous_results: false },
      });
  });

  it('comes in pages', async () => {
    const page = async (query: string) => {
      const { body } = await client.get(`${SCRIPTS}?team_id=${listed}&${query}`);
      const found = (body.scripts as { name: string }[]).map(({ name }) => name).join(' ');
      return [found, body.meta.has_previous_results, body.meta.has_next_results];
    };
    expect(await page('per_page=2')).toEqual(['a.sh A2.sh', false, true]);
    expect(await page('per_page=2&page=1')).toEqual(['b.sh C.sh', true, true]);
    expect(await page('per_page=2&page=2')).toEqual(['d.ps1', true, false]);
    expect(await page('per_page=5&page=0')).toEqual(['a.sh A2.sh b.sh C.sh d.ps1', false, false]);
    expect(await page('page=7')).toEqual(['', true, false]);
    expect(await page('page=1000000000&per_page=1000000000')).toEqual(['', true, false]);
    expect(await page('order_key=nothing&order_direction=desc&query=zzz&after=b.sh')).toEqual([
      'a.sh A2.sh b.sh C.sh d.ps1',
      false,
      false,
    ]);
  });

  it.each([
    ['page=x', 'base', 'non-int page value'],
    ['page=-1', 'base', 'negative page value'],
    ['per_page=0', 'base', 'invalid per_page value'],
    ['per_page=1.5', 'base', 'non-int per_page value'],
    ['order_direction=asc', 'base', 'order_key must be specified with order_direction'],
    ['order_key=name&order_direction=up', 'base', 'unknown order_direction: up'],
    ['after=a', 'base', 'order_key must be specified with after'],
    ['team_id=x', 'team_id', 'team_id must be a whole number'],
    ['team_id=-1', 'team_id', 'team_id must be a whole number'],
    ['team_id=1&team_id=2', 'team_id', /./],
  ])('of %s is a 400', async (query, name, reason) => {
    expectProblem(await client.get(`${SCRIPTS}?${query}`), 400, name, reason);
  });

  it('reads a page by the index, however many scripts there are', async () => {
    const many = await addTeam(server, 'Many');
    await sql(
      server,
      `INSERT INTO scripts (team_id, name, content_sha256)
       SELECT $1, 'script ' || lpad(i::text, 5, '0') || '.sh', (SELECT sha256 FROM contents LIMIT 1) FROM generate_series(1, 10000) AS i`,
      [many],
    );
    const { body } = await client.get(`${SCRIPTS}?team_id=${many}&page=499&per_page=20`);
    expect(body.scripts).toHaveLength(20);
    expect(body.scripts[19].name).toBe('script 10000.sh');
    expect(body.meta).toEqual({ has_next_results: false, has_previous_results: true });
    expect(await planOfPage(many)).toMatch(/Index Only Scan using scripts_team_name/);
  });

  /** As the server's own connections plan it: without looking at the values, before anybody counted the rows. */
  async function planOfPage(teamId: number): Promise<string> {
    const connection = new pg.Client({
      connectionString: server.databaseUrl,
      options: '-c enable_seqscan=off -c plan_cache_mode=force_generic_plan',
    });
    await connection.connect();
    await connection.query(`PREPARE page AS SELECT id, name FROM scripts WHERE coalesce(team_id, 0) = $1
      ORDER BY coalesce(team_id, 0), lower(name) LIMIT $2 OFFSET $3`);
    const { rows } = await connection.query(`EXPLAIN ANALYZE EXECUTE page (${teamId}, 21, 9980)`);
    await connection.end();
    return rows.map((row) => row['QUERY PLAN'] as string).join('\n');
  }
});

describe('an id', () => {
  it.each([
    ['0', 404],
    ['999999', 404],
    ['x', 404],
    ['1.5', 404],
    ['-1', 404],
    ['99999999999', 400],
  ])('of %s is a %i', async (id, status) => {
    for (const answer of [
      await client.get(`${SCRIPTS}/${id}`),
      await client.patch(`${SCRIPTS}/${id}`, form('a.sh', 'true')),
      await client.delete(`${SCRIPTS}/${id}`),
    ])
      expectProblem(answer, status, status === 404 ? 'base' : 'id', /\S/);
  });

  it('that another route means is told which methods it has', async () => {
    for (const answer of [await client.get(`${SCRIPTS}/run`), await client.patch(`${SCRIPTS}/run`, 'x')]) {
      expect(answer.status).toBe(405);
      expect(answer.headers.get('allow')).toBe('POST');
    }
  });
});

describe('who may', () => {
  const good = { team_id: () => String(team) };
  it.each([
    ['admin', 200, 200],
    ['maintainer', 200, 200],
    ['observer', 403, 200],
    ['observer_plus', 403, 200],
    ['gitops', 200, 403],
  ])('%s: change %i, read %i', async (role, changes, reads) => {
    const id = await add(client, `for ${role}.sh`, 'true', { team_id: good.team_id() });
    const noTeam = await add(client, `no team for ${role}.sh`);
    const global = await addUser(server, `${role}@global.example.com`, role);
    const ofTeam = await addTeamUser(server, `${role}@team.example.com`, { [team]: role });
    // Team roles reach their own team; ids that do not exist are asked for as if they belonged to none.
    const cases: [Api, number, string, number, number, boolean][] = [
      [global, id, good.team_id(), changes, reads, true],
      [global, noTeam, '', changes, reads, true],
      [ofTeam, id, good.team_id(), changes, reads, false],
      [ofTeam, noTeam, '', 403, 403, false],
    ];
    for (const [caller, script, teamId, write, read, everywhere] of cases) {
      const fields: Record<string, string> = teamId ? { team_id: teamId } : {};
      const name = `by ${role} ${everywhere} ${script}.sh`;
      expect([name, (await upload(caller, name, 'true', fields)).status]).toEqual([name, write]);
      expect((await caller.patch(`${SCRIPTS}/${script}`, form('x', `echo ${everywhere}`))).status).toBe(
        write,
      );
      expect((await caller.get(`${SCRIPTS}/${script}`)).status).toBe(read);
      expect((await caller.get(`${SCRIPTS}/${script}?alt=media`)).status).toBe(read);
      expect((await caller.get(`${SCRIPTS}?team_id=${teamId}`)).status).toBe(read);
      const unknown = `${SCRIPTS}/999999`;
      expect((await caller.get(unknown)).status).toBe(everywhere && read === 200 ? 404 : 403);
      expect((await caller.delete(unknown)).status).toBe(everywhere && write === 200 ? 404 : 403);
      const patched = await caller.patch(unknown, form('x', ''));
      expect(patched.status).toBe(everywhere && write === 200 ? 404 : 403);
    }
    expect((await ofTeam.delete(`${SCRIPTS}/${id}`)).status).toBe(changes === 200 ? 204 : 403);
    expect((await ofTeam.get(`${SCRIPTS}?team_id=${otherTeam}`)).status).toBe(403);
  });

  it('is asked before the team is looked up, and before the script is', async () => {
    const maintainer = await addTeamUser(server, 'first@example.com', { [team]: 'maintainer' });
    for (const team_id of ['0', '999999', String(otherTeam)])
      for (const name of ['fine.sh', 'bad.txt'])
        expectProblem(await upload(maintainer, name, '', { team_id }), 403, 'base', 'forbidden');
    expectProblem(await upload(maintainer, 'fine.sh', ''), 403, 'base', 'forbidden');
    for (const team_id of ['0', '999999', '99999999999'])
      expectProblem(
        await upload(client, 'fine.sh', 'true', { team_id }),
        404,
        'team_id',
        'The team does not exist.',
      );
    const [denial] = (await recorded(server, 'script:write')).slice(-1);
    expect(denial).toMatchObject({ email: 'first@example.com', outcome: 'denied' });
  });

  it('is asked before anything is read', async () => {
    const observer = await addUser(server, 'reader@example.com', 'observer');
    for (const body of ['x', form('a.txt', '')]) {
      expect((await api(server).post(SCRIPTS, body)).status).toBe(401);
      expect((await observer.post(SCRIPTS, body)).status).toBe(403);
    }
  });
});
