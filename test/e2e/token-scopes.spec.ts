import { startAgent, type Answer, type Api, type HostRef } from '#libs/testing/index';
import { addTeamUser, addUser, ended, expectProblem, run, sql, startWorld, type World } from './support.js';

/* API tokens that reach some hosts only: those of teams, those in labels. */

const TOKENS = '/api/v1/tokens';
let world: World;
let db: HostRef;
let team: number;
let count = 0;

/** A token with these limits, for the use of which `client` stands. */
async function limited(scope: object, client: Api = world.client, more: object = {}): Promise<Api> {
  count += 1;
  const { status, body } = await client.post(TOKENS, { name: `token ${count}`, scope, ...more });
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`);
  return client.as(body.token as string);
}
const nameOf = (): string => `token ${count}`;

const script = (client: Api, host: HostRef): Promise<Answer> =>
  client.post('/api/v1/fleet/scripts/run', { host_id: host.id, script_contents: 'echo hello' });

function expectRefused({ status, body }: Answer, rule: string): void {
  expect([status, body.message, body.errors]).toEqual([403, 'forbidden', [{ name: 'base', reason: rule }]]);
}
function expectForbidden({ status, body }: Answer): void {
  expect([status, body.message ?? body.error]).toEqual([
    403,
    expect.stringMatching(/forbidden|Insufficient/),
  ]);
}

beforeAll(async () => {
  world = await startWorld({ agent: { hostname: 'web-01', args: ['--label', 'group=web.dev'] } });
  const agent = startAgent({ server: world.server, hostname: 'db-01', args: ['--label', 'group=website'] });
  db = await agent.online();
  team = (await world.client.post('/api/v1/fleet/teams', { name: 'databases' })).body.team.id;
  await sql(world.server, 'UPDATE hosts SET team_id = $1 WHERE id = $2', [team, db.id]);
});

describe('limited to labels', () => {
  it('runs on hosts in them, and says which rule refuses the others', async () => {
    const web = await limited({ labels: ['group:web'] });
    const allowed = await script(web, world.host);
    expect(allowed.status).toBe(202);
    expectRefused(await script(web, db), `the token "${nameOf()}" is limited to label group:web`);
    // Its own runs, one by one; their hosts are all in its labels.
    const id = allowed.body.execution_id as string;
    expect((await ended(web, id)).target.state).toBe('finished');
    const other = await run(world.client, db.id, 'echo other');
    expect((await web.get(`/api/v1/executions/${other}`)).status).toBe(404);
    expect((await web.get(`/api/v1/executions/${other}/output`)).status).toBe(404);
    expect((await web.post(`/api/v1/executions/${other}/cancel`)).status).toBe(404);
    expect((await ended(world.client, other)).target.state).toBe('finished');
    expectRefused(
      await web.get('/api/v1/executions'),
      `the token "${nameOf()}" is limited to labels: it reads executions one by one, by their uuid`,
    );
  });

  it('knows the server’s labels by name, as they are at that moment', async () => {
    const { body } = await world.client.post('/api/v1/fleet/labels', { name: 'Prod: all', hosts: ['db-01'] });
    expect(body.label.count).toBe(1);
    const prod = await limited({ labels: ['Prod: all', 'group:db'] });
    expect((await script(prod, db)).status).toBe(202);
    expectRefused(
      await script(prod, world.host),
      `the token "${nameOf()}" is limited to labels Prod: all, group:db`,
    );
    await sql(world.server, 'DELETE FROM label_membership WHERE label_id = $1', [body.label.id]);
    expect((await script(prod, db)).status).toBe(403);
  });

  it('sees its hosts as agents, and no others', async () => {
    const web = await limited({ labels: ['group:web'] });
    const { body } = await web.get('/api/agent');
    expect([body.total, body.agents.map(({ hostname }: { hostname: string }) => hostname)]).toEqual([
      1,
      ['web-01'],
    ]);
    expect((await web.get('/api/agent/web-01')).status).toBe(200);
    for (const answer of [await web.get('/api/agent/db-01'), await web.post('/api/agent/db-01/drain')])
      expect([answer.status, answer.body.error]).toEqual([404, 'agent not found: db-01']);
    expect((await web.post('/api/agent/web-01/drain')).status).toBe(200);
    expect((await web.post('/api/agent/web-01/undrain')).status).toBe(200);
  });

  it('is let in nowhere else', async () => {
    const web = await limited({ labels: ['group:web'] });
    for (const path of ['hosts', 'hosts/count', `hosts/${world.host.id}`, 'scripts', 'users', 'activities'])
      expectForbidden(await web.get(`/api/v1/fleet/${path}`));
    expectForbidden(await web.get('/api/v1/fleet/hosts/identifier/web-01'));
    expectForbidden(await web.delete(`/api/v1/fleet/hosts/${world.host.id}`));
    expectForbidden(
      await web.post(`/api/v1/fleet/hosts/${world.host.id}/query`, { query: 'SELECT 1 AS one' }),
    );
    expect((await web.get('/api/v1/fleet/me')).status).toBe(200);
  });
});

describe('limited to teams', () => {
  it('reaches their hosts, and nothing of others', async () => {
    const databases = await limited({ teams: [team] });
    expect((await script(databases, db)).status).toBe(202);
    expectForbidden(await script(databases, world.host));
    const { body } = await databases.get('/api/v1/fleet/hosts');
    expect(body.hosts.map(({ id }: { id: number }) => id)).toEqual([db.id]);
    expectForbidden(await databases.get(`/api/v1/fleet/hosts/${world.host.id}`));
    expect((await databases.get('/api/agent')).body.total).toBe(1);
    expect((await databases.get('/api/agent/web-01')).status).toBe(404);
    expectForbidden(await databases.get('/api/v1/fleet/users'));
    expectForbidden(await databases.patch('/api/v1/fleet/config', {}));
    expectForbidden(await databases.post('/api/v1/fleet/labels', { name: 'x' }));
    expectForbidden(await databases.post(`/api/v1/fleet/hosts/${db.id}/query`, { query: 'SELECT 1 AS one' }));
  });
});

it('limited to commands, runs no script', async () => {
  const uptime = await limited({ commands: ['uptime', 'systemctl status *'] });
  expectRefused(
    await script(uptime, world.host),
    `the token "${nameOf()}" allows only these commands: uptime; systemctl status *`,
  );
  expect((await uptime.get('/api/v1/fleet/hosts')).status).toBe(200);
  expectForbidden(await uptime.delete(`/api/v1/fleet/hosts/${world.host.id}`));
});

describe('creating', () => {
  it('shows the limits, also in the list and in the record', async () => {
    const scope = { teams: [team], labels: ['group:web'], commands: ['uptime'] };
    const { body } = await world.client.post(TOKENS, { name: 'shown', scope });
    expect(body.scope).toEqual(scope);
    const { tokens } = (await world.client.get(TOKENS)).body;
    expect(tokens.find(({ name }: { name: string }) => name === 'shown').scope).toEqual(scope);
    const plain = await world.client.post(TOKENS, { name: 'plain', scope: {} });
    expect(plain.body.scope).toBeNull();
    const [row] = await sql(
      world.server,
      `SELECT details FROM audit WHERE act = 'created_api_token' AND details->>'name' = 'shown'`,
    );
    expect(row.details.scope).toEqual(scope);
  });

  it.each<[object, number, string, RegExp]>([
    [{ scope: 'all' }, 400, 'scope', /object/],
    [{ scope: [] }, 400, 'scope', /\S/],
    [{ scope: { teams: 1 } }, 400, 'scope.teams', /array of team ids/],
    [{ scope: { teams: ['web'] } }, 400, 'scope.teams', /array of team ids/],
    [{ scope: { teams: [0] } }, 400, 'scope.teams', /array of team ids/],
    [{ scope: { teams: [2_147_483_648] } }, 400, 'scope.teams', /array of team ids/],
    [{ scope: { teams: [4711] } }, 422, 'scope.teams', /there is no team 4711/],
    [{ scope: { labels: 'group:web' } }, 400, 'scope.labels', /array of labels/],
    [{ scope: { labels: ['nowhere'] } }, 422, 'scope.labels', /there is no label "nowhere"/],
    [{ scope: { labels: ['a\0'] } }, 400, 'scope.labels', /NUL/],
    [{ scope: { commands: [1] } }, 400, 'scope.commands', /array of commands/],
    [{ scope: { commands: ['** x'] } }, 422, 'scope.commands', /name its program/],
    [{ scope: { commands: ['x'.repeat(4_097)] } }, 400, 'scope.commands', /4096/],
  ])('refuses what makes no sense, case %#', async (body, status, name, reason) => {
    expectProblem(await world.client.post(TOKENS, { name: 'x', ...body }), status, name, reason);
  });

  it('by a limited token gives nothing wider, and keeps its limits where nothing is said', async () => {
    const web = await limited({ labels: ['group:web'], commands: ['uptime'] });
    for (const scope of [{ labels: ['group:db'] }, { commands: ['uptime', 'id'] }])
      expectProblem(
        await web.post(TOKENS, { name: 'x', scope }),
        403,
        `scope.${Object.keys(scope)[0]}`,
        /further/,
      );
    const child = await web.post(TOKENS, { name: 'child', scope: { labels: ['group:web.dev'] } });
    expect(child.body.scope).toEqual({ teams: null, labels: ['group:web.dev'], commands: ['uptime'] });
    const same = await web.post(TOKENS, { name: 'same' });
    expect(same.body.scope).toEqual({ teams: null, labels: ['group:web'], commands: ['uptime'] });
  });

  it('names no team on which its maker has no role', async () => {
    const other = (await world.client.post('/api/v1/fleet/teams', { name: 'other' })).body.team.id;
    const tina = await addTeamUser(world.server, 'tina@example.com', { [team]: 'maintainer' });
    const answer = await tina.post(TOKENS, { name: 'x', scope: { teams: [team, other] } });
    expectProblem(answer, 403, 'scope.teams', `you have no role on team ${other}`);
    const own = await limited({ teams: [team] }, tina);
    expect((await script(own, db)).status).toBe(202);
  });

  it('gives a token no more than its owner’s role', async () => {
    const olga = await addUser(world.server, 'olga@example.com', 'observer');
    const web = await limited({ labels: ['group:web'] }, olga);
    expectForbidden(await script(web, world.host));
    expect((await web.get('/api/agent/web-01')).status).toBe(200);
    expectForbidden(await web.post('/api/agent/web-01/drain'));
  });
});
