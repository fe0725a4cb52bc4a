import { gzipSync } from 'node:zlib';
import { api, startServer, type Answer, type Api, type ServerFixture } from '#libs/testing/index';
import { add, addTeam, addTeamUser, download, form, recorded, SCRIPTS } from './saved-scripts.support.js';
import { addUser, expectProblem, sql } from './support.js';

const BATCH = `${SCRIPTS}/batch`;

interface Listed {
  id: number;
  name: string;
  updated_at: string;
}

let server: ServerFixture;
let client: Api;
let teams = 0;

beforeAll(async () => {
  server = await startServer();
  client = await api(server).login();
});

const newTeam = () => addTeam(server, `Team ${(teams += 1)}`);
const base64 = (contents: string | Buffer) => Buffer.from(contents).toString('base64');
const set = (scripts: Record<string, string | Buffer>) => ({
  scripts: Object.entries(scripts).map(([name, contents]) => ({ name, script_contents: base64(contents) })),
});
const batch = (query: string, body: unknown, as = client): Promise<Answer> =>
  as.post(`${BATCH}?${query}`, body);
const list = async (team: number): Promise<Listed[]> =>
  (await client.get(`${SCRIPTS}?team_id=${team}`)).body.scripts;
const names = async (team: number) => (await list(team)).map(({ name }) => name);

describe('a set of scripts', () => {
  it('becomes what is sent: others are deleted, equal ones stay as they are', async () => {
    const team = await newTeam();
    const fields = { team_id: String(team) };
    const same = await add(client, 'same.sh', 'echo same\n', fields);
    const changed = await add(client, 'changed.sh', 'echo old\n', fields);
    const renamed = await add(client, 'CASE.sh', 'echo case\n', fields);
    const gone = await add(client, 'gone.sh', 'echo gone\n', fields);
    const elsewhere = await add(client, 'elsewhere.sh');
    const before = new Map((await list(team)).map((script) => [script.id, script]));

    const wanted = {
      'same.sh': 'echo same\n',
      'case.sh': 'echo case\n',
      'New.ps1': 'x',
      'changed.sh': 'echo\r\n',
    };
    const { status, body } = await batch(`team_id=${team}`, set(wanted));
    expect(status).toBe(200);
    const added = (await list(team)).find(({ name }) => name === 'New.ps1')!.id;
    expect(body).toEqual({
      scripts: [
        { team_id: team, id: renamed, name: 'case.sh' },
        { team_id: team, id: changed, name: 'changed.sh' },
        { team_id: team, id: added, name: 'New.ps1' },
        { team_id: team, id: same, name: 'same.sh' },
      ],
    });
    expect((await client.get(`${SCRIPTS}/${same}`)).body).toEqual(before.get(same));
    expect(
      (await client.get(`${SCRIPTS}/${changed}`)).body.updated_at > before.get(changed)!.updated_at,
    ).toBe(true);
    // Only uploads change line ends.
    expect(await download(client, changed)).toBe('echo\r\n');
    expect((await client.get(`${SCRIPTS}/${gone}`)).status).toBe(404);
    expect((await client.get(`${SCRIPTS}/${elsewhere}`)).status).toBe(200);

    const digests = { content_sha256: expect.stringMatching(/^[0-9a-f]{64}$/) };
    const [row] = (await recorded(server, 'edited_script')).slice(-1);
    expect(row!.details).toEqual({
      team_id: team,
      team_name: `Team ${teams}`,
      added: { count: 1, scripts: [{ script_name: 'New.ps1', ...digests }] },
      updated: {
        count: 2,
        scripts: [
          { script_name: 'case.sh', ...digests },
          { script_name: 'changed.sh', ...digests },
        ],
      },
      deleted: { count: 1, scripts: [{ script_name: 'gone.sh', ...digests }] },
    });
  });

  it('that is there already changes nothing, and is no row of the record', async () => {
    const team = await newTeam();
    const wanted = set({ 'a.sh': 'echo a', 'b.sh': 'echo b' });
    const first = await batch(`team_id=${team}`, wanted);
    const before = await list(team);
    const rows = (await recorded(server, 'edited_script')).length;
    expect((await batch(`team_id=${team}`, wanted)).body).toEqual(first.body);
    expect(await list(team)).toEqual(before);
    expect(await recorded(server, 'edited_script')).toHaveLength(rows);
  });

  it('is a team’s by name, whatever its case, or no team’s', async () => {
    const team = await newTeam();
    const { body } = await batch(`team_name=team ${teams}`, set({ 'named.sh': 'true' }));
    expect(body.scripts).toEqual([{ team_id: team, id: expect.any(Number), name: 'named.sh' }]);
    const ofNone = await batch('', set({ 'none.sh': 'true' }));
    expect(ofNone.body.scripts).toEqual([{ team_id: null, id: expect.any(Number), name: 'none.sh' }]);
    expect(await names(team)).toEqual(['named.sh']);
  });

  it.each([
    ['a list without anything', { scripts: [] }],
    ['null', { scripts: null }],
  ])('is emptied by %s', async (_, body) => {
    const team = await newTeam();
    await add(client, 'a.sh', 'true', { team_id: String(team) });
    expect(await batch(`team_id=${team}`, body)).toMatchObject({ status: 200, body: { scripts: [] } });
    expect(await names(team)).toEqual([]);
  });

  it('may be large, and gzipped', async () => {
    const team = await newTeam();
    const many = set(Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`${i}.sh`, `echo ${i}`])));
    const { status, body } = await client.post(`${BATCH}?team_id=${team}`, gzipSync(JSON.stringify(many)), {
      'content-encoding': 'gzip',
    });
    expect([status, body.scripts.length]).toEqual([200, 2_000]);
    expect((await batch(`team_id=${team}`, set({ 'big.sh': 'x'.repeat(500_000) }))).status).toBe(200);
    expect(await names(team)).toEqual(['big.sh']);
  });

  it('is one of those that are sent at the same moment, never a mixture', async () => {
    const team = await newTeam();
    const sets = Array.from({ length: 8 }, (_, i) => ({
      'shared.sh': `echo ${i}`,
      [`${i}.sh`]: 'echo same',
    }));
    const answers = await Promise.all([
      ...sets.map((wanted) => batch(`team_id=${team}`, set(wanted))),
      client.post(SCRIPTS, form('shared.sh', 'echo alone', { team_id: String(team) })),
    ]);
    expect(answers.map(({ status }) => status).filter((status) => status !== 200 && status !== 409)).toEqual(
      [],
    );
    const left = await list(team);
    const [own] = left.filter(({ name }) => name !== 'shared.sh').map(({ name }) => name);
    expect(left.map(({ name }) => name)).toEqual([own, 'shared.sh']);
    expect(await download(client, left[1]!.id)).toBe(`echo ${own!.replace('.sh', '')}`);
  });
});

describe('a dry run', () => {
  it('checks everything and changes nothing', async () => {
    const team = await newTeam();
    await add(client, 'a.sh', 'true', { team_id: String(team) });
    const before = await list(team);
    for (const dry of ['true', '1'])
      expect(await batch(`team_id=${team}&dry_run=${dry}`, set({ 'b.sh': 'true' }))).toMatchObject({
        status: 200,
        body: { scripts: [] },
      });
    expectProblem(
      await batch(`team_id=${team}&dry_run=true`, set({ 'b.txt': 'true' })),
      422,
      'scripts[0]',
      /^File type not supported/,
    );
    expect(await list(team)).toEqual(before);
    expect((await batch(`team_id=${team}&dry_run=false`, set({ 'b.sh': 'true' }))).body.scripts).toHaveLength(
      1,
    );
  });

  it('may be for a team that is yet to be made', async () => {
    expect(await batch('team_name=later&dry_run=true', set({ 'b.sh': 'true' }))).toMatchObject({
      status: 200,
    });
    expectProblem(
      await batch('team_name=later', set({ 'b.sh': 'true' })),
      404,
      'base',
      'Team later was not found in the datastore',
    );
  });
});

describe('a set that is wrong leaves the old one', () => {
  let team: number;
  beforeAll(async () => {
    team = await newTeam();
    await add(client, 'old.sh', 'true', { team_id: String(team) });
  });
  afterEach(async () => expect(await names(team)).toEqual(['old.sh']));

  it.each<[string, unknown, number, string, string | RegExp]>([
    ['a bad name', set({ 'a.sh': 'true', 'b.txt': 'true' }), 422, 'scripts[1]', /^File type not supported/],
    ['no name', set({ '': 'true' }), 422, 'scripts[0]', 'The file name must not be empty.'],
    ['a path', set({ 'a/b.sh': 'true' }), 422, 'scripts[0]', 'The file name must not have a path.'],
    ['a NUL in a name', set({ '\0.sh': 'true' }), 422, 'scripts[0]', /^The file name must be plain text/],
    ['half a character in a name', set({ '\ud800.sh': 'true' }), 422, 'scripts[0]', /^The file name must be/],
    [
      'no contents',
      set({ 'a.sh': 'true', 'b.sh': '' }),
      422,
      'scripts[1]',
      'Script contents must not be empty.',
    ],
    ['too much', set({ 'a.sh': 'x'.repeat(500_001) }), 422, 'scripts[0]', /^Script is too large/],
    ['no text', set({ 'a.sh': Buffer.from([0xff]) }), 422, 'scripts[0]', /^Wrong data format/],
    ['a secret', set({ 'a.sh': 'echo $FLEET_SECRET_A' }), 422, 'scripts[0]', /"\$FLEET_SECRET_A"/],
    [
      'one name twice',
      set({ 'a.sh': 'true', 'b.sh': 'true', 'A.sh': 'true' }),
      422,
      'scripts[2]',
      'Couldn’t edit scripts. More than one script has the same file name: "A.sh"',
    ],
    [
      'no base64',
      { scripts: [{ name: 'a.sh', script_contents: 'echo hello' }] },
      400,
      'scripts[0]',
      /base64/,
    ],
    ['no padding', { scripts: [{ name: 'a.sh', script_contents: 'dHJ1ZQ' }] }, 400, 'scripts[0]', /base64/],
    ['no list', {}, 400, 'scripts', 'scripts must be an array of objects'],
    ['text', { scripts: 'a' }, 400, 'scripts', 'scripts must be an array of objects'],
    ['an object', { scripts: { a: 1 } }, 400, 'scripts', 'scripts must be an array of objects'],
    ['a list of text', { scripts: ['a'] }, 400, /^scripts/.source, /./],
    ['a list of null', { scripts: [null] }, 400, /^scripts/.source, /./],
    ['a script without contents', { scripts: [{ name: 'a.sh' }] }, 400, 'scripts.0.script_contents', /./],
    ['a number for a name', { scripts: [{ name: 1, script_contents: '' }] }, 400, 'scripts.0.name', /./],
    ['an array', [], 400, 'base', /./],
    ['broken JSON', '{', 400, 'base', /^json decoder error/],
    ['nothing', undefined, 400, 'base', 'Expected JSON Body'],
  ])('%s', async (_, body, status, name, reason) => {
    const answer = await batch(`team_id=${team}`, body);
    const named = name.startsWith('^') ? (answer.body.errors[0].name as string) : name;
    expectProblem(answer, status, named, reason);
  });

  it.each([
    ['team_id=1&team_name=x', 422, 'team_name', 'cannot specify both team_id and team_name'],
    ['team_id=999999', 404, 'base', 'Team 999999 was not found in the datastore'],
    ['team_id=99999999999', 404, 'base', 'Team 99999999999 was not found in the datastore'],
    ['team_id=0', 404, 'base', 'Team 0 was not found in the datastore'],
    ['team_name=nobody', 404, 'base', 'Team nobody was not found in the datastore'],
    ['team_id=x', 400, 'team_id', 'team_id must be a whole number'],
    ['team_name=%00', 400, 'team_name', /NUL/],
    ['dry_run=maybe', 400, 'dry_run', 'dry_run must be true or false'],
  ])('%s', async (query, status, name, reason) => {
    expectProblem(await batch(query, set({ 'a.sh': 'true' })), status, name, reason);
  });
});

describe('who may', () => {
  it.each([
    ['admin', 200],
    ['maintainer', 200],
    ['observer', 403],
    ['observer_plus', 403],
    ['gitops', 200],
  ])('%s: %i', async (role, status) => {
    const [team, other] = [await newTeam(), await newTeam()];
    const global = await addUser(server, `${role}@global.example.com`, role);
    const ofTeam = await addTeamUser(server, `${role}@team.example.com`, { [team]: role });
    const wanted = set({ 'a.sh': 'true' });
    expect((await batch(`team_id=${team}`, wanted, global)).status).toBe(status);
    expect((await batch(`team_id=${team}&dry_run=true`, wanted, ofTeam)).status).toBe(status);
    expect((await batch('dry_run=true', wanted, global)).status).toBe(status);
    // Not their team, no team, and one that does not exist: before anything is said about the scripts.
    for (const query of [
      `team_id=${other}`,
      '',
      'team_id=999999',
      'team_name=nobody',
      'team_name=x&dry_run=1',
    ])
      expectProblem(await batch(query, set({ 'a.txt': '' }), ofTeam), 403, 'base', 'forbidden');
    expect((await batch('', wanted, api(server))).status).toBe(401);
    const rows = await sql(
      server,
      "SELECT count(*)::int AS n FROM audit WHERE act = 'script:write' AND email = $1",
      [`${role}@team.example.com`],
    );
    expect(rows[0].n).toBeGreaterThanOrEqual(5);
  });
});
