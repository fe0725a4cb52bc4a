import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { temporaryDirectory, until } from '#libs/testing/index';
import { firstOutput, lives, resultOf, run, sql, startWorld, type World } from './support.js';
import { saveScript } from './teams.js';

let world: World;
let directory: string;

beforeAll(async () => {
  world = await startWorld();
  directory = temporaryDirectory('withdrawn');
});

async function withdraw(script: number): Promise<void> {
  expect((await world.client.delete(`/api/v1/fleet/scripts/${script}`)).status).toBe(204);
}

async function start(script_id: number, sync = false) {
  const body = { host_id: world.host.id, script_id };
  if (sync) return world.client.post('/api/v1/fleet/scripts/run/sync', body);
  const answer = await world.client.post('/api/v1/fleet/scripts/run', body);
  expect(answer.status).toBe(202);
  return answer;
}

const status = async (id: string) => (await world.client.get(`/api/v1/fleet/scripts/results/${id}`)).status;
const acts = async (id: string) =>
  (await sql(world.server, 'SELECT act FROM audit WHERE execution_uuid = $1', [id])).map(({ act }) => act);

it('never runs what waits, and what comes after it goes on', async () => {
  const file = path.join(directory, 'gate');
  const script = await saveScript(world.server, 'waits.sh', 'echo never');
  const first = await run(
    world.client,
    world.host.id,
    `echo up; while [ ! -e '${file}' ]; do sleep 0.02; done`,
  );
  await firstOutput(world, first);
  const { body } = await start(script);
  const id = body.execution_id as string;
  const next = await run(world.client, world.host.id, 'echo next');
  expect(await status(id)).toBe(200);
  await withdraw(script);
  expect(await status(id)).toBe(404);
  writeFileSync(file, '');
  expect((await resultOf(world.client, next)).output).toBe('next\n');
  const { body: execution } = await world.client.get(`/api/v1/executions/${id}`);
  expect(execution.targets).toMatchObject([
    { state: 'cancelled', reason: 'script_withdrawn', started_at: null },
  ]);
  expect(await acts(id)).toEqual(['requested_script']);
});

it.each([false, true])('stops what runs, and forgets it (somebody waits: %s)', async (sync) => {
  const file = path.join(directory, `pid-${sync}`);
  const contents = `echo $$ > '${file}.new'; mv '${file}.new' '${file}'; sleep 300`;
  const script = await saveScript(world.server, 'runs.sh', contents);
  const answer = start(script, sync);
  const [target] = await until(async () => {
    const rows = await sql(
      world.server,
      `SELECT uuid FROM targets WHERE script_id = $1 AND state = 'running'`,
      [script],
    );
    return rows.length > 0 ? rows : null;
  });
  const id = target.uuid as string;
  await until(() => existsSync(file));
  const pid = Number(readFileSync(file, 'utf8'));
  await withdraw(script);
  expect(await status(id)).toBe(404);
  await until(async () => {
    const { body } = await world.client.get(`/api/v1/executions/${id}`);
    return body.targets[0].state === 'killed';
  });
  expect(await status(id)).toBe(404);
  expect((await answer).status).toBe(sync ? 404 : 202);
  expect(await acts(id)).toEqual(['requested_script']);
  expect(lives(pid)).toBe(false);
});

it('lets run what somebody has waited for in vain', async () => {
  const file = path.join(directory, 'late');
  const script = await saveScript(
    world.server,
    'late.sh',
    `while [ ! -e '${file}' ]; do sleep 0.02; done; echo late`,
  );
  const { body } = await start(script);
  const id = body.execution_id as string;
  await sql(
    world.server,
    `UPDATE executions SET created_at = now() - interval '361 s', options = options || '{"sync":true}' WHERE uuid = $1`,
    [id],
  );
  await until(
    async () =>
      (await sql(world.server, `SELECT 1 FROM targets WHERE uuid = $1 AND state = 'running'`, [id])).length >
      0,
  );
  await withdraw(script);
  expect(await status(id)).toBe(200);
  writeFileSync(file, '');
  expect(await resultOf(world.client, id)).toMatchObject({ output: 'late\n', script_id: null });
});

it('never runs what waits when the script is replaced, and runs the new contents from then on', async () => {
  const file = path.join(directory, 'replaced');
  const first = await run(
    world.client,
    world.host.id,
    `echo up; while [ ! -e '${file}' ]; do sleep 0.02; done`,
  );
  await firstOutput(world, first);
  const script = await saveScript(world.server, 'replaced.sh', 'echo old');
  const { body: old } = await start(script);
  const form = new FormData();
  form.set('script', new Blob(['echo new']), 'replaced.sh');
  expect((await world.client.patch(`/api/v1/fleet/scripts/${script}`, form)).status).toBe(200);
  const { body: fresh } = await start(script);
  writeFileSync(file, '');
  expect(await resultOf(world.client, fresh.execution_id as string)).toMatchObject({ output: 'new\n' });
  expect(await status(old.execution_id as string)).toBe(404);
});

it('ends the runs of a deleted team, with its scripts, and those of a removed host', async () => {
  const team = (await world.client.post('/api/v1/fleet/teams', { name: 'short-lived' })).body.team
    .id as number;
  const move = (id: number | null) =>
    world.client.post('/api/v1/fleet/hosts/transfer', { team_id: id, hosts: [world.host.id] });
  await move(team);
  const script = await saveScript(world.server, 'of-team.sh', 'echo never', team);
  const first = await run(world.client, world.host.id, 'echo up; sleep 300');
  await firstOutput(world, first);
  const { body } = await start(script);
  expect((await world.client.delete(`/api/v1/fleet/teams/${team}`)).status).toBe(200);
  expect(await status(body.execution_id as string)).toBe(404);
  const waiting = await run(world.client, world.host.id, 'echo never');
  await world.agent.kill();
  expect((await world.client.delete(`/api/v1/fleet/hosts/${world.host.id}`)).status).toBe(200);
  const states = async (id: string) => (await world.client.get(`/api/v1/executions/${id}`)).body.counts;
  expect(await states(first)).toEqual({ lost: 1 });
  expect(await states(waiting)).toEqual({ cancelled: 1 });
});
