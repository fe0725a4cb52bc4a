import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { connect } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { api, startAgent, startServer, temporaryDirectory, until } from '#libs/testing/index';
import { ended, startWorld, type World } from './support.js';

/** What the server sees of the outside, and the outside of it: TLS, limits of size, time and rate, and what may be read on the way. */

const files = temporaryDirectory('edges');
const file = (name: string): string => path.join(files, name);
const run = promisify(execFile);

/** A certificate authority of our own, and a certificate of 127.0.0.1 by it. */
function makeCertificates(): void {
  const openssl = (...args: string[]): void =>
    void execFileSync('openssl', args, { cwd: files, stdio: 'pipe' });
  const subject = ['-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-days', '2'];
  openssl('req', '-x509', ...subject, '-subj', '/CN=ca', '-keyout', 'ca.key', '-out', 'ca.pem');
  openssl('req', '-x509', ...subject, '-subj', '/CN=other', '-keyout', 'other.key', '-out', 'other.pem');
  openssl('req', '-new', ...subject.slice(0, -2), '-subj', '/CN=m', '-keyout', 'key.pem', '-out', 'req.pem');
  writeFileSync(file('names'), 'subjectAltName=IP:127.0.0.1\n');
  openssl(
    ...['x509', '-req', '-in', 'req.pem', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'],
    ...['-days', '2', '-extfile', 'names', '-out', 'cert.pem'],
  );
}

/** `muster …`, as somebody with a home of their own. */
const muster = (args: string[], input = '', env: Record<string, string> = {}): Promise<string> => {
  const child = run(process.execPath, ['bin/muster', ...args], {
    env: { ...process.env, NODE_OPTIONS: '', MUSTER_NO_BUILD: '1', XDG_CONFIG_HOME: files, ...env },
  });
  child.child.stdin?.end(input);
  return child.then(({ stdout }) => stdout);
};

describe('over TLS', () => {
  it('agents and people reach the server with its authority, and nobody without', async () => {
    makeCertificates();
    const tls = { MUSTER_TLS_CERT: file('cert.pem'), MUSTER_TLS_KEY: file('key.pem') };
    const server = await startServer({ env: tls });
    expect(server.url).toMatch(/^https:/);
    const login = ['login', '--url', server.url, '--email', server.admin.email, '--password-stdin'];
    await expect(muster(login, server.admin.password)).rejects.toThrow(/certificate/);
    await muster([...login, '--ca', file('ca.pem')], server.admin.password);

    const stranger = startAgent({ server, hostname: 'stranger', args: ['--ca', file('other.pem')] });
    startAgent({ server, hostname: 'tls-1', args: ['--ca', file('ca.pem')] });
    const hosts = async (): Promise<{ hostname: string; status: string }[]> =>
      (JSON.parse(await muster(['hosts', '--json'])) as { hosts: { hostname: string; status: string }[] })
        .hosts;
    await until(async () => (await hosts()).some(({ status }) => status === 'online'), {
      what: 'tls-1 online',
    });
    await until(() => stranger.log().includes('not enrolled'), { what: 'the stranger’s refusal' });
    expect((await hosts()).map(({ hostname }) => hostname)).toEqual(['tls-1']);

    expect(await muster(['exec', '--target', 'tls-1', '--', 'echo', 'over wss'])).toContain('over wss');
    const [answer] = (await once(
      get(`${server.url}/healthz`, { ca: readFileSync(file('ca.pem')), agent: false }),
      'response',
    )) as [{ headers: Record<string, string>; resume: () => void }];
    answer.resume();
    expect(answer.headers['strict-transport-security']).toMatch(/max-age=\d+/);
  });

  it('is what an agent insists on where the server is elsewhere', async () => {
    const agent = ['agent', '--server', 'http://192.0.2.1:8420', '--state-dir', file('elsewhere')];
    await expect(muster(agent)).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--allow-plain-http') as string,
    });
  });
});

describe('limits', () => {
  it('a token that asks too often waits, in the words of each dialect, and the others do not', async () => {
    const server = await startServer({ env: { MUSTER_TOKEN_RATE: '2' } });
    const client = await api(server).login();
    const other = await api(server).login();
    const statuses = [];
    for (let i = 0; i < 21; i++) statuses.push((await client.get('/api/v1/fleet/me')).status);
    expect(statuses.slice(0, 20)).toEqual(Array<number>(20).fill(200));
    const answer = await client.get('/api/v1/fleet/me');
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(answer.body).toMatchObject({
      errors: [{ name: 'base', reason: expect.stringMatching(/limit/) as string }],
    });
    expect((await client.get('/api/sessions')).body).toEqual({
      message: expect.stringMatching(/limit/) as string,
    });
    expect((await client.get('/api/job')).body).toMatchObject({
      error: expect.stringMatching(/limit/) as string,
    });
    expect((await other.get('/api/v1/fleet/me')).status).toBe(200);
  });

  it('an address that shows one wrong key after the other is heard no more', async () => {
    const server = await startServer({ env: { MUSTER_REFUSED_RATE: '1' } });
    const known = await api(server).login();
    for (let i = 0; i < 10; i++)
      expect((await api(server).as(`wrong-${i}`).get('/api/v1/fleet/me')).status).toBe(401);
    const refused = await api(server).as('wrong-again').get('/api/v1/fleet/me');
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    const enrolment = await api(server).post('/api/v1/agents/enroll', {
      enroll_secret: 'a guess',
      protocol: 1,
      agent_version: '1',
      hardware_uuid: '00000000-0000-4000-8000-000000000001',
      instance: 'i',
      hostname: 'h',
      facts: { hostname: 'h', platform: 'linux', os_version: '1', arch: 'x64' },
    });
    expect(enrolment.status).toBe(429);
    // Somebody else behind the same router, whose token is known.
    expect((await known.get('/api/v1/fleet/me')).status).toBe(200);
  });

  it('bodies of routes that hear anybody are small', async () => {
    const server = await startServer();
    const large = { email: 'a@b.example', password: 'x'.repeat(20_000) };
    const answer = await api(server).post('/api/v1/fleet/login', large);
    expect(answer.status).toBe(413);
    expect(answer.body.errors[0].reason).toContain('16 KiB');
  });

  it('a client that does not come to the point is hung up on', async () => {
    const server = await startServer();
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    const begun = Date.now();
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n');
    let said = '';
    socket.on('data', (data: Buffer) => (said += data.toString()));
    await once(socket, 'end');
    expect(said).toMatch(/^HTTP\/1\.1 408 /);
    // Ten seconds, and however long it takes until somebody looks.
    expect(Date.now() - begun).toBeLessThan(60_000);
    socket.destroy();
  });
});

describe('secrets', () => {
  let world: World;

  /** Arguments and titles of all processes that there are. */
  const processList = (): string =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        } catch {
          return ''; // it has gone meanwhile
        }
      })
      .join('\n');

  it('reach no log, no list of processes, no error and no answer', async () => {
    world = await startWorld({
      server: { env: { MUSTER_LOG_LEVEL: 'debug' } },
      agent: { args: ['--log-level', 'debug'] },
    });
    const { server, client, agent } = world;
    const secrets = {
      'password of the admin': server.admin.password,
      'token of the admin': client.bearer,
      'enroll secret': server.enrollSecret,
      'node key': (
        JSON.parse(readFileSync(path.join(agent.stateDir, 'identity.json'), 'utf8')) as { node_key: string }
      ).node_key,
      'secret of the connection': 'only-the-session-may-know-4711',
      'wrong password': 'a-password-that-was-nearly-right-1!',
    };
    const said: string[] = [];
    const ask = async (...[method, where, body]: [string, string, unknown?]): Promise<number> => {
      const answer = await client.request(method, where, body);
      said.push(`${where}: ${JSON.stringify(answer.body)}`);
      return answer.status;
    };
    const connection = {
      name: 'quiet',
      type: 'custom',
      command: ['/bin/sh', '-c', 'test -n "$DB_PASSWORD" && sleep 1'],
      agent_id: world.host.uuid,
      secret: { 'envvar:DB_PASSWORD': Buffer.from(secrets['secret of the connection']).toString('base64') },
    };
    expect(await ask('POST', '/api/connections', connection)).toBe(201);
    const session = ask('POST', '/api/sessions', { connection: 'quiet', script: '' });
    await until(() => processList().includes('DB_PASSWORD'), { what: 'the session’s process' });
    const during = processList();
    expect(await session).toBe(200);
    await api(server).post('/api/v1/fleet/login', {
      email: server.admin.email,
      password: secrets['wrong password'],
    });
    await client.as('no-token').get('/api/v1/fleet/me');
    for (const where of [
      '/api/connections',
      '/api/connections/quiet',
      '/api/sessions',
      '/api/v1/fleet/config',
    ])
      expect(await ask('GET', where)).toBe(200);
    expect(await ask('POST', '/api/connections', { ...connection, name: '' })).toBe(422);
    const id = (
      await client.post('/api/v1/fleet/scripts/run', { host_id: world.host.id, script_contents: 'exit 3' })
    ).body.execution_id as string;
    await ended(client, id);
    await ask('GET', `/api/v1/executions/${id}`);

    const places = {
      'list of processes': during,
      'log of the server': server.log(),
      'log of the agent': agent.log(),
      answers: said.join('\n'),
    };
    for (const [place, text] of Object.entries(places))
      for (const [what, secret] of Object.entries(secrets))
        if (text.includes(secret)) throw new Error(`the ${what} stands in the ${place}`);
  });
});
