import { createTestDatabase, startProxy, until, type TcpProxy } from '#libs/testing/index';
import { ended, expectProblem, firstOutput, resultOf, run, startWorld, type World } from './support.js';

let world: World;
let cable: TcpProxy;

beforeAll(async () => {
  const { url } = await createTestDatabase();
  cable = await startProxy(url);
  const databaseUrl = Object.assign(new URL(url), { host: new URL(cable.url).host }).href;
  world = await startWorld({ server: { databaseUrl } });
});
afterAll(() => cable.accept());

function pull(): void {
  cable.refuse();
  cable.cut();
}

it('requests are answered with 503 and when to try again; alive is still alive', async () => {
  pull();
  const me = () => world.client.get('/api/v1/fleet/me');
  const answer = await until(async () => {
    const seen = await me();
    return seen.status === 200 ? undefined : seen;
  });
  expectProblem(answer, 503, 'base', /database cannot be reached/);
  expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
  for (const path of ['/api/v1/fleet/hosts', '/api/v1/executions', '/readyz'])
    expect({ path, status: (await world.client.get(path)).status }).toEqual({ path, status: 503 });
  const login = await world.client.post('/api/v1/fleet/login', world.server.admin);
  expect(login.status).toBe(503);
  expect((await world.client.get('/healthz')).status).toBe(200);
  cable.accept();
  await until(async () => (await me()).status === 200);
  expect((await world.client.get('/readyz')).status).toBe(200);
});

it('what runs meanwhile ends, and its result is stored when the database is back', async () => {
  const id = await run(world.client, world.host.id, 'echo before; sleep 1.2; echo after; exit 5');
  const next = await run(world.client, world.host.id, 'echo next');
  expect(await firstOutput(world, id)).toBe('before\n');
  pull();
  await until(() => /"msg":"ended"/.test(world.agent.log()), { what: 'the end of the script' });
  cable.accept();
  await until(async () => (await world.client.get('/readyz')).status === 200);
  expect(await resultOf(world.client, id)).toMatchObject({ exit_code: 5, output: 'before\nafter\n' });
  expect(await resultOf(world.client, next)).toMatchObject({ exit_code: 0, output: 'next\n' });
  const { body } = await world.client.get(`/api/v1/fleet/hosts/${world.host.id}`);
  expect(body.host.status).toBe('online');
});

it('an agent that leaves meanwhile is offline when the database is back', async () => {
  pull();
  await world.agent.kill('SIGKILL');
  cable.accept();
  await until(
    async () => {
      const { body } = await world.client.get(`/api/v1/fleet/hosts/${world.host.id}`);
      return body.host?.status === 'offline';
    },
    { timeout: 20_000 },
  );
  await world.agent.restart();
  const id = await run(world.client, world.host.id, 'echo back');
  expect((await ended(world.client, id)).target.exit_code).toBe(0);
});

it('a database that does not answer keeps no server from stopping', async () => {
  cable.freeze('both');
  const asked = expect(world.client.get('/api/v1/fleet/me')).rejects.toThrow('fetch failed');
  await world.server.kill('SIGTERM');
  expect(world.server.log()).toMatch(/is the database there.*not stopped in peace/);
  await asked;
  cable.thaw();
});
