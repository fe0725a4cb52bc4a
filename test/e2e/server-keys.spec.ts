import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { startAgent, startServer, type ServerFixture, temporaryDirectory, until } from '#libs/testing/index';
import { databaseText, outcome, sql, startWorld, type World } from './support.js';

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

/** `muster server …`, which needs no running server. */
function muster(server: Pick<ServerFixture, 'dataDir'>, ...args: string[]): string[] {
  const env = { ...inherited(), MUSTER_DATA_DIR: server.dataDir };
  const { status, stdout, stderr } = spawnSync(process.execPath, ['bin/muster', 'server', ...args], {
    env,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`muster server ${args.join(' ')}: ${stderr}`);
  return stdout.trimEnd().split('\n');
}

function inherited(): Record<string, string | undefined> {
  return { PATH: process.env['PATH'], MUSTER_NO_BUILD: '1' };
}

function pins(stateDir: string): { id: string; until?: number }[] {
  const text = readFileSync(path.join(stateDir, 'server-keys.json'), 'utf8');
  return (JSON.parse(text) as { keys: { id: string; until?: number }[] }).keys;
}

async function isOnline(hostname: string): Promise<boolean> {
  const rows = await sql(world.server, 'SELECT online FROM hosts WHERE hostname = $1', [hostname]);
  return rows[0]?.online === true;
}

it('the server’s key is what agents pin, and is nowhere in the database', async () => {
  const [line] = muster(world.server, 'key');
  const [id, key] = line!.split(/\s+/);
  expect(pins(world.agent.stateDir)).toEqual([{ id, public_key: key }]);
  const text = await databaseText(world.server);
  const pem = readFileSync(path.join(world.server.dataDir, 'signing.key'), 'utf8');
  expect(text).not.toContain(pem.split('\n')[1]);
});

it('an agent that was enrolled before servers signed pins the key that it hears of first', async () => {
  const { agent } = world;
  const before = pins(agent.stateDir);
  await agent.stop();
  rmSync(path.join(agent.stateDir, 'server-keys.json'));
  await agent.restart();
  await agent.online();
  expect(await outcome(world, 'echo hello')).toMatchObject({ exit_code: 0, output: 'hello\n' });
  expect(pins(agent.stateDir)).toEqual(before);
  expect(agent.log()).toContain('enrolled before servers signed');
});

it('a new key is taken on the word of the one before, by agents that were away meanwhile, too', async () => {
  const { server, agent } = world;
  const away = startAgent({ server });
  await away.online();
  await away.stop();
  const [old] = pins(agent.stateDir);
  muster(server, 'rotate-key');
  await server.stop();
  await server.restart();
  await agent.online();
  const [current] = muster(server, 'key').map((line) => line.split(/\s+/)[0]);
  expect(current).not.toBe(old!.id);
  expect(pins(agent.stateDir)).toMatchObject([{ id: current }, { id: old!.id, until: expect.any(Number) }]);
  expect(await outcome(world, 'echo new')).toMatchObject({ exit_code: 0, output: 'new\n' });

  await away.restart();
  const host = await away.online();
  expect(await outcome({ ...world, host }, 'echo back')).toMatchObject({ exit_code: 0, output: 'back\n' });
  expect(pins(away.stateDir)[0]).toMatchObject({ id: current });
  await away.stop();

  // The key of before has gone: nobody believes it any more.
  rmSync(path.join(server.dataDir, 'signing-previous.key'));
  await server.stop();
  await server.restart();
  await agent.online();
  expect(await outcome(world, 'echo on')).toMatchObject({ exit_code: 0 });
  expect(pins(agent.stateDir).map(({ id }) => id)).toEqual([current]);
});

it('an agent that is given the server’s key takes no other', async () => {
  const { server } = world;
  const [id] = muster(server, 'key')[0]!.split(/\s+/);
  const told = startAgent({ server, args: ['--server-key', id!] });
  await told.online();
  await told.stop();
  const misled = startAgent({ server, args: ['--server-key', '0123456789abcdef'] });
  await until(() => misled.log().includes('is not the one that this agent trusts (0123456789abcdef)'), {
    what: 'a refusal',
  });
  expect(await isOnline(misled.hostname)).toBe(false);
  await misled.stop();
});

it('a server with another key, and all else that the right one has, is refused; that is in the record', async () => {
  const { server, agent, host } = world;
  await server.stop();
  // The same database and data directory, and another key in the environment.
  const elsewhere = temporaryDirectory('key');
  muster({ dataDir: elsewhere }, 'key');
  const other = await startServer({
    databaseUrl: server.databaseUrl!,
    dataDir: server.dataDir,
    env: {
      MUSTER_PORT: new URL(server.url).port,
      MUSTER_SIGNING_KEY: readFileSync(path.join(elsewhere, 'signing.key'), 'utf8'),
      MUSTER_ENROLL_SECRET: server.enrollSecret,
    },
  });
  const refused = async () =>
    (
      await sql(server, `SELECT outcome, details FROM audit WHERE act = 'refused_order' AND host_id = $1`, [
        host.id,
      ])
    )[0];
  await until(async () => (await refused()) !== undefined, {
    what: 'the refusal in the record',
    // It may have waited for the server more than once, and longer each time.
    timeout: 60_000,
  });
  expect(await refused()).toMatchObject({
    outcome: 'denied',
    details: { code: 'unknown_key', type: 'hello', hostname: agent.hostname },
  });
  await other.stop();
  await server.restart();
  await agent.online();
  expect(await outcome(world, 'echo again')).toMatchObject({ exit_code: 0 });
});
