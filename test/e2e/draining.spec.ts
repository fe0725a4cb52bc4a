import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryDirectory } from '#libs/testing/index';
import { chunksOf, ended, firstOutput, run, sql, startWorld, bytesOf, type World } from './support.js';

/* A host that is drained: what it has begun goes on, what comes waits until it is put back. */

let world: World;

beforeAll(async () => {
  world = await startWorld({ agent: { hostname: 'web-01' } });
});

const drain = async (): Promise<void> => {
  expect((await world.client.post('/api/agent/web-01/drain')).status).toBe(200);
};
const undrain = async (): Promise<void> => {
  expect((await world.client.post('/api/agent/web-01/undrain')).status).toBe(200);
};
const stateOfAgent = async (): Promise<string> =>
  (await world.client.get('/api/agent/web-01')).body.state as string;
const stateOf = async (id: string): Promise<string> =>
  (await world.client.get(`/api/v1/executions/${id}`)).body.targets[0].state as string;

it('starts nothing that is asked for meanwhile, and starts it when the host is back', async () => {
  await drain();
  const first = await run(world.client, world.host.id, 'echo first');
  const second = await run(world.client, world.host.id, 'echo second');
  // A live query passes through the same agent, after whatever the server had to send it.
  const { body } = await world.client.post(`/api/v1/fleet/hosts/${world.host.id}/query`, {
    query: 'SELECT 1 AS one',
  });
  expect(body.rows).toEqual([{ one: '1' }]);
  expect([await stateOf(first), await stateOf(second)]).toEqual(['queued', 'queued']);
  await undrain();
  expect((await ended(world.client, first)).target.state).toBe('finished');
  expect((await ended(world.client, second)).target.state).toBe('finished');
  const [{ inOrder }] = await sql(
    world.server,
    `SELECT a.dispatched_at < b.dispatched_at AS "inOrder" FROM targets a, targets b WHERE a.uuid = $1 AND b.uuid = $2`,
    [first, second],
  );
  expect(inOrder).toBe(true);
});

it('lets what runs go on, and is cordoned when it has ended', async () => {
  const gate = join(temporaryDirectory('gate'), 'open');
  const script = `echo begun; while [ ! -e ${gate} ]; do sleep 0.05; done; echo done`;
  const running = await run(world.client, world.host.id, script);
  await firstOutput(world, running);
  await drain();
  expect(await stateOfAgent()).toBe('Draining');
  const waiting = await run(world.client, world.host.id, 'echo later');
  await writeFile(gate, '');
  expect((await ended(world.client, running)).target).toMatchObject({ state: 'finished', exit_code: 0 });
  expect(bytesOf(await chunksOf(world.client, running)).toString()).toMatch(/done\n$/);
  // Its end has made room in the lane: what waits behind it stays where it is.
  expect(await stateOfAgent()).toBe('Cordoned');
  expect(await stateOf(waiting)).toBe('queued');
  await undrain();
  expect((await ended(world.client, waiting)).target.state).toBe('finished');
});

it('is kept when the agent comes back', async () => {
  await drain();
  const waiting = await run(world.client, world.host.id, 'echo later');
  await world.agent.restart();
  await world.agent.online();
  expect(await stateOfAgent()).toBe('Cordoned');
  expect(await stateOf(waiting)).toBe('queued');
  await undrain();
  expect((await ended(world.client, waiting)).target.state).toBe('finished');
});

it('is written down with who has done it', async () => {
  const rows = await sql(
    world.server,
    `SELECT act, email, host_id, details FROM audit WHERE act IN ('drained_host', 'undrained_host') ORDER BY id LIMIT 2`,
  );
  const details = { host_id: world.host.id, host_display_name: 'web-01', team_id: null };
  const { email } = world.server.admin;
  expect(rows).toEqual([
    { act: 'drained_host', email, host_id: world.host.id, details },
    { act: 'undrained_host', email, host_id: world.host.id, details },
  ]);
});

it('happens once when two ask at the same moment', async () => {
  const answers = await Promise.all([1, 2, 3].map(() => world.client.post('/api/agent/web-01/drain')));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
  await undrain();
});
