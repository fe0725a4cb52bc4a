import { spawnSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { get as httpsGet } from 'node:https';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { createTestDatabase } from './database.js';
import { api, type Credentials } from './http.js';
import { atEnd, ManagedProcess, temporaryDirectory, type Exit, type ProcessUser } from './managed-process.js';
import { until } from './until.js';

const READY_WITHIN_MS = 30_000;

export interface ServerOptions {
  /** Default: a fresh database; `embedded`: the server brings its own. */
  databaseUrl?: string;
  /** Default: a temporary directory. */
  dataDir?: string;
  /** Further settings, or other values for those that the fixture sets. */
  env?: Record<string, string>;
  /** For root: run it as this user. */
  user?: ProcessUser;
}

/** A real server in a process of its own. */
export interface ServerFixture {
  readonly url: string;
  readonly dataDir: string;
  /** Undefined when the server brings its own database. */
  readonly databaseUrl: string | undefined;
  readonly enrollSecret: string;
  readonly admin: Credentials;
  /** Of the current run, like `exited`. */
  readonly pid: number;
  readonly exited: Promise<Exit>;
  log(): string;
  /** Default SIGKILL; resolves when it is gone (for SIGKILL and SIGTERM). */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Stops it as an operator would. */
  stop(): Promise<Exit>;
  /** Starts it again on the same port, data and database; resolves when it is ready. */
  restart(): Promise<void>;
}

/** Starts `muster server` and resolves when it answers `/readyz`; it ends with the tests of this file at the latest. */
export async function startServer(options: ServerOptions = {}): Promise<ServerFixture> {
  const dataDir = options.dataDir ?? temporaryDirectory('server');
  const databaseUrl = await databaseFor(options.databaseUrl, dataDir);
  const port = options.env?.['MUSTER_PORT'] ?? String(await freePort());
  const url = `${options.env?.['MUSTER_TLS_CERT'] === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  const enrollSecret = options.env?.['MUSTER_ENROLL_SECRET'] ?? randomBytes(18).toString('base64url');
  const admin = {
    email: options.env?.['MUSTER_ADMIN_EMAIL'] ?? 'admin@example.com',
    password: options.env?.['MUSTER_ADMIN_PASSWORD'] ?? `Aa1!${randomBytes(12).toString('base64url')}`,
  };
  const env = {
    MUSTER_HOST: '127.0.0.1',
    MUSTER_PORT: port,
    MUSTER_DATA_DIR: dataDir,
    ...(databaseUrl === undefined ? {} : { MUSTER_DATABASE_URL: databaseUrl }),
    MUSTER_ADMIN_EMAIL: admin.email,
    MUSTER_ADMIN_PASSWORD: admin.password,
    MUSTER_ENROLL_SECRET: enrollSecret,
    MUSTER_LOG_LEVEL: 'warn',
    ...options.env,
  };
  const program = new ManagedProcess(['server'], env, options.user);
  await ready(program, url);
  return {
    url,
    dataDir,
    databaseUrl,
    enrollSecret,
    admin,
    get pid() {
      return program.pid;
    },
    get exited() {
      return program.exited;
    },
    log: () => program.log(),
    kill: (signal) => program.kill(signal),
    stop: () => program.stop(),
    restart: async () => {
      await program.respawn();
      await ready(program, url);
    },
  };
}

export interface AgentOptions {
  /** Whom to enroll with. */
  server: Pick<ServerFixture, 'url' | 'enrollSecret' | 'admin'>;
  /** Default: a unique name. */
  hostname?: string;
  /** Default: a temporary directory. */
  stateDir?: string;
  /** Further arguments, such as `--label`, `role=web`. */
  args?: string[];
  env?: Record<string, string>;
  /** What stands before the command, to run it elsewhere: `nsenter …`. */
  before?: readonly string[];
}

/** A real agent in a process of its own. */
/** A host as the API names it. */
export interface HostRef {
  readonly id: number;
  readonly uuid: string;
}

export interface AgentFixture {
  readonly hostname: string;
  readonly stateDir: string;
  /** Of the current run, like `exited`. */
  readonly pid: number;
  readonly exited: Promise<Exit>;
  log(): string;
  /** Resolves when the server says that this host is connected. */
  online(): Promise<HostRef>;
  kill(signal?: NodeJS.Signals): Promise<void>;
  stop(): Promise<Exit>;
  /** Starts it again on the same state. */
  restart(): Promise<void>;
}

/** Starts `muster agent`; `online()` waits until the server knows it. It ends with the tests of this file at the latest. */
export function startAgent({ server, args = [], env = {}, ...options }: AgentOptions): AgentFixture {
  const hostname = options.hostname ?? `host-${randomUUID().slice(0, 8)}`;
  const stateDir = options.stateDir ?? temporaryDirectory('agent');
  const program = new ManagedProcess(
    [
      ['agent', '--server', server.url, '--enroll-secret', server.enrollSecret],
      ['--state-dir', stateDir, '--hostname', hostname, ...args],
    ].flat(),
    env,
    undefined,
    options.before,
  );
  return {
    hostname,
    stateDir,
    get pid() {
      return program.pid;
    },
    get exited() {
      return program.exited;
    },
    log: () => program.log(),
    online: async () => {
      const client = await api(server).login();
      const connected = async () => {
        const { body } = await client.get('/api/v1/fleet/hosts?status=online');
        return (body.hosts as (HostRef & { hostname: string })[]).find((host) => host.hostname === hostname);
      };
      return whileRunning(program, connected, `${hostname} online`);
    },
    kill: (signal) => program.kill(signal),
    stop: () => program.stop(),
    restart: () => program.respawn(),
  };
}

export interface SwarmOptions {
  /** Whom to enroll with. */
  server: Pick<ServerFixture, 'url' | 'enrollSecret'>;
  hosts: number;
  /** Further arguments, such as `--rows`, `10`. */
  args?: string[];
}

/** Many simulated hosts in a process of its own. */
export interface SwarmFixture {
  readonly exited: Promise<Exit>;
  log(): string;
  /** Resolves when every host has been connected. */
  ready(): Promise<void>;
  /** Ends it as an operator would; its log then ends with its summary as JSON. */
  stop(): Promise<Exit>;
}

/** Starts `muster swarm --json`; it ends with the tests of this file at the latest. */
export function startSwarm({ server, hosts, args = [] }: SwarmOptions): SwarmFixture {
  const program = new ManagedProcess(
    [
      ['swarm', '--server', server.url, '--enroll-secret', server.enrollSecret],
      ['--hosts', String(hosts), '--json', ...args],
    ].flat(),
    {},
  );
  return {
    get exited() {
      return program.exited;
    },
    log: () => program.log(),
    ready: async () => {
      await whileRunning(
        program,
        async () => program.log().includes('{"event":"ready"'),
        'all hosts connected',
      );
    },
    stop: () => program.stop(),
  };
}

/** A port that nobody listens on now; for programs that must be told one. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

async function databaseFor(given: string | undefined, dataDir: string): Promise<string | undefined> {
  if (given === 'embedded') {
    atEnd(() => stopEmbedded(dataDir));
    return undefined;
  }
  if (given !== undefined) return given;
  const database = await createTestDatabase();
  atEnd(() => database.drop());
  return database.url;
}

function ready(program: ManagedProcess, url: string): Promise<unknown> {
  const answers = async () => (await statusOf(`${url}/readyz`)) === 200;
  return whileRunning(program, answers, `${url}/readyz`);
}

/** Whoever made the certificate: whether it is the right one is asked by the tests. */
function statusOf(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = (answer: IncomingMessage): void => {
      answer.resume();
      resolve(answer.statusCode);
    };
    const request = url.startsWith('https:')
      ? httpsGet(url, { rejectUnauthorized: false, agent: false }, asked)
      : httpGet(url, { agent: false }, asked);
    request.once('error', reject);
  });
}

/** Waits for what a program is to bring about; its end, or a time-out, fails with its log. */
async function whileRunning<T>(program: ManagedProcess, look: () => Promise<T>, what: string) {
  const over = new AbortController();
  void program.exited.then(({ code, signal }) =>
    over.abort(new Error(`the program ended (${signal ?? `exit code ${code}`}) before ${what}`)),
  );
  try {
    return await until(look, { what, timeout: READY_WITHIN_MS, signal: over.signal });
  } catch (error) {
    throw new Error(`${(error as Error).message}; its log:\n${program.log()}`, { cause: error });
  }
}

/** A server that a test killed leaves its PostgreSQL running, for the next start to find; here none follows. */
async function stopEmbedded(dataDir: string): Promise<void> {
  const pidFile = path.join(dataDir, 'postgres', 'cluster', 'postmaster.pid');
  if (!existsSync(pidFile)) return;
  const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
  const command = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout;
  if (!command.includes('postgres -D')) return;
  process.kill(pid, 'SIGINT');
  await until(() => !existsSync(pidFile), { what: `the end of PostgreSQL ${pid}` });
}
