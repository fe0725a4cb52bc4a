import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clearInterval, setInterval } from 'node:timers';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * A server with its own PostgreSQL, and agents, as people would start them; all of it gone after `close()`.
 * @param databaseDir where the database is to stay, for another run with what is in it
 */
export async function openStand(root, databaseDir = undefined) {
  const { startEmbeddedPostgres } = await import(join(root, 'dist/libs/platform/database/embedded/index.js'));
  const folder = mkdtempSync(join(tmpdir(), 'muster-bench-'));
  const postgres = await startEmbeddedPostgres({
    dataDir: databaseDir ?? join(folder, 'postgres'),
    log: () => undefined,
    flags: ['-c', 'track_commit_timestamp=on'],
  });
  const children = [];
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const secret = randomUUID();
  const start = (args, env, flags = []) => {
    const child = spawn(process.execPath, [...flags, join(root, 'bin/muster'), ...args], {
      stdio: ['pipe', 'ignore', 'inherit'],
      env: {
        ...process.env,
        MUSTER_LOG_LEVEL: 'warn',
        MUSTER_EXIT_WITH_PARENT: '1',
        MUSTER_NO_BUILD: '1',
        ...env,
      },
    });
    children.push(child);
    return child;
  };
  const settings = {
    MUSTER_PORT: String(port),
    MUSTER_DATA_DIR: join(folder, 'data'),
    MUSTER_DATABASE_URL: postgres.url,
    MUSTER_ADMIN_EMAIL: 'bench@example.com',
    MUSTER_ADMIN_PASSWORD: 'bench-password-1',
    MUSTER_ENROLL_SECRET: secret,
  };
  // As `up` starts it.
  const server = start(['server'], settings, ['--max-semi-space-size=32']);
  await until(async () => (await fetch(`${url}/readyz`)).ok);
  const keepAlive = new Agent({ keepAlive: true });
  const call = (method, path, body, headers = {}) =>
    new Promise((resolve, reject) => {
      const sent = request(url + path, {
        method,
        agent: keepAlive,
        headers: { ...headers, 'content-type': 'application/json' },
      });
      sent.once('error', reject).once('response', (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part) => (text += part));
        answer.once('end', () => {
          if (answer.statusCode < 300) resolve(JSON.parse(text));
          else reject(new Error(`${method} ${path}: ${answer.statusCode} ${text}`));
        });
      });
      sent.end(body && JSON.stringify(body));
    });
  const { token } = await call('POST', '/api/v1/fleet/login', {
    email: 'bench@example.com',
    password: 'bench-password-1',
  });
  const authorized = { authorization: `Bearer ${token}` };
  const api = {
    get: (path) => call('GET', path, undefined, authorized),
    post: (path, body) => call('POST', path, body, authorized),
  };
  return {
    url,
    /** Enrolls agents. */
    secret,
    /** Of the admin, who `api` is. */
    token,
    postgres,
    server,
    api,
    /** Starts an agent, with further arguments; resolves when the server says that it is online. `ms` is the time that took. */
    async agent(hostname, more = []) {
      const began = performance.now();
      const child = start(
        ['agent', '--server', url, '--state-dir', join(folder, hostname), '--hostname', hostname, ...more],
        { MUSTER_ENROLL_SECRET: secret },
      );
      const host = await until(async () =>
        (await api.get('/api/v1/fleet/hosts?status=online')).hosts.find((h) => h.hostname === hostname),
      );
      return { child, host, ms: performance.now() - began };
    },
    async close() {
      const ended = children.map(
        (child) =>
          new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve())),
      );
      for (const child of [...children].reverse()) child.kill('SIGTERM');
      await Promise.all(ended);
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Resident memory of a process, in MB. */
export function residentMegabytes(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}

/** Of processes by name → pid, the same by name. */
export function memoryOf(pids) {
  return Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, residentMegabytes(pid)]));
}

/** Looks at processes' memory ten times a second, until `stop()` returns name → what was seen. */
export function watchMemory(pids) {
  const seen = Object.fromEntries(Object.keys(pids).map((name) => [name, []]));
  const look = () => {
    for (const [name, megabytes] of Object.entries(memoryOf(pids))) seen[name].push(megabytes);
  };
  look();
  const timer = setInterval(() => {
    try {
      look();
    } catch {
      // It has ended; whoever waits for it will be told.
      clearInterval(timer);
    }
  }, 100);
  return {
    stop() {
      clearInterval(timer);
      look();
      return seen;
    },
  };
}

/** Seconds of CPU that a process has used. */
export function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Asks until there is an answer; for what other processes do. */
async function until(question) {
  for (const end = Date.now() + 30_000; ;) {
    const answer = await question().catch(() => undefined);
    if (answer) return answer;
    if (Date.now() > end) throw new Error('waited 30 s in vain');
    await delay(5);
  }
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
