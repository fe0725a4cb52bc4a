/**
 * Stands in for `bin/muster` in the specs of `up`: a server and an agent that do as little as `up` can tell apart.
 * STUB names what goes wrong, STUB_NOTES a file to which both add what happens to them.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

// eslint-disable-next-line no-restricted-syntax -- stands in for programs that have their own readers
const { STUB: trouble = '', STUB_NOTES: notes = '', ...env } = process.env;
const note = (text: string): void => appendFileSync(notes, `${text}\n`);
const log = (level: string, msg: string): void => console.log(JSON.stringify({ level, msg }));
const executionId = 'e1';

function leave(who: string): never {
  note(`${who} stopped`);
  process.exit(0);
}

function server(): void {
  const dir = env['MUSTER_DATA_DIR'] ?? '';
  if (trouble === 'server cannot start') {
    log('error', 'the database is not mine');
    process.exit(3);
  }
  if (!existsSync(`${dir}/admin.json`) && env['MUSTER_FIRST_ADMIN'] === 'generate') {
    writeFileSync(`${dir}/admin.json`, JSON.stringify({ email: 'admin@stub', password: 'pass-word' }), {
      mode: 0o600,
    });
    writeFileSync(`${dir}/enroll-secret`, 'join-us\n', { mode: 0o600 });
  }
  const routes: Record<string, () => unknown> = {
    'GET /readyz': () => ({}),
    'POST /api/v1/fleet/login': () =>
      trouble === 'password changed' ? 401 : { token: 't', user: { email: 'admin@stub' } },
    'POST /api/v1/fleet/logout': () => {
      note('signed out');
      return {};
    },
    'GET /api/v1/fleet/hosts': () => ({
      hosts: [{ id: 1, uuid: 'h1', hostname: 'stub-host', status: 'online' }],
    }),
    'POST /api/v1/fleet/scripts/run': () => ({ host_id: 1, execution_id: executionId }),
    'GET /api/v1/executions/e1': () => ({
      id: executionId,
      targets: [{ id: 1, uuid: executionId, state: 'finished', exit_code: 0 }],
    }),
  };
  createServer((request, response) => {
    request.resume();
    if (request.url === '/api/v1/executions/e1/output') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const chunk = {
        seq: 1,
        target_id: 1,
        stream: 'stdout',
        encoding: 'utf8',
        data: 'hello from the stub\n',
      };
      response.end(`id: 1\nevent: chunk\ndata: ${JSON.stringify(chunk)}\n\nevent: done\ndata: {}\n\n`);
      if (trouble === 'server dies later')
        setTimeout(() => (log('error', 'out of luck'), process.exit(4)), 100);
      return;
    }
    const answer = routes[`${request.method} ${request.url}`]?.() ?? 404;
    response.statusCode = typeof answer === 'number' ? answer : 200;
    response.end(JSON.stringify(typeof answer === 'number' ? { message: 'Authentication failed' } : answer));
  }).listen(Number(env['MUSTER_PORT']), env['MUSTER_HOST']);
  if (trouble === 'server ignores TERM') process.on('SIGTERM', () => note('server ignores it'));
  else process.on('SIGTERM', () => leave('server'));
}

function agent(): void {
  note(
    `agent started with ${Object.keys(env)
      .filter((name) => name.startsWith('MUSTER_'))
      .sort()
      .join(' ')}`,
  );
  const crashed = existsSync(notes) && readFileSync(notes, 'utf8').includes('agent crashed');
  if (trouble === 'agent crashes once' && !crashed) {
    note('agent crashed');
    log('error', 'no luck here');
    process.exit(5);
  }
  const dir = env['MUSTER_AGENT_STATE_DIR'] ?? '';
  mkdirSync(dir, { recursive: true });
  writeFileSync(`${dir}/identity.json`, JSON.stringify({ host_uuid: 'h1' }));
  process.on('SIGTERM', () => leave('agent'));
}

process.stdin.resume().on('end', () => leave(process.argv[2] ?? ''));
if (process.argv[2] === 'server') server();
else agent();
