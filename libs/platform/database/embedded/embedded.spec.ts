import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { jest } from '@jest/globals';
import pg from 'pg';
import { compileFolder } from '../../../testing/compiled.js';
import type { OwnerOptions } from '../../../testing/embedded-owner.js';
import { EmbeddedPostgresError, startEmbeddedPostgres, type EmbeddedPostgres } from './index.js';
import { clusterDirectory } from './cluster.js';
import { holdsWithin, isPostgresIn, postgresProcessesIn } from './processes.js';

const root = process.getuid?.() === 0;
const NOBODY = 65534;

let compiled: string;
let directory: string;
let dataDir: string;
let log: string[];
let running: EmbeddedPostgres[];
let children: ChildProcess[];

beforeAll(() => {
  compiled = compileFolder('libs/platform/database/embedded', 'libs/testing/embedded-owner.ts');
});
afterAll(() => rmSync(compiled, { recursive: true, force: true }));

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'muster-embedded-'));
  dataDir = path.join(directory, 'postgres');
  log = [];
  running = [];
  children = [];
});
afterEach(async () => {
  await Promise.all(running.map((database) => database.stop()));
  for (const child of children) child.kill('SIGKILL');
  if (existsSync(clusterDirectory(dataDir))) {
    for (const pid of postgresProcessesIn(clusterDirectory(dataDir))) process.kill(pid, 'SIGKILL');
    await holdsWithin(5000, () => postgresProcessesIn(clusterDirectory(dataDir)).length === 0);
  }
  rmSync(directory, { recursive: true, force: true });
});

async function start(options: { flags?: string[]; onFatal?: (error: Error) => void } = {}) {
  const database = await startEmbeddedPostgres({
    dataDir,
    log: (level, message) => log.push(`${level} ${message}`),
    ...options,
  });
  running.push(database);
  return database;
}

/** Starts a process of its own that owns the database; answers what it printed. */
async function startOwner(user?: { uid: number; gid: number }) {
  const options: OwnerOptions = { dataDir, user };
  const child = spawn(
    process.execPath,
    [path.join(compiled, 'embedded-owner.js'), path.join(compiled, 'index.js'), JSON.stringify(options)],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  children.push(child);
  const said = once(createInterface({ input: child.stdout }), 'line').then(
    ([line]) => JSON.parse(line as string) as { url: string; error?: string },
  );
  return { child, said };
}

async function query(url: string, text: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client.query(text).finally(() => client.end());
}

async function queryUntilItWorks(url: string, text: string): Promise<pg.QueryResult> {
  for (let tries = 0; tries < 200; tries++) {
    try {
      return await query(url, text);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error('the database did not come back');
}

const postmasterPid = () =>
  Number.parseInt(readFileSync(path.join(clusterDirectory(dataDir), 'postmaster.pid'), 'utf8'), 10);

async function writeNotes(url: string, ...notes: number[]) {
  await query(url, 'CREATE TABLE IF NOT EXISTS notes (n int)');
  for (const note of notes) await query(url, `INSERT INTO notes VALUES (${note})`);
}
const sumOfNotes = async (url: string) =>
  Number((await queryUntilItWorks(url, 'SELECT sum(n) FROM notes')).rows[0].sum);

it('keeps data over stop and start, and lets nobody in without the password', async () => {
  const first = await start();
  await writeNotes(first.url, 1, 2);
  const shown = await query(
    first.superuserUrl,
    "SELECT name, setting FROM pg_settings WHERE name ~ 'listen|unix_socket_dir|fsync'",
  );
  expect(Object.fromEntries(shown.rows.map((row) => [row.name, row.setting]))).toMatchObject({
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    fsync: 'on',
  });
  const { password } = new URL(first.url);
  expect(password.length).toBeGreaterThan(20);
  const wrong = first.url.replace(password, 'wrong');
  await expect(query(wrong, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  const file = statSync(path.join(dataDir, 'password'));
  expect(file.mode & 0o777).toBe(0o600);
  expect(log.join('\n')).not.toContain(password);
  await first.stop();
  expect(postgresProcessesIn(clusterDirectory(dataDir))).toEqual([]);
  expect(readdirSync(dataDir).sort()).toEqual(['cluster', 'password']);

  const second = await start();
  expect(await sumOfNotes(second.url)).toBe(3);
});

(root ? it : it.skip)(
  'runs PostgreSQL without root, without our environment, in a directory only root can enter',
  async () => {
    await start();
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    const pid = postmasterPid();
    expect(statSync(`/proc/${pid}`).uid).not.toBe(0);
    expect(
      readFileSync(`/proc/${pid}/environ`, 'utf8')
        .split('\0')
        .filter(Boolean)
        .map((entry) => entry.split('=')[0])
        .sort(),
    ).toEqual(['LC_ALL', 'PATH', 'TZ']);
  },
);

(root ? it : it.skip)('works for an ordinary user, and root can go on with that data', async () => {
  chownSync(directory, NOBODY, NOBODY);
  const { child, said } = await startOwner({ uid: NOBODY, gid: NOBODY });
  const { url, error } = await said;
  expect(error).toBeUndefined();
  expect(statSync(`/proc/${postmasterPid()}`).uid).toBe(NOBODY);
  await writeNotes(url, 7);
  child.kill('SIGTERM');
  await once(child, 'exit');
  const database = await start();
  expect(await sumOfNotes(database.url)).toBe(7);
});

it('lets the server read no file and start no program, and hands over what a superuser has made', async () => {
  const first = await start();
  await query(
    first.superuserUrl,
    `CREATE TABLE old (id bigint GENERATED ALWAYS AS IDENTITY, "Some Text" text); CREATE SEQUENCE apart; CREATE TYPE mood AS ENUM ('fine');
     CREATE VIEW seen AS SELECT * FROM old; CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
  );
  // What the database's owner may set for all its sessions does not reach the superuser's.
  await query(
    first.url,
    `CREATE SCHEMA evil; CREATE FUNCTION evil.format(text, text, text) RETURNS text LANGUAGE sql AS $$ SELECT 'ALTER ROLE muster_app SUPERUSER' $$;
     ALTER DATABASE muster SET search_path = evil, pg_catalog, public`,
  );
  await first.stop();
  const second = await start();
  const rights = await query(
    second.url,
    'SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles WHERE rolname = current_user',
  );
  expect(Object.values(rights.rows[0] as object)).toEqual([false, false, false, false, false]);
  for (const statement of [
    `SELECT pg_read_file('postgresql.conf')`,
    `COPY (SELECT 1) TO PROGRAM 'true'`,
    `COPY public.old ("Some Text") FROM '/etc/passwd'`,
    'ALTER ROLE muster_app SUPERUSER',
    'SET ROLE muster',
    'CREATE ROLE another',
  ])
    await expect(query(second.url, statement)).rejects.toMatchObject({ code: '42501' });
  for (const statement of [
    'ALTER TABLE public.old ADD COLUMN more int',
    'INSERT INTO public.old (more) VALUES (1)',
    'ALTER SEQUENCE public.apart INCREMENT 2',
    `ALTER TYPE public.mood ADD VALUE 'well'`,
    'DROP VIEW public.seen',
    'DROP FUNCTION public.one()',
    'CREATE TABLE public.later (id int)',
  ])
    await query(second.url, statement);
});

it('brings a killed PostgreSQL back on the same url, with every commit', async () => {
  const database = await start();
  await writeNotes(database.url, 1);
  for (const note of [2, 3]) {
    const killed = postmasterPid();
    process.kill(killed, 'SIGKILL');
    await holdsWithin(5000, () => !isPostgresIn(killed, clusterDirectory(dataDir)));
    await queryUntilItWorks(database.url, `INSERT INTO notes VALUES (${note})`);
  }
  expect(await sumOfNotes(database.url)).toBe(6);
  // The second kill may come while the start after the first is still being confirmed, which has other words.
  expect(log.filter((line) => line.endsWith('; starting it again'))).toHaveLength(2);
  expect(log.join('\n')).toContain('warn PostgreSQL ended unexpectedly (signal SIGKILL)');
});

it('ends a backend that is busy when its postmaster is killed', async () => {
  const database = await start();
  await writeNotes(database.url, 1);
  const busy = query(database.url, 'SELECT count(*) FROM generate_series(1, 1e10::bigint)').catch(
    () => 'cut off',
  );
  await holdsWithin(5000, () => postgresProcessesIn(clusterDirectory(dataDir)).length > 4);
  process.kill(postmasterPid(), 'SIGKILL');
  expect(await busy).toBe('cut off');
  expect(await sumOfNotes(database.url)).toBe(1);
});

it('stop during a restart ends the restart too', async () => {
  const database = await start();
  process.kill(postmasterPid(), 'SIGKILL');
  await holdsWithin(5000, () => log.some((line) => line.includes('starting it again')));
  await database.stop();
  expect(postgresProcessesIn(clusterDirectory(dataDir))).toEqual([]);
});

it('gives up after several failures in a row and says so', async () => {
  const onFatal = jest.fn<(error: Error) => void>();
  await start({ onFatal });
  rmSync(path.join(clusterDirectory(dataDir), 'global', 'pg_control'));
  process.kill(postmasterPid(), 'SIGKILL');
  await holdsWithin(20_000, () => onFatal.mock.calls.length > 0);
  expect(onFatal).toHaveBeenCalledTimes(1);
  expect(onFatal.mock.calls[0]?.[0].message).toMatch(/5 times in a row.*pg_control/);
});

it('takes over from a server that was killed while its PostgreSQL lives on', async () => {
  const { child, said } = await startOwner();
  const { url } = await said;
  await writeNotes(url, 4, 5);
  const orphan = postmasterPid();
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(isPostgresIn(orphan, clusterDirectory(dataDir))).toBe(true);
  const database = await start();
  expect(postmasterPid()).not.toBe(orphan);
  expect(isPostgresIn(orphan, clusterDirectory(dataDir))).toBe(false);
  expect(await sumOfNotes(database.url)).toBe(9);
});

it('starts after everything was killed, also when the stale pid is somebody else now', async () => {
  const { child, said } = await startOwner();
  const { url } = await said;
  await writeNotes(url, 4);
  const pidFile = path.join(clusterDirectory(dataDir), 'postmaster.pid');
  const postmaster = postmasterPid();
  const content = readFileSync(pidFile, 'utf8');
  const { uid, gid } = statSync(pidFile);
  child.kill('SIGKILL');
  for (const pid of [postmaster, ...postgresProcessesIn(clusterDirectory(dataDir))])
    process.kill(pid, 'SIGKILL');
  // PostgreSQL would believe it only of a process of its own user.
  const stranger = spawn('sleep', ['60'], { ...(root ? { uid, gid } : {}), stdio: 'ignore' });
  children.push(stranger);
  await once(stranger, 'spawn');
  writeFileSync(pidFile, content.replace(String(postmaster), String(stranger.pid)));
  chownSync(pidFile, uid, gid);

  const database = await start();
  expect(await sumOfNotes(database.url)).toBe(4);
  expect(stranger.exitCode).toBeNull();
  expect(stranger.signalCode).toBeNull();
});

it('does an initdb again that was killed in the middle', async () => {
  const { child } = await startOwner();
  const draft = () =>
    readdirSync(dataDir).find((name) => name.startsWith('initialising-') && !name.endsWith('.password'));
  await holdsWithin(10_000, () => {
    const name = existsSync(dataDir) ? draft() : undefined;
    return name !== undefined && existsSync(path.join(dataDir, name, 'base'));
  });
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(existsSync(clusterDirectory(dataDir))).toBe(false);
  const database = await start();
  await writeNotes(database.url, 1);
  expect(draft()).toBeUndefined();
});

it('refuses a second start in one line, in this process and from another, and the first goes on', async () => {
  const { child, said } = await startOwner();
  const { url } = await said;
  await expect(start()).rejects.toThrow(
    `The database in ${dataDir} is already in use by process ${child.pid}.`,
  );
  await expect(start()).rejects.toBeInstanceOf(EmbeddedPostgresError);
  const another = await startOwner();
  expect((await another.said).error).toContain(`already in use by process ${child.pid}`);
  await expect(query(url, 'SELECT 1')).resolves.toMatchObject({ rowCount: 1 });
});
