import { api, startAgent, startServer, type Api, type ServerFixture } from '#libs/testing/index';
import { ended, firstOutput, run, sql, startWorld, type World } from './support.js';

let world: World;
/** A host of team "far", beside that of team "near" in `world`. */
let farHost: number;
let nearRun: string;
let farRun: string;

beforeAll(async () => {
  world = await startWorld({ server: await startServer() });
  const other = startAgent({ server: world.server });
  farHost = (await other.online()).id;
  await sql(world.server, "INSERT INTO teams (name) VALUES ('near'), ('far')");
  const assign = (id: number, team: string) =>
    sql(world.server, 'UPDATE hosts SET team_id = (SELECT id FROM teams WHERE name = $2) WHERE id = $1', [
      id,
      team,
    ]);
  await assign(world.host.id, 'near');
  await assign(farHost, 'far');
  nearRun = await run(world.client, world.host.id, 'echo near');
  farRun = await run(world.client, farHost, 'echo far');
  await ended(world.client, nearRun);
  await ended(world.client, farRun);
});

async function member(server: ServerFixture, role: string): Promise<Api> {
  const email = `${role}@near.example.com`;
  await sql(
    server,
    `WITH u AS (INSERT INTO users (name, email, password_hash) SELECT 'Member', $1, password_hash FROM users WHERE email = $3 RETURNING id)
     INSERT INTO team_roles (user_id, team_id, role) SELECT u.id, t.id, $2 FROM u, teams t WHERE t.name = 'near'`,
    [email, role, server.admin.email],
  );
  return api(server).login({ email, password: server.admin.password });
}

it('shows a holder of a team role what ran on hosts of the team, and nothing else', async () => {
  const observer = await member(world.server, 'observer');
  const { body } = await observer.get('/api/v1/executions');
  expect(body.executions.map((e: { id: string }) => e.id)).toEqual([nearRun]);
  expect((await observer.get(`/api/v1/executions/${nearRun}`)).body.targets).toHaveLength(1);
  expect((await observer.get(`/api/v1/executions/${nearRun}/output`)).body.chunks).toHaveLength(1);
  for (const path of ['', '/output', '?wait=1', '/output?target=1'])
    expect((await observer.get(`/api/v1/executions/${farRun}${path}`)).status).toBe(404);
  expect((await observer.post(`/api/v1/executions/${farRun}/cancel`)).status).toBe(403);
  expect((await observer.get(`/api/v1/executions?host=${farHost}`)).status).toBe(404);
  expect((await observer.get(`/api/v1/executions?host=${world.host.id}`)).body.executions).toHaveLength(1);
});

it('lets a team maintainer stop what runs on hosts of the team only', async () => {
  const maintainer = await member(world.server, 'maintainer');
  const near = await run(world.client, world.host.id, 'echo up; sleep 60');
  const far = await run(world.client, farHost, 'echo up; sleep 60');
  await firstOutput(world, near);
  await firstOutput(world, far);
  expect((await maintainer.post(`/api/v1/executions/${far}/cancel`)).status).toBe(404);
  expect((await maintainer.post(`/api/v1/executions/${near}/cancel`)).status).toBe(202);
  expect((await ended(world.client, near)).target.state).toBe('killed');
  expect((await world.client.get(`/api/v1/executions/${far}`)).body.targets[0].state).toBe('running');
  await world.client.post(`/api/v1/executions/${far}/cancel`);
  await ended(world.client, far);
});

it('hides the hosts of another team in an execution over both', async () => {
  const observer = await member(world.server, 'observer_plus');
  const [{ id }] = await sql(world.server, 'SELECT id FROM executions WHERE uuid = $1', [nearRun]);
  const [other] = await sql(
    world.server,
    `INSERT INTO targets (uuid, execution_id, host_id, lane, state, finished_at)
     VALUES (gen_random_uuid(), $1, $2, 'serial', 'cancelled', now()) RETURNING id, uuid`,
    [id, farHost],
  );
  expect((await world.client.get(`/api/v1/executions/${nearRun}`)).body.targets).toHaveLength(2);
  const { body } = await observer.get(`/api/v1/executions/${nearRun}`);
  expect(body.targets.map((t: { host: { id: number } }) => t.host.id)).toEqual([world.host.id]);
  expect(body.counts).toEqual({ finished: 1 });
  expect((await observer.get(`/api/v1/executions/${other.uuid}`)).status).toBe(404);
  expect((await observer.get(`/api/v1/executions/${nearRun}/output?target=${other.uuid}`)).status).toBe(404);
});
