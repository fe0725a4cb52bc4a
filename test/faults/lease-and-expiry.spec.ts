import { readFileSync, writeFileSync } from 'node:fs';
import {
  type AgentFixture,
  type HostRef,
  startAgent,
  startProxy,
  type TcpProxy,
  until,
} from '#libs/testing/index';
import { readJournal } from './support/journals.js';
import { countIn, countOf, Lab, lives } from './support/lab.js';
import { expectLawfulTransitions, inDatabase } from './support/transitions.js';

const LEASE_SECONDS = 5;

describe('time', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.open({
      env: { MUSTER_LEASE_SECONDS: String(LEASE_SECONDS), MUSTER_HEARTBEAT_SECONDS: '60' },
    });
  });
  afterAll(() => expectLawfulTransitions(lab.databaseUrl));

  async function behindProxy(): Promise<{ proxy: TcpProxy; agent: AgentFixture; host: HostRef }> {
    const proxy = await startProxy(lab.server.url);
    const agent = startAgent({ server: lab.through(proxy) });
    return { proxy, agent, host: await lab.online(agent) };
  }

  function change(text: string): Promise<unknown> {
    return inDatabase(lab.databaseUrl, (client) => client.query(text));
  }

  /** A script that tells its process id, and stays. */
  async function stay(host: HostRef, name: string): Promise<{ uuid: string; pid: number; counter: string }> {
    const [counter, file] = [lab.counter(name), lab.counter(`${name}-pid`)];
    const uuid = await lab.run(
      host.id,
      `${countIn(counter)}echo $$ > '${file}'\necho begun\nexec sleep 300\n`,
    );
    await until(async () => (await lab.output(uuid)).stdout === 'begun\n', { what: `${name} has begun` });
    return { uuid, pid: Number(readFileSync(file, 'utf8')), counter };
  }

  it('an agent that is killed and stays away loses what it ran when the lease ends, and for good', async () => {
    const agent = startAgent({ server: lab.server });
    const host = await agent.online();
    const { uuid, pid, counter } = await stay(host, 'silent');
    const killedAt = Date.now();
    await agent.kill();
    const lost = await lab.reaches(uuid, ['lost']);
    expect(lost).toMatchObject({ reason: 'agent_silent' });
    expect(Date.now() - killedAt).toBeGreaterThanOrEqual(LEASE_SECONDS * 1000);
    expect(lives(pid)).toBe(true);
    const next = await lab.run(host.id, 'echo next\n');

    await agent.restart();
    await lab.reaches(next, ['finished']);
    expect(lives(pid)).toBe(false);
    expect(await lab.target(uuid)).toEqual(lost);
    expect(countOf(counter)).toBe(1);
    await until(() => readJournal(agent.stateDir).ended.size >= 1);
  });

  it('an agent that was cut off for longer than the lease is told what is stale, and keeps the rest', async () => {
    const { proxy, agent, host } = await behindProxy();
    const stale = await stay(host, 'stale');
    const kept = await lab.run(
      host.id,
      `echo begun\nuntil [ -e '${lab.counter('kept-go')}' ]; do sleep 0.02; done\n`,
    );
    // In the other lane it need not wait for the first one.
    await change(`UPDATE targets SET lane = 'parallel' WHERE uuid = '${kept}'`);
    await change(`UPDATE executions SET lease_seconds = 3600 WHERE uuid = '${kept}'`);
    await lab.reaches(kept, ['running']);
    proxy.refuse();
    proxy.cut();
    const lost = await lab.reaches(stale.uuid, ['lost']);
    expect(lost).toMatchObject({ reason: 'agent_silent' });
    expect(await lab.target(kept)).toMatchObject({ state: 'running' });
    expect(lives(stale.pid)).toBe(true);

    proxy.accept();
    await until(() => !lives(stale.pid), { what: 'the end of the stale one', timeout: 30_000 });
    // Its words come through a pipe of their own.
    await until(() => agent.log().includes('the server does not count this attempt any more'), {
      what: 'the agent’s word about it',
    });
    writeFileSync(lab.counter('kept-go'), '');
    expect(await lab.reaches(kept, ['finished'])).toMatchObject({ exit_code: 0 });
    expect(await lab.target(stale.uuid)).toEqual(lost);
  }, 90_000);

  it("the lease counts the agent's absence, not the server's: a result outlives a longer stop of the server", async () => {
    const { proxy, agent, host } = await behindProxy();
    const [counter, go] = [lab.counter('absent'), lab.counter('absent-go')];
    const uuid = await lab.run(
      host.id,
      `${countIn(counter)}until [ -e '${go}' ]; do sleep 0.02; done\necho end\n`,
    );
    await lab.reaches(uuid, ['running']);
    proxy.refuse();
    proxy.cut();
    const away = async (): Promise<boolean> =>
      (await lab.api.get(`/api/v1/fleet/hosts/${host.id}`)).body.host.status === 'offline';
    await until(away, { what: 'the host is known to be offline' });
    await lab.server.kill();
    writeFileSync(go, '');
    await until(() => readJournal(agent.stateDir).ended.size === 1, { what: 'the end in the journal' });
    // As if the server had been down for longer than the lease, which leaves time to come back.
    const longer = 25;
    await change(`UPDATE executions SET lease_seconds = ${longer} WHERE uuid = '${uuid}'`);
    await change(`UPDATE hosts SET seen_at = seen_at - interval '${longer} seconds' WHERE id = ${host.id}`);
    await change(
      `UPDATE targets SET dispatched_at = dispatched_at - interval '${longer} seconds' WHERE uuid = '${uuid}'`,
    );
    await lab.server.restart();
    // Later than the first look of a server that has just started.
    const reachable = setTimeout(() => proxy.accept(), 2_500);
    try {
      await agent.kill();
      await agent.restart();
      expect(await lab.reaches(uuid, ['finished'])).toMatchObject({ exit_code: 0 });
    } finally {
      clearTimeout(reachable);
    }
    expect(countOf(counter)).toBe(1);
  });

  it('an order that expires on its way is never started: lost on the way', async () => {
    const { proxy, host } = await behindProxy();
    const counter = lab.counter('expired-lost');
    proxy.freeze('fromServer');
    const uuid = await lab.run(host.id, countIn(counter), { expires_in: 1 });
    await lab.reaches(uuid, ['dispatched']);
    const asked = `SELECT 1 FROM targets WHERE uuid = '${uuid}' AND stop_reason = 'expired'`;
    await until(async () => ((await change(asked)) as { rows: unknown[] }).rows.length === 1, {
      what: 'the server asks about it',
    });
    expect(await lab.target(uuid)).toMatchObject({ state: 'dispatched' });
    proxy.cut();
    proxy.thaw();
    expect(await lab.reaches(uuid, ['expired'])).toMatchObject({ started_at: null });
    await lab.reaches(await lab.run(host.id, 'true\n'), ['finished']);
    expect(countOf(counter)).toBe(0);
  });

  it('an order that expires on its way is never started: arriving late', async () => {
    const { proxy, host } = await behindProxy();
    const counter = lab.counter('expired-late');
    proxy.freeze('fromServer');
    const uuid = await lab.run(host.id, countIn(counter), { expires_in: 1 });
    const { expires_at: expiresAt } = (await lab.api.get(`/api/v1/executions/${uuid}`)).body;
    await until(() => Date.now() > Date.parse(expiresAt) + 200, { what: 'its expiry' });
    proxy.thaw();
    expect(await lab.reaches(uuid, ['expired'])).toMatchObject({ started_at: null });
    await lab.reaches(await lab.run(host.id, 'true\n'), ['finished']);
    expect(countOf(counter)).toBe(0);
  });

  it('what started in time runs to its end, though it expired before the server knew', async () => {
    const { proxy, host } = await behindProxy();
    const [counter, go] = [lab.counter('in-time'), lab.counter('in-time-go')];
    proxy.freeze('fromClient');
    const uuid = await lab.run(host.id, `${countIn(counter)}until [ -e '${go}' ]; do sleep 0.02; done\n`, {
      expires_in: 2,
    });
    await until(() => countOf(counter) === 1, { what: 'the start' });
    const { expires_at: expiresAt } = (await lab.api.get(`/api/v1/executions/${uuid}`)).body;
    await until(() => Date.now() > Date.parse(expiresAt) + 1_500, {
      what: 'its expiry, and a look of the server',
    });
    proxy.cut();
    proxy.thaw();
    await lab.reaches(uuid, ['running']);
    writeFileSync(go, '');
    expect(await lab.reaches(uuid, ['finished'])).toMatchObject({ exit_code: 0 });
    expect(countOf(counter)).toBe(1);
  });

  it('what expired while its host was away never runs', async () => {
    const agent = startAgent({ server: lab.server });
    const { id } = await agent.online();
    await agent.stop();
    const counter = lab.counter('expired-away');
    const uuid = await lab.run(id, countIn(counter), { expires_in: 1 });
    expect(await lab.reaches(uuid, ['expired'])).toMatchObject({ reason: 'expired' });
    await agent.restart();
    await lab.reaches(await lab.run(id, 'true\n'), ['finished']);
    expect(countOf(counter)).toBe(0);
  });
});
