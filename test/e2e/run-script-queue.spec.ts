import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startAgent, temporaryDirectory, until } from '#libs/testing/index';
import { ended, firstOutput, lives, resultOf, run, sql, startWorld, type World } from './support.js';

let world: World;
let directory: string;

beforeAll(async () => {
  world = await startWorld();
  directory = temporaryDirectory('queue');
});

const result = (id: string) => world.client.get(`/api/v1/fleet/scripts/results/${id}`);
const cancel = (id: string) => world.client.post(`/api/v1/executions/${id}/cancel`);
const stateOf = async (id: string) =>
  (await world.client.get(`/api/v1/executions/${id}`)).body.targets[0].state as string;

/** A script that runs until the file is there. */
const blocker = (file: string) =>
  `echo started; while [ ! -e '${file}' ]; do sleep 0.02; done; echo released`;

/** Keeps the lane of the host busy until `release` is called. */
async function busy(): Promise<{ id: string; release: () => void }> {
  const file = path.join(directory, `gate-${Math.random().toString(36).slice(2)}`);
  const id = await run(world.client, world.host.id, blocker(file));
  expect(await firstOutput(world, id)).toBe('started\n');
  return { id, release: () => writeFileSync(file, '') };
}

describe('the queue of a host', () => {
  it('runs scripts one after another in the order asked for; a failure cancels nothing', async () => {
    const file = path.join(directory, 'order');
    const ids: string[] = [];
    for (let i = 0; i < 20; i += 1) {
      const lock = `mkdir '${file}.lock' || exit 99; echo ${i} >> '${file}'; rmdir '${file}.lock'`;
      const end = [`exit ${i % 3}`, '#', 'kill -9 $$'][i % 3];
      ids.push(await run(world.client, world.host.id, `${lock}\n${end}`));
    }
    const missing = await run(world.client, world.host.id, '#!/no/such/thing');
    const last = await run(world.client, world.host.id, `echo last >> '${file}'`);
    expect((await resultOf(world.client, last)).exit_code).toBe(0);
    expect((await resultOf(world.client, missing)).exit_code).toBe(-1);
    const order = readFileSync(file, 'utf8').trim().split('\n');
    expect(order).toEqual([...ids.keys(), 'last'].map(String));
    const codes = await Promise.all(ids.map(async (id) => (await resultOf(world.client, id)).exit_code));
    expect(codes).toEqual(ids.map((_, i) => [0, 0, 137][i % 3]));
    const targets = await Promise.all(ids.map(async (id) => (await ended(world.client, id)).target));
    targets.slice(1).forEach((target, i) => {
      expect(Date.parse(target.started_at)).toBeGreaterThanOrEqual(Date.parse(targets[i].started_at));
      expect(target.id).toBeGreaterThan(targets[i].id);
    });
  });

  it('tells who waits that there is no result yet', async () => {
    const { id, release } = await busy();
    const waiting = await run(world.client, world.host.id, 'echo second');
    for (const open of [id, waiting]) {
      const { status, body } = await result(open);
      expect(status).toBe(200);
      expect(body).toMatchObject({
        exit_code: null,
        message: 'Script is running or will run when the host comes online.',
        host_timeout: false,
        host_id: world.host.id,
        execution_id: open,
      });
    }
    expect([await stateOf(id), await stateOf(waiting)]).toEqual(['running', 'queued']);
    release();
    expect((await resultOf(world.client, waiting)).output).toBe('second\n');
    expect((await resultOf(world.client, id)).output).toBe('started\nreleased\n');
  });

  it('refuses the 1001st script that waits', async () => {
    const agent = startAgent({ server: world.server });
    const { id: hostId } = await agent.online();
    await agent.stop();
    const first = await run(world.client, hostId, 'true');
    // 998 more of the same, without 998 requests.
    await sql(
      world.server,
      `WITH e AS (
         INSERT INTO executions (uuid, kind, requested_by_email, content_sha256, timeout_seconds, grace_seconds,
           output_cap_bytes, lease_seconds)
         SELECT gen_random_uuid(), kind, requested_by_email, content_sha256, timeout_seconds, grace_seconds,
           output_cap_bytes, lease_seconds FROM executions, generate_series(1, 998) WHERE uuid = $1 RETURNING id, uuid
       ) INSERT INTO targets (uuid, execution_id, host_id, lane, state) SELECT uuid, id, $2, 'serial', 'queued' FROM e`,
      [first, hostId],
    );
    await run(world.client, hostId, 'echo the thousandth');
    const { status, body } = await world.client.post('/api/v1/fleet/scripts/run', {
      host_id: hostId,
      script_contents: 'true',
    });
    expect(status).toBe(409);
    expect(body.errors).toEqual([
      { name: 'script_id', reason: 'cannot queue more than 1000 scripts per host' },
    ]);
    const other = await run(world.client, world.host.id, 'echo other hosts go on');
    expect((await resultOf(world.client, other)).exit_code).toBe(0);
  });
});

describe('cancel', () => {
  it('while it waits: it never runs, and its result is a 404', async () => {
    const { release } = await busy();
    const file = path.join(directory, 'must-not-be');
    const id = await run(world.client, world.host.id, `touch '${file}'`);
    const next = await run(world.client, world.host.id, 'echo next');
    const { status, body } = await cancel(id);
    expect(status).toBe(202);
    expect(body).toMatchObject({ id, counts: { cancelled: 1 } });
    expect(body.targets[0]).toMatchObject({
      state: 'cancelled',
      reason: 'cancel_requested',
      message: `cancelled by ${world.server.admin.email}`,
    });
    const gone = await result(id);
    expect(gone.status).toBe(404);
    expect(gone.body.errors).toEqual([
      { name: 'base', reason: `HostScriptResult ${id} was not found in the datastore` },
    ]);
    release();
    expect((await resultOf(world.client, next)).output).toBe('next\n');
    expect(existsSync(file)).toBe(false);
    expect(await stateOf(id)).toBe('cancelled');
  });

  it('while it runs: it is killed, and its result says by whom', async () => {
    const id = await run(world.client, world.host.id, 'echo $$; sleep 300 & wait');
    const pid = Number(await firstOutput(world, id));
    expect(lives(pid)).toBe(true);
    expect((await cancel(id)).status).toBe(202);
    const { target } = await ended(world.client, id);
    expect(target).toMatchObject({ state: 'killed', reason: 'cancel_requested', signal: 15 });
    expect(lives(pid)).toBe(false);
    expect((await result(id)).body).toMatchObject({
      exit_code: -1,
      output: `${pid}\n`,
      message: `The script was stopped by ${world.server.admin.email}.`,
    });
  });
});

describe('expiry and hosts that are away', () => {
  it('gives an offline host its scripts in order when it returns, and none that expired', async () => {
    const agent = startAgent({ server: world.server });
    const { id: hostId } = await agent.online();
    await agent.stop();
    const file = path.join(directory, 'returned');
    const add = (word: string) => `echo ${word} >> '${file}'`;
    const first = await run(world.client, hostId, add('first'));
    const expiring = await run(world.client, hostId, add('expired'), { expires_in: 1 });
    const patient = await run(world.client, hostId, add('patient'), { expires_in: 3600 });
    const cancelled = await run(world.client, hostId, add('cancelled'));
    const last = await run(world.client, hostId, add('last'));
    await cancel(cancelled);
    const { execution, target } = await ended(world.client, expiring);
    expect(target).toMatchObject({ state: 'expired', reason: 'expired', started_at: null });
    expect(Date.parse(execution.expires_at) - Date.parse(execution.created_at)).toBe(1_000);
    expect((await result(expiring)).body).toMatchObject({
      exit_code: -1,
      output: '',
      message: 'The request expired before the host came online; the script did not run.',
    });
    expect([await stateOf(first), await stateOf(last)]).toEqual(['queued', 'queued']);
    expect(existsSync(file)).toBe(false);
    await agent.restart();
    for (const id of [first, patient, last]) expect((await resultOf(world.client, id)).exit_code).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe('first\npatient\nlast\n');
    expect(await stateOf(expiring)).toBe('expired');
    await agent.stop();
  });

  it('expires what waits behind another script, but not what has started', async () => {
    const { release } = await busy();
    const late = await run(world.client, world.host.id, 'echo too late', { expires_in: 1 });
    expect((await ended(world.client, late)).target.state).toBe('expired');
    release();
    const long = await run(world.client, world.host.id, 'echo begun; sleep 2.5; echo done', {
      expires_in: 1,
    });
    expect(await resultOf(world.client, long)).toMatchObject({ exit_code: 0, output: 'begun\ndone\n' });
  });

  it('says -2 where the agent came back with scripts disabled', async () => {
    const agent = startAgent({ server: world.server });
    const { id: hostId } = await agent.online();
    await agent.stop();
    const id = await run(world.client, hostId, 'echo no');
    const { stateDir, hostname } = agent;
    const strict = startAgent({ server: world.server, stateDir, hostname, args: ['--disable-scripts'] });
    expect(await resultOf(world.client, id)).toMatchObject({
      exit_code: -2,
      output: 'Scripts are disabled',
      message:
        'Scripts are disabled for this host. To run scripts, deploy the fleetd agent with scripts enabled.',
    });
    expect((await ended(world.client, id)).target).toMatchObject({
      state: 'failed_to_start',
      reason: 'scripts_disabled',
    });
    await strict.stop();
  });

  it('lets only the interpreters run that the agent’s operator allows', async () => {
    const agent = startAgent({ server: world.server, env: { MUSTER_SCRIPT_INTERPRETERS: 'sh,/bin/cat' } });
    const { id: hostId } = await agent.online();
    const outcomes = await Promise.all(
      ['echo sh', '#!/bin/cat\nthis', '#!/bin/bash\necho no', '#!/usr/bin/env bash\necho no'].map(
        async (text) => {
          const { target } = await ended(world.client, await run(world.client, hostId, text));
          return target.reason ?? target.state;
        },
      ),
    );
    expect(outcomes).toEqual(['finished', 'finished', 'interpreter_not_allowed', 'interpreter_not_allowed']);
    await agent.stop();
  });

  it('ends what runs when the agent is asked to stop, and says why', async () => {
    const agent = startAgent({ server: world.server });
    const { id: hostId } = await agent.online();
    const id = await run(world.client, hostId, 'echo $$; sleep 300');
    const pid = Number(await firstOutput(world, id));
    expect((await agent.stop()).code).toBe(0);
    expect(lives(pid)).toBe(false);
    const { target } = await ended(world.client, id);
    expect(target).toMatchObject({ state: 'killed', reason: 'agent_shutdown' });
    expect((await result(id)).body).toMatchObject({ exit_code: -1, output: `${pid}\n` });
    await until(async () => {
      const { body } = await world.client.get(`/api/v1/fleet/hosts/${hostId}`);
      return body.host.status === 'offline';
    });
  });
});
