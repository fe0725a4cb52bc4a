import { spawnSync } from 'node:child_process';
import { chownSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { postgresProcessesIn } from '#libs/platform/database/embedded/processes';
import {
  api,
  startAgent,
  startServer,
  temporaryDirectory,
  until,
  type Api,
  type ServerFixture,
} from '#libs/testing/index';
import { bytesOf, chunksOf, ended, firstOutput, follow, lives, outcome, run } from './support.js';

const repository = path.resolve(import.meta.dirname, '../..');
const NOBODY = { uid: 65534, gid: 65534 };

/** Whether an ordinary user can run this checkout at all; one below a private home cannot be. */
function reachable(user: { uid: number; gid: number }): boolean {
  if (process.getuid?.() !== 0) return false;
  const script = `await import(${JSON.stringify(path.join(repository, 'scripts/source-stamp.mjs'))})`;
  return (
    spawnSync(process.execPath, ['--input-type=module', '-e', script], { ...user, cwd: '/' }).status === 0
  );
}

const users = [
  { who: process.getuid?.() === 0 ? 'root' : 'this user', user: undefined, skip: false },
  { who: 'an ordinary user', user: NOBODY, skip: !reachable(NOBODY) },
];

describe.each(users)('a server with its own PostgreSQL, run by $who', ({ user, skip }) => {
  const test = skip ? it.skip : it;
  let server: ServerFixture;
  let client: Api;
  let dataDir: string;
  const cluster = () => path.join(dataDir, 'postgres', 'cluster');

  if (!skip)
    beforeAll(async () => {
      dataDir = temporaryDirectory('embedded');
      if (user) chownSync(dataDir, user.uid, user.gid);
      server = await startServer({ databaseUrl: 'embedded', dataDir, user });
      client = await api(server).login();
    });

  test('keeps its data and secrets to itself', () => {
    const uid = user?.uid ?? process.getuid?.();
    expect(statSync(`/proc/${server.pid}`).uid).toBe(uid);
    const postgres = postgresProcessesIn(cluster());
    expect(postgres.length).toBeGreaterThan(3);
    for (const pid of postgres) expect(statSync(`/proc/${pid}`).uid).not.toBe(0);
    expect(statSync(path.join(dataDir, 'postgres')).mode & 0o077).toBe(0);
    for (const name of ['postgres/password', 'enroll-secret'])
      expect({ name, mode: statSync(path.join(dataDir, name)).mode & 0o777 }).toEqual({ name, mode: 0o600 });
    const password = readFileSync(path.join(dataDir, 'postgres/password'), 'utf8').trim();
    expect(password.length).toBeGreaterThan(20);
    expect(server.log()).not.toContain(password);
    const listeners = spawnSync('ss', ['-ltnHp'], { encoding: 'utf8' }).stdout ?? '';
    for (const line of listeners.split('\n').filter((text) => text.includes('"postgres"')))
      expect(line).toMatch(/(127\.0\.0\.1|\[::1\]):/);
  });

  test('finds everything again after kill -9 of server and PostgreSQL in the middle of a result', async () => {
    const agent = startAgent({ server });
    const host = await agent.online();
    const world = { server, client, agent, host };
    const settled = await outcome(world, 'echo settled; exit 3');
    const lines = 150;
    const id = await run(
      client,
      host.id,
      `for i in $(seq ${lines}); do echo "line $i"; sleep 0.005; done; exit 9`,
    );
    const queued = await run(client, host.id, 'echo queued');
    await firstOutput(world, id);
    let seen = 0;
    // The stream breaks off under our hands: that is the point.
    const cut = (async () => {
      for await (const { event } of follow(world, id)) if (event === 'chunk') seen += 1;
    })().catch(() => undefined);
    await until(() => seen > 3, { interval: 1 });
    const before = postgresProcessesIn(cluster());
    expect(before.length).toBeGreaterThan(3);
    process.kill(server.pid, 'SIGKILL');
    for (const pid of before) process.kill(pid, 'SIGKILL');
    await server.exited;
    await cut;
    for (const pid of before) await until(() => !lives(pid), { what: `the end of PostgreSQL ${pid}` });
    await server.restart();

    expect((await client.get('/api/v1/fleet/me')).body.user.email).toBe(server.admin.email);
    const { target } = await ended(client, id);
    expect(target).toMatchObject({ state: 'finished', exit_code: 9, truncated: false });
    const text = Array.from({ length: lines }, (_, i) => `line ${i + 1}\n`).join('');
    const chunks = await chunksOf(client, id);
    expect(bytesOf(chunks).toString()).toBe(text);
    expect(chunks.map(({ seq }) => seq)).toEqual(chunks.map((_, i) => i + 1));
    expect((await ended(client, queued)).target.exit_code).toBe(0);
    const again = await client.get(`/api/v1/fleet/scripts/results/${settled.execution_id}`);
    expect(again.body).toEqual(settled);
    expect((await client.get(`/api/v1/fleet/hosts/${host.id}`)).body.host).toMatchObject({
      id: host.id,
      uuid: host.uuid,
      hostname: agent.hostname,
    });
    expect(postgresProcessesIn(cluster()).filter((pid) => before.includes(pid))).toEqual([]);
    await agent.stop();
  });

  test('takes its PostgreSQL with it when it is asked to stop, and the next start finds the data', async () => {
    const { code } = await server.stop();
    expect(code).toBe(0);
    expect(postgresProcessesIn(cluster())).toEqual([]);
    await server.restart();
    const { body } = await client.get('/api/v1/executions');
    expect(body.executions).toHaveLength(3);
  });

  test('survives the end of its PostgreSQL alone', async () => {
    const [postmaster] = readFileSync(path.join(cluster(), 'postmaster.pid'), 'utf8').split('\n').map(Number);
    process.kill(postmaster!, 'SIGKILL');
    await until(() => !lives(postmaster!));
    await until(async () => (await client.get('/readyz')).status === 200, { timeout: 20_000 });
    expect((await client.get('/api/v1/executions')).body.executions).toHaveLength(3);
    expect(server.log()).toMatch(/PostgreSQL ended unexpectedly/);
  });
});
