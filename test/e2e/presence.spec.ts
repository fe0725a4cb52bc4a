import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startAgent, until, type AgentFixture } from '#libs/testing/index';
import { databaseText, logLines, outcome, run, resultOf, sql, startWorld, type World } from './support.js';

const HEARTBEAT_MS = 1_000;

let world: World;

beforeAll(async () => {
  world = await startWorld({
    server: { env: { MUSTER_HEARTBEAT_SECONDS: '1', MUSTER_LOG_LEVEL: 'debug' } },
  });
  // The API may say it before the agent's log is read: a line that came later would be taken for the next connection's.
  await connectedAgain(world.agent, 0);
});

async function hostOf(id: number) {
  const { body } = await world.client.get(`/api/v1/fleet/hosts/${id}`);
  return body.host as { status: string; seen_time: string };
}

const becomes = (status: string, id: number, timeout: number) =>
  until(async () => (await hostOf(id)).status === status, { timeout, interval: 10, what: status });

const connections = (agent: AgentFixture) => logLines(agent).filter(({ msg }) => msg === 'connected').length;

/** Not the API's word: the agent's own that it has (once more) been taken. */
const connectedAgain = (agent: AgentFixture, than: number) =>
  until(() => connections(agent) > than, { interval: 5, timeout: 30_000, what: 'a new connection' });

describe('presence', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'is offline within a second of a socket that %s closed, and online within one of the next',
    async (signal) => {
      const { agent, host } = world;
      const before = connections(agent);
      await agent.kill(signal);
      await becomes('offline', host.id, 1_000);
      await agent.restart();
      await connectedAgain(agent, before);
      await becomes('online', host.id, 1_000);
      expect((await outcome(world, 'echo here')).output).toBe('here\n');
    },
  );

  it('is offline after two missed heartbeats of a frozen agent, and comes back with it', async () => {
    const { agent, host } = world;
    const before = connections(agent);
    await agent.kill('SIGSTOP');
    const frozen = Date.now();
    await becomes('offline', host.id, 2 * HEARTBEAT_MS + 500);
    expect(Date.now() - frozen).toBeGreaterThan(HEARTBEAT_MS / 2);
    const seen = (await hostOf(host.id)).seen_time;
    expect(Date.parse(seen)).toBeLessThanOrEqual(Date.now());
    const id = await run(world.client, host.id, 'echo thawed');
    await agent.kill('SIGCONT');
    await connectedAgain(agent, before);
    await becomes('online', host.id, 1_000);
    expect((await resultOf(world.client, id)).output).toBe('thawed\n');
  });

  it('is offline while the server is gone, and online again after its restart', async () => {
    const { agent, host, server, client } = world;
    const before = connections(agent);
    await server.kill('SIGKILL');
    await server.restart();
    await connectedAgain(agent, before);
    await becomes('online', host.id, 1_000);
    expect((await client.get('/api/v1/fleet/me')).status).toBe(200);
  });

  it('belongs to the newest connection: a copy of the state directory does not flap', async () => {
    const { agent, host } = world;
    expect((await outcome(world, 'echo still')).output).toBe('still\n');
    const rival = startAgent({ server: world.server, stateDir: agent.stateDir, hostname: agent.hostname });
    expect((await rival.exited).code).toBe(2);
    expect(rival.log()).toMatch(/another agent \(process \d+\) uses the state directory/);
    expect((await hostOf(host.id)).status).toBe('online');
  });
});

describe('enrolment', () => {
  const identityFile = () => path.join(world.agent.stateDir, 'identity.json');
  const identity = () => JSON.parse(readFileSync(identityFile(), 'utf8')) as Record<string, string | number>;

  it('is refused with a wrong secret: the agent says why, and waits longer each time', async () => {
    const secret = 'not-the-secret';
    const agent = startAgent({ server: { ...world.server, enrollSecret: secret } });
    const refused = await until(
      () => {
        const lines = logLines(agent).filter(({ msg }) => msg === 'not enrolled');
        return lines.length >= 3 ? lines : undefined;
      },
      { timeout: 20_000 },
    );
    refused.forEach(({ err, retry_in_ms, level }, i) => {
      expect(err).toMatch(/refused to enroll this host: the enroll secret is not \(or no longer\) valid/);
      expect(level).toBe('warn');
      expect(retry_in_ms).toBeGreaterThanOrEqual(200);
      expect(retry_in_ms).toBeLessThanOrEqual(1_000 * 2 ** i);
    });
    const times = refused.map(({ time }) => Date.parse(time as string));
    for (const i of [0, 1])
      expect(times[i + 1]! - times[i]!).toBeGreaterThanOrEqual(refused[i].retry_in_ms - 5);
    expect(agent.log()).not.toContain(secret);
    const [denied] = await sql(
      world.server,
      "SELECT details FROM audit WHERE act = 'fleet_enrolled' AND outcome = 'denied' ORDER BY id DESC LIMIT 1",
    );
    expect(denied.details.hostname).toBe(agent.hostname);
    await agent.stop();
  });

  it('keeps node keys and enroll secrets out of the database and the logs', async () => {
    const key = String(identity()['node_key']);
    const text = await databaseText(world.server);
    expect(text.includes(key)).toBe(false);
    expect(text).toContain(createHash('sha256').update(key).digest('hex'));
    for (const secret of [key, world.server.enrollSecret]) {
      expect(world.server.log().includes(secret)).toBe(false);
      expect(world.agent.log().includes(secret)).toBe(false);
    }
    expect(statSync(identityFile()).mode & 0o777).toBe(0o600);
    expect(statSync(world.agent.stateDir).mode & 0o077).toBe(0);
  });

  it('is done anew when the node key is not known, and keeps the host', async () => {
    const { agent, host } = world;
    await agent.stop();
    const before = identity();
    writeFileSync(identityFile(), JSON.stringify({ ...before, node_key: 'x'.repeat(43) }));
    const connected = connections(agent);
    await agent.restart();
    await connectedAgain(agent, connected);
    await becomes('online', host.id, 1_000);
    expect(identity()).toMatchObject({ host_id: host.id, host_uuid: host.uuid });
    expect([before['node_key'], 'x'.repeat(43)]).not.toContain(identity()['node_key']);
    expect(agent.log()).toMatch(/"err":"unknown_node_key"/);
    expect((await outcome(world, 'echo anew')).output).toBe('anew\n');
  });

  it('says why, and keeps trying, when the node key is gone and the secret is, too', async () => {
    const { agent, server } = world;
    const stranger = startAgent({ server });
    const { id } = await stranger.online();
    await stranger.stop();
    const file = path.join(stranger.stateDir, 'identity.json');
    const text = readFileSync(file, 'utf8').replace(/"node_key": "[^"]*"/, '"node_key": "forged"');
    writeFileSync(file, text);
    const again = startAgent({
      server: { ...server, enrollSecret: 'revoked' },
      stateDir: stranger.stateDir,
      hostname: stranger.hostname,
    });
    await until(() => /"err":"unknown_node_key"/.test(again.log()), { timeout: 20_000 });
    await until(() => /enroll secret is not \(or no longer\) valid/.test(again.log()), { timeout: 20_000 });
    expect((await hostOf(id)).status).toBe('offline');
    expect(agent.log()).not.toMatch(/"level":"error"/);
    await again.stop();
  });

  it('of a wiped state directory at the same place keeps the host’s id and uuid, once an operator says that it may', async () => {
    const { agent, host, server } = world;
    await agent.stop();
    for (const name of readdirSync(agent.stateDir))
      rmSync(path.join(agent.stateDir, name), { recursive: true });
    const connected = connections(agent);
    await agent.restart();
    await until(() => agent.log().includes(`muster hosts reenroll ${host.id}`), { timeout: 20_000 });
    expect(logLines(agent).at(-1)).toMatchObject({ level: 'warn', msg: 'not enrolled' });
    const said = spawnSync(process.execPath, ['bin/muster', 'hosts', 'reenroll', agent.hostname], {
      env: {
        ...process.env,
        MUSTER_NO_BUILD: '1',
        MUSTER_URL: server.url,
        MUSTER_TOKEN: world.client.bearer,
      },
      encoding: 'utf8',
    });
    expect([said.status, said.stdout]).toEqual([0, expect.stringContaining('may enroll again')]);
    await connectedAgain(agent, connected);
    await becomes('online', host.id, 1_000);
    expect(identity()).toMatchObject({ host_id: host.id, host_uuid: host.uuid });
    expect((await outcome(world, 'echo wiped')).output).toBe('wiped\n');
  });

  it('of an agent that has kept nothing but its key needs nobody’s word', async () => {
    const { agent, host } = world;
    await agent.stop();
    for (const name of readdirSync(agent.stateDir))
      if (name !== 'agent.key') rmSync(path.join(agent.stateDir, name), { recursive: true });
    expect(statSync(path.join(agent.stateDir, 'agent.key')).mode & 0o777).toBe(0o600);
    const connected = connections(agent);
    await agent.restart();
    await connectedAgain(agent, connected);
    expect(identity()).toMatchObject({ host_id: host.id });
  });

  it.each<[string, object, string]>([
    ['nothing', {}, 'enroll_secret'],
    ['a secret that is a number', { enroll_secret: 1 }, 'enroll_secret'],
    ['a machine that is no uuid', { enroll_secret: 's', hardware_uuid: 'x' }, 'hardware_uuid'],
    ['facts of text', { enroll_secret: 's', facts: 'x' }, 'facts'],
  ])('answers 400 to %s, naming the field', async (_, body, field) => {
    const { status, body: envelope } = await world.client.as().post('/api/v1/agents/enroll', body);
    expect(status).toBe(400);
    expect(envelope.errors.map(({ name }: { name: string }) => name)).toContain(field);
  });

  it('refuses an agent that speaks another protocol', async () => {
    const answer = await world.client.as().post('/api/v1/agents/enroll', {
      enroll_secret: world.server.enrollSecret,
      protocol: 999,
      agent_version: '9',
      hardware_uuid: '11111111-2222-4333-8444-555555555555',
      instance: 'x',
      hostname: 'future',
      facts: { hostname: 'future', platform: 'debian', os_version: '99', arch: 'x86_64' },
    });
    expect([answer.status, answer.body.errors[0].reason]).toEqual([422, expect.stringMatching(/protocol/)]);
    expect(await sql(world.server, "SELECT 1 FROM hosts WHERE hostname = 'future'")).toEqual([]);
  });

  it('does not fall over facts that the database cannot hold', async () => {
    const answer = await world.client.as().post('/api/v1/agents/enroll', {
      enroll_secret: world.server.enrollSecret,
      protocol: 1,
      agent_version: '9',
      hardware_uuid: '11111111-2222-4333-8444-555555555556',
      instance: 'x\0',
      hostname: 'odd\0name',
      facts: { hostname: 'odd\0\ud800', platform: 'debian', os_version: '99', arch: 'x86_64' },
    });
    expect(answer.status).toBeLessThan(500);
  });
});
