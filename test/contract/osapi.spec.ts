import { existsSync, readFileSync } from 'node:fs';
import { api, type Api } from '#libs/testing/index';
import { addUser, raw } from '../e2e/support.js';
import {
  counterFile,
  exec,
  expectRefusal,
  type Fleet,
  type Item,
  itemsOf,
  shell,
  startFleet,
} from './osapi.support.js';
import { differences } from './shape.js';

/* osapi's "Execute a command" document, and what its clients need, on one host. */

let fleet: Fleet;
let client: Api;

beforeAll(async () => {
  fleet = await startFleet([[]]);
  client = fleet.client;
});

async function one(body: object): Promise<Item> {
  const [item, ...others] = itemsOf(await exec(client, 'web-0', body));
  if (!item || others.length > 0) throw new Error(`${others.length} items too many`);
  return item;
}

const EXAMPLE = {
  job_id: '550e8400-e29b-41d4-a716-446655440000',
  results: [
    { hostname: 'string', stdout: 'string', stderr: 'string', exit_code: 0, duration_ms: 0, changed: true },
  ],
};

describe('the document', () => {
  it('answers 202 in the shape of its example, with every field of it', async () => {
    const answer = await exec(client, 'web-0', { command: 'echo', args: ['hello'], cwd: '/tmp', timeout: 5 });
    expect(answer.status).toBe(202);
    expect(answer.headers.get('content-type')).toMatch(/json/);
    expect(differences(EXAMPLE, answer.body)).toEqual([]);
    expect(answer.body).toEqual({
      job_id: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      results: [
        {
          hostname: 'web-0',
          host_id: fleet.hosts[0]?.id,
          status: 'ok',
          stdout: 'hello\n',
          stderr: '',
          exit_code: 0,
          duration_ms: expect.any(Number),
          changed: true,
        },
      ],
    });
  });

  it.each(['/node', '/api/node'])('is served under %s, for exec and shell', async (prefix) => {
    const answer = await client.post(`${prefix}/web-0/command/exec`, { command: 'true' });
    expect(itemsOf(answer)).toMatchObject([{ status: 'ok', exit_code: 0 }]);
    const line = await client.post(`${prefix}/web-0/command/shell`, { command: 'exit 4' });
    expect(itemsOf(line)).toMatchObject([{ status: 'ok', exit_code: 4 }]);
  });

  it('takes what the command line of osapi sends', async () => {
    const answer = await raw(fleet.server, 'POST', '/api/node/web-0/command/exec', {
      body: '{"args":["a","b"],"command":"echo","timeout":30}',
      headers: {
        authorization: `Bearer ${client.bearer}`,
        'content-type': 'application/json',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      },
    });
    expect(itemsOf(answer)).toMatchObject([{ status: 'ok', stdout: 'a b\n' }]);
  });
});

describe('what runs', () => {
  it.each([
    ['exit code n', { command: 'sh', args: ['-c', 'exit 7'] }, { status: 'ok', exit_code: 7, changed: true }],
    ['a signal', { command: 'sh', args: ['-c', 'kill -SEGV $$'] }, { status: 'ok', exit_code: 139 }],
    ['both streams', { command: 'sh', args: ['-c', 'echo o; echo e >&2'] }, { stdout: 'o\n', stderr: 'e\n' }],
    ['no arguments', { command: 'true', args: null }, { status: 'ok', exit_code: 0 }],
    ['the directory', { command: 'pwd', cwd: '/usr' }, { stdout: '/usr\n' }],
    [
      'the environment, added to the host’s',
      { command: 'sh', args: ['-c', 'echo "$A-${PATH:+path}"'], env: { A: 'b c' } },
      { stdout: 'b c-path\n' },
    ],
    ['standard input', { command: 'cat', stdin: 'line\n' }, { stdout: 'line\n' }],
    ['no standard input', { command: 'cat' }, { stdout: '' }],
    ['the user', { command: 'id', args: ['-un'], user: 'nobody', cwd: '/' }, { stdout: 'nobody\n' }],
  ])('%s', async (_, body, expected) => {
    expect(await one(body)).toMatchObject(expected);
  });

  it('hands arguments over as they are, and reads a shell line as a shell does', async () => {
    const args = ['$HOME', '`id`', '; rm -rf /', '*', 'a  b', '"\'', '\\n', '', '> x', '&&', 'ünïcode', '\n'];
    const item = await one({
      command: 'sh',
      args: ['-c', 'for a in "$@"; do printf "%s\\0" "$a"; done', 'sh', ...args],
    });
    expect(item.stdout?.split('\0').slice(0, -1)).toEqual(args);
    const [line] = itemsOf(await shell(client, 'web-0', 'x=1; echo $x | tr 1 2'));
    expect(line).toMatchObject({ status: 'ok', stdout: '2\n' });
  });

  it('shows the last MiB of each stream, and says of which there was more', async () => {
    const item = await one({
      command: 'sh',
      args: ['-c', 'head -c 1500000 /dev/zero | tr "\\0" x; echo end; echo few >&2'],
    });
    expect(item).toMatchObject({ status: 'ok', stdout_truncated: true, stderr: 'few\n' });
    expect(item.stdout).toHaveLength(1024 * 1024);
    expect(item.stdout).toMatch(/xxend\n$/);
    expect(item).not.toHaveProperty('stderr_truncated');
  });
});

describe('what goes wrong on the host is an item of a 202', () => {
  it.each([
    ['no such command', { command: 'no-such-command' }, 'not_found', /no-such-command/],
    ['blanks', { command: '  ' }, 'not_found', /\S/],
    ['no permission', { command: '/etc/passwd' }, 'not_executable', /passwd/],
    ['a bad directory', { command: 'true', cwd: '/no/such/place' }, 'bad_cwd', /\/no\/such\/place/],
    ['no such user', { command: 'true', user: 'no-such-user' }, 'bad_user', /no-such-user/],
    [
      'an argument no process can be given',
      { command: 'true', args: ['x'.repeat(200_000)] },
      'start_failed',
      /\S/,
    ],
  ])('%s', async (_, body, reason, error) => {
    const answer = await exec(client, 'web-0', body);
    const [item] = itemsOf(answer);
    expect(answer.body.job_id).toMatch(/^[0-9a-f-]{36}$/);
    expect(item).toEqual({
      hostname: 'web-0',
      host_id: fleet.hosts[0]?.id,
      status: 'failed',
      error: expect.stringMatching(error),
      reason,
      changed: false,
      ...(item?.duration_ms !== undefined && { duration_ms: item.duration_ms }),
    });
  });

  it('keeps what a command had said when its time was over', async () => {
    expect(await one({ command: 'sh', args: ['-c', 'echo before; sleep 60'], timeout: 1 })).toMatchObject({
      status: 'failed',
      error: 'command timed out after 1s',
      reason: 'timeout',
      stdout: 'before\n',
      changed: true,
    });
  });

  it('says who stopped it', async () => {
    const started = await exec(client, 'web-0', { command: 'sleep', args: ['60'], wait: 0 });
    const uuid = started.body.job_id as string;
    const waiting = client.get(`/api/v1/executions/${uuid}?wait=50`);
    await client.post(`/api/v1/executions/${uuid}/cancel`);
    await waiting;
    const { body } = await client.get(`/api/job/${uuid}`);
    expect(['skipped', 'failed']).toContain(body.status);
    expect(body.error).toContain(fleet.server.admin.email);
  });
});

describe('waiting', () => {
  it('answers at once with wait 0, and the job goes on', async () => {
    const { status, body } = await exec(client, 'web-0', {
      command: 'sh',
      args: ['-c', 'sleep 1; echo done'],
      wait: 0,
    });
    expect(status).toBe(202);
    expect(['queued', 'running']).toContain(body.results[0].status);
    await client.get(`/api/v1/executions/${body.job_id}?wait=50`);
    expect((await client.get(`/api/job/${body.job_id}`)).body).toMatchObject({
      result: { stdout: 'done\n' },
    });
  });

  it('says running of what has not ended when the wait is over', async () => {
    const answer = await exec(client, 'web-0', {
      command: 'sh',
      args: ['-c', 'echo so far; sleep 4'],
      wait: 1,
    });
    const [item] = itemsOf(answer);
    expect(item).toMatchObject({ status: 'running', stdout: 'so far\n', changed: true });
    expect(item).not.toHaveProperty('error');
    await client.get(`/api/v1/executions/${answer.body.job_id}?wait=50`);
  });
});

describe('Idempotency-Key', () => {
  it('is the same job again, and nothing runs twice', async () => {
    const file = counterFile();
    const body = { command: 'sh', args: ['-c', `echo x >> ${file}; echo once`] };
    const key = { 'idempotency-key': 'once-please' };
    const [first, second] = await Promise.all([
      exec(client, '_any', body, key),
      exec(client, '_any', body, key),
    ]);
    const third = await exec(client, '_any', body, key);
    expect(itemsOf(first)).toMatchObject([{ status: 'ok', stdout: 'once\n' }]);
    expect([second.body, third.body]).toEqual([first.body, first.body]);
    expect(readFileSync(file, 'utf8')).toBe('x\n');
  });

  it('stands for one request only', async () => {
    const key = { 'idempotency-key': 'taken' };
    itemsOf(await exec(client, 'web-0', { command: 'true' }, key));
    expectRefusal(await exec(client, 'web-0', { command: 'false' }, key), 409, /Idempotency-Key/);
    expectRefusal(await exec(client, '_all', { command: 'true' }, key), 409, /Idempotency-Key/);
    expectRefusal(
      await exec(client, 'web-0', { command: 'true' }, { 'idempotency-key': 'a b' }),
      400,
      /ASCII/,
    );
  });
});

describe('refusals, in the envelope of the document', () => {
  it.each([
    ['no body', undefined, /Expected JSON Body/],
    ['no object', '[]', /JSON object/],
    ['no JSON', '{"command":', /not valid JSON/],
    ['no command', {}, /command must be a non-empty string/],
    ['an empty command', { command: '' }, /command must be a non-empty string/],
    ['a command that is no string', { command: 1 }, /command must be a non-empty string/],
    ['NUL in the command', { command: 'a\0b' }, /command must be .* without NUL/],
    ['half a character', { command: '\ud800' }, /command must be/],
    ['args that are no array', { command: 'a', args: 'b' }, /args must be an array of strings/],
    ['args that are no strings', { command: 'a', args: ['b', 1] }, /args must be an array of strings/],
    ['NUL in args', { command: 'a', args: ['b\0'] }, /args must be .* without NUL/],
    ['a cwd that is no string', { command: 'a', cwd: 1 }, /cwd must be a string/],
    ['NUL in cwd', { command: 'a', cwd: '/\0' }, /cwd must be .* without NUL/],
    ['timeout 0', { command: 'a', timeout: 0 }, /timeout must be at least 1/],
    ['timeout 301', { command: 'a', timeout: 301 }, /timeout must be at most 300/],
    ['half a second', { command: 'a', timeout: 1.5 }, /timeout must be an integer/],
    ['timeout as text', { command: 'a', timeout: '5' }, /timeout must be an integer/],
    ['env that is no object', { command: 'a', env: ['A=b'] }, /env must be an object of strings/],
    ['env that holds no strings', { command: 'a', env: { A: 1 } }, /env must be an object of strings/],
    ['env with a bad name', { command: 'a', env: { 'A=B': 'c' } }, /env must be an object of strings/],
    ['NUL in env', { command: 'a', env: { A: '\0' } }, /env must be/],
    ['stdin that is no string', { command: 'a', stdin: 1 }, /stdin must be a string/],
    ['a user that is no string', { command: 'a', user: 1 }, /user must be/],
    ['queue as text', { command: 'a', queue: 'yes' }, /queue must be true or false/],
    ['expires_in 0', { command: 'a', expires_in: 0 }, /expires_in must be at least 1/],
    ['wait below 0', { command: 'a', wait: -1 }, /wait must be at least 0/],
    ['wait above 300', { command: 'a', wait: 301 }, /wait must be at most 300/],
    ['no digest', { command: 'a', preview: 'x' }, /preview must be the digest/],
    ['a bad batch', { command: 'a', batch: '0%' }, /batch must be/],
    ['batch and ramp', { command: 'a', batch: 1, ramp: [1] }, /only one of batch and ramp/],
  ])('400: %s', async (_, body, error) => {
    expectRefusal(await exec(client, 'web-0', body), 400, error);
  });

  it('400 names the fields', async () => {
    const answer = await exec(client, 'web-0', { command: '', timeout: 0 });
    expectRefusal(answer, 400, /command .*; timeout /, /command: .*; timeout: /);
  });

  it.each(['web-9', 'group:none', '11111111-1111-4111-8111-111111111111', 'a:b:c', '_some'])(
    '400 for a target that is nobody: %s',
    async (target) => {
      expectRefusal(await exec(client, encodeURIComponent(target), { command: 'true' }), 400, /\S/, /target/);
    },
  );

  it('400 says of a host that it was not found, in osapi’s words', async () => {
    expectRefusal(await exec(client, 'web-9', { command: 'true' }), 400, /target agent "web-9" not found/);
  });

  it('401 before anything of the request is read', async () => {
    const nobody = api(fleet.server);
    for (const body of [{ command: 'true' }, { command: 1 }, '{'])
      expectRefusal(await exec(nobody, 'web-9', body), 401, 'Bearer token required');
    expectRefusal(await exec(nobody.as('nonsense'), 'web-0', { command: 1 }), 401, /^Invalid token/);
  });

  it('403 for who may not, before the body is read', async () => {
    const observer = await addUser(fleet.server, 'observer@example.com', 'observer');
    expectRefusal(
      await exec(observer, 'web-0', { command: 1 }),
      403,
      'Insufficient permissions. Required: [command:execute]',
    );
    expectRefusal(
      await shell(observer, 'web-0', 'true'),
      403,
      'Insufficient permissions. Required: [shell:execute]',
    );
  });

  it('403 tells commands and shell lines apart', async () => {
    const { body } = await client.post('/api/v1/tokens', { name: 'exec only', rights: ['command:execute'] });
    const program = client.as(body.token);
    expect(itemsOf(await exec(program, 'web-0', { command: 'true' }))).toMatchObject([{ status: 'ok' }]);
    expectRefusal(await shell(program, 'web-0', 'true'), 403, /shell:execute/);
  });

  it('413 for ten megabytes of arguments, and for more than a process can be given', async () => {
    const args = Array.from({ length: 10_000 }, () => 'x'.repeat(1000));
    expectRefusal(await exec(client, 'web-0', { command: 'true', args }), 413, /\S/);
    expectRefusal(
      await exec(client, 'web-0', { command: 'true', args: args.slice(0, 3000) }),
      413,
      /arguments/,
      /args/,
    );
  });

  it('404 and 405 in the same envelope', async () => {
    expectRefusal(await client.post('/node/web-0/command/other', {}), 404, /\S/);
    expectRefusal(await client.get('/node/web-0/command/exec'), 405, /POST/);
  });

  it('does nothing by halves', async () => {
    const file = counterFile();
    await exec(client, 'web-0', { command: 'touch', args: [file], timeout: 0 });
    const before = (await client.get('/api/job')).body.total_items as number;
    await exec(client, 'web-9', { command: 'touch', args: [file] });
    expect((await client.get('/api/job')).body.total_items).toBe(before);
    expect(existsSync(file)).toBe(false);
  });
});
