import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import path from 'node:path';
import { loadSettings, SettingsError } from '#libs/platform/config/settings';
import { createTestDatabase, freePort, temporaryDirectory } from '#libs/testing/index';

const repository = path.resolve(import.meta.dirname, '../..');
const AT_ONCE = 3;

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a command of ours to its end; one that goes on is killed, and has no exit code. */
async function muster(args: string[], env: Record<string, string>): Promise<Ended> {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [path.join(repository, 'bin', 'muster'), ...args], {
    cwd: repository,
    env: { PATH, HOME, MUSTER_NO_BUILD: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = { code: null as number | null, stdout: '', stderr: '' };
  child.stdout.on('data', (text: Buffer) => (ended.stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (ended.stderr += text.toString()));
  const patience = setTimeout(() => child.kill('SIGKILL'), 20_000);
  [ended.code] = (await once(child, 'close')) as [number | null];
  clearTimeout(patience);
  return ended;
}

/** Starts few at a time; each promise is the end of its own. */
function pool<T>(works: (() => Promise<T>)[]): Promise<T>[] {
  const lanes: Promise<unknown>[] = Array.from({ length: AT_ONCE }, () => Promise.resolve());
  return works.map((work, i) => {
    const result = lanes[i % AT_ONCE]!.then(work);
    lanes[i % AT_ONCE] = result.catch(() => undefined);
    return result;
  });
}

const directory = temporaryDirectory('settings');
const file = (name: string, text: string) => {
  const full = path.join(directory, name);
  writeFileSync(full, text);
  return full;
};
const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const noPem = file('no.pem', 'hello');
const badPem = file('bad.pem', PEM);
const plainFile = file('plain', '');
mkdirSync(path.join(directory, 'folder'));

type Case = [what: string, env: Record<string, string>, line: RegExp];

/** Values that make no sense, each by itself: the reader of the settings says so. */
const senseless: Case[] = [
  ...['abc', '-1', '65536', '80.5', '0x50', ' 80', '1e3'].map((port): Case => [
    `port ${port}`,
    { MUSTER_PORT: port },
    /MUSTER_PORT/,
  ]),
  ...['0', 'x', '301', '1.5'].map((time): Case => [
    `heartbeat ${time}`,
    { MUSTER_HEARTBEAT_SECONDS: time },
    /MUSTER_HEARTBEAT_SECONDS/,
  ]),
  ['lease 4', { MUSTER_LEASE_SECONDS: '4' }, /MUSTER_LEASE_SECONDS/],
  ['cap 1023', { MUSTER_OUTPUT_CAP_BYTES: '1023' }, /MUSTER_OUTPUT_CAP_BYTES/],
  ['cap 64MiB', { MUSTER_OUTPUT_CAP_BYTES: '64MiB' }, /MUSTER_OUTPUT_CAP_BYTES/],
  ['timeout 0', { MUSTER_SCRIPT_TIMEOUT_SECONDS: '0' }, /MUSTER_SCRIPT_TIMEOUT_SECONDS/],
  ['no check of that name', { MUSTER_SPEC_SQL_CHECK: 'maybe' }, /MUSTER_SPEC_SQL_CHECK/],
  ['sessions of -1', { MUSTER_SESSION_SECONDS: '-1' }, /MUSTER_SESSION_SECONDS/],
  ['a loud log', { MUSTER_LOG_LEVEL: 'loud' }, /MUSTER_LOG_LEVEL.*error, warn, info or debug/],
  ['another database', { MUSTER_DATABASE_URL: 'mysql://localhost/x' }, /MUSTER_DATABASE_URL.*postgres:\/\//],
  ['a database that is no URL', { MUSTER_DATABASE_URL: 'localhost' }, /MUSTER_DATABASE_URL/],
  ['Redis', { MUSTER_REDIS_URL: 'redis://localhost' }, /MUSTER_REDIS_URL/],
  ['an admin without password', { MUSTER_ADMIN_EMAIL: 'a@b.co' }, /MUSTER_ADMIN_PASSWORD/],
  ['a password without admin', { MUSTER_ADMIN_PASSWORD: 'correct-horse-1' }, /MUSTER_ADMIN_EMAIL/],
  [
    'an admin that is no address',
    { MUSTER_ADMIN_EMAIL: 'boss', MUSTER_ADMIN_PASSWORD: 'correct-horse-1' },
    /MUSTER_ADMIN_EMAIL.*e-mail/,
  ],
  [
    'a weak password',
    { MUSTER_ADMIN_EMAIL: 'a@b.co', MUSTER_ADMIN_PASSWORD: 'weak' },
    /MUSTER_ADMIN_PASSWORD.*12 characters/,
  ],
  ['a long secret', { MUSTER_ENROLL_SECRET: 'x'.repeat(256) }, /MUSTER_ENROLL_SECRET.*255/],
  ['a certificate without key', { MUSTER_TLS_CERT: noPem }, /MUSTER_TLS_KEY/],
  ['a key without certificate', { MUSTER_TLS_KEY: noPem }, /MUSTER_TLS_CERT/],
  [
    'a certificate that is not there',
    { MUSTER_TLS_CERT: '/no/such.pem', MUSTER_TLS_KEY: noPem },
    /MUSTER_TLS_CERT.*\/no\/such\.pem \(ENOENT\)/,
  ],
  ['a certificate of text', { MUSTER_TLS_CERT: noPem, MUSTER_TLS_KEY: badPem }, /MUSTER_TLS_CERT.*PEM/],
  ['a key that is a folder', { MUSTER_TLS_CERT: badPem, MUSTER_TLS_KEY: directory }, /MUSTER_TLS_KEY/],
  ['a certificate of nonsense', { MUSTER_TLS_CERT: badPem, MUSTER_TLS_KEY: badPem }, /MUSTER_TLS_/],
];

/** The same seen from outside, where starting is dear: many at once, and one of each kind. */
const refused: Case[] = [
  [
    'many that make no sense',
    {
      MUSTER_PORT: 'abc',
      MUSTER_DATABASE_URL: 'mysql://localhost/x',
      MUSTER_REDIS_URL: 'redis://localhost',
      MUSTER_ADMIN_EMAIL: 'boss',
      MUSTER_LOG_LEVEL: 'loud',
      MUSTER_HEARTBEAT_SECONDS: '0',
      MUSTER_LEASE_SECONDS: '4',
      MUSTER_OUTPUT_CAP_BYTES: '64MiB',
      MUSTER_SCRIPT_TIMEOUT_SECONDS: '0',
      MUSTER_SESSION_SECONDS: '-1',
    },
    /MUSTER_PORT: .*_DATABASE_URL: .*_REDIS_URL: .*_ADMIN_EMAIL: .*_LOG_LEVEL: .*_HEARTBEAT_SECONDS: .*_LEASE_SECONDS: .*_OUTPUT_CAP_BYTES: .*_SCRIPT_TIMEOUT_SECONDS: .*_SESSION_SECONDS: /,
  ],
  ...senseless.filter(([what]) => /^(an admin without|a weak|a certificate (that|of nonsense))/.test(what)),
];

/** Values that may make sense elsewhere: the attempt fails, and says at what. */
const hopeless: Case[] = [
  ['a data directory that is a file', { MUSTER_DATA_DIR: plainFile }, /MUSTER_DATA_DIR|data directory/i],
  ['a data directory below a file', { MUSTER_DATA_DIR: `${plainFile}/x` }, /MUSTER_DATA_DIR|data directory/i],
  ['a host that is none', { MUSTER_HOST: 'no.such.host.invalid' }, /no\.such\.host\.invalid/],
  ['a host of somebody else', { MUSTER_HOST: '192.0.2.77' }, /192\.0\.2\.77/],
  [
    'a database that is not there',
    { MUSTER_DATABASE_URL: 'postgres://127.0.0.1:1/x' },
    /PostgreSQL.*127\.0\.0\.1:1/,
  ],
];

describe('the settings', () => {
  it.each(senseless)('make no sense with %s', (_, env, line) => {
    const read = () => loadSettings(env);
    expect(read).toThrow(SettingsError);
    expect(read).toThrow(line);
    expect(read).toThrow(/^.{10,700}$/);
  });

  it('are what the documents say when nothing is set; an empty value is none', () => {
    const defaults = loadSettings({});
    expect(defaults).toMatchObject({
      host: '127.0.0.1',
      port: 8420,
      dataDir: path.resolve('.muster'),
      databaseUrl: null,
      firstAdmin: null,
      enrollSecret: null,
      tls: null,
      logLevel: 'info',
      outputCapBytes: 64 * 1024 * 1024,
      scriptTimeoutSeconds: 300,
      sessionRetentionDays: 0,
      sessionSeconds: 5 * 24 * 3600,
    });
    expect(loadSettings({ MUSTER_PORT: '', MUSTER_DATABASE_URL: '', MUSTER_ADMIN_EMAIL: '' })).toEqual(
      defaults,
    );
  });
});

describe('muster server', () => {
  let occupied: Server;
  let results: Promise<Ended>[];
  const all = [...refused, ...hopeless];

  beforeAll(async () => {
    const database = (await createTestDatabase()).url;
    occupied = createServer().listen(0, '127.0.0.1');
    await once(occupied, 'listening');
    const port = String(await freePort());
    const base = { MUSTER_PORT: port, MUSTER_DATABASE_URL: database };
    results = pool([
      ...all.map(
        ([, env], i) =>
          () =>
            muster(['server'], { ...base, MUSTER_DATA_DIR: path.join(directory, String(i)), ...env }),
      ),
      () =>
        muster(['server'], {
          ...base,
          MUSTER_DATA_DIR: path.join(directory, 'occupied'),
          MUSTER_PORT: String((occupied.address() as AddressInfo).port),
        }),
    ]);
    for (const result of results) result.catch(() => undefined);
  });
  afterAll(() => occupied.close());

  /** Exactly one line, of a length that can be read, without a stack. */
  function expectOneLine({ stderr }: Ended, line: RegExp): void {
    expect(stderr).toMatch(line);
    expect(stderr).toMatch(/^muster server: .{10,700}\n$/);
  }

  it.each(refused.map(([what, , line], i) => [what, i, line] as const))(
    'refuses %s before it does anything',
    async (_, i, line) => {
      const ended = await results[i]!;
      expectOneLine(ended, line);
      expect([ended.code, ended.stdout]).toEqual([2, '']);
    },
  );

  it.each(hopeless.map(([what, , line], i) => [what, refused.length + i, line] as const))(
    'gives up on %s with one line',
    async (_, i, line) => {
      const ended = await results[i]!;
      expectOneLine(ended, line);
      expect(ended.code).toBeGreaterThan(0);
    },
  );

  it('says that a port is in use, and what to do', async () => {
    const ended = await results.at(-1)!;
    expectOneLine(ended, /port \d+ on 127\.0\.0\.1 is in use; set MUSTER_PORT/);
    expect(ended.code).toBe(1);
  });

  it('never prints a secret that it was given', async () => {
    for (const { stdout, stderr } of await Promise.all(results))
      for (const secret of ['correct-horse-1', 'x'.repeat(256)])
        expect(stdout + stderr).not.toContain(secret);
  });
});

describe('muster agent', () => {
  const good = ['--server', 'http://127.0.0.1:1', '--enroll-secret', 's', '--state-dir'];
  const cases: [string, string[], Record<string, string>, RegExp][] = [
    ['no server', [], {}, /--server \(or MUSTER_SERVER\) is missing/],
    ['a server that is no URL', ['--server', 'localhost'], {}, /--server "localhost"/],
    ['another scheme', ['--server', 'ftp://x'], {}, /--server/],
    ['an empty hostname', [...good, '/tmp/x', '--hostname', ''], {}, /--hostname/],
    [
      'a label without a value',
      [...good, '/tmp/x', '--label', 'role'],
      {},
      /--label "role" must be key=value/,
    ],
    ['a label of blanks', [...good, '/tmp/x', '--label', 'a b=c'], {}, /--label/],
    ['an unknown option', [...good, '/tmp/x', '--nope'], {}, /--nope/],
    ['an extra word', [...good, '/tmp/x', 'word'], {}, /argument/],
    ['no slots', [...good, '/tmp/x', '--parallel', '0'], {}, /--parallel must be 1 to 1024/],
    ['a loud log', [...good, '/tmp/x'], { MUSTER_LOG_LEVEL: 'loud' }, /log level "loud"/],
    [
      'an empty interpreter',
      [...good, '/tmp/x'],
      { MUSTER_SCRIPT_INTERPRETERS: 'sh,,' },
      /MUSTER_SCRIPT_INTERPRETERS/,
    ],
    [
      'a secret file that is not there',
      ['--server', 'https://x', '--enroll-secret-file', '/no/file'],
      {},
      /\/no\/file cannot be read \(ENOENT\)/,
    ],
    ['a long secret', ['--server', 'https://x', '--enroll-secret', 'x'.repeat(256)], {}, /255/],
  ];
  let results: Promise<Ended>[];
  beforeAll(() => {
    results = pool(
      cases.map(
        ([, args, env]) =>
          () =>
            muster(['agent', ...args], env),
      ),
    );
    for (const result of results) result.catch(() => undefined);
  });

  it.each(cases.map(([what, , , line], i) => [what, i, line] as const))('refuses %s', async (_, i, line) => {
    const { code, stdout, stderr } = await results[i]!;
    expect(stderr).toMatch(line);
    expect(stderr).toMatch(/^muster agent: .{5,300}\n$/);
    expect([code, stdout]).toEqual([2, '']);
  });

  it('cannot use a state directory that is a file: one line', async () => {
    const { code, stderr } = await muster(['agent', ...good, plainFile], {});
    expect(stderr).toMatch(/^muster agent: .*plain.*\n$/);
    expect(code).toBeGreaterThan(0);
  });
});
