import { randomUUID } from 'node:crypto';
import { startAgent } from '#libs/testing/index';
import { addUser, startWorld, type World } from '../e2e/support.js';
import { accepted, base64, connect, exec, expectError, finished } from './hoop.support.js';

/* hoop's Exec: reference/sources/hoop-exec.md; reference/hoop.md, sections 2 to 4. */

const SESSIONS = '/api/sessions';
let world: World;
let bash: string;
beforeAll(async () => {
  world = await startWorld({ agent: { hostname: 'shell-01', args: ['--label', 'group=shell'] } });
  bash = await connect(world.client, 'shell-01', { allowed_env: ['LANG', 'CERT', 'GREETING'] });
});

describe("the document's example", () => {
  it('runs /bin/bash -x with the script as its standard input, to the byte', async () => {
    await world.client.post('/api/connections', {
      name: 'bash-connection',
      command: ['/bin/bash'],
      type: 'custom',
      agent_id: world.host.uuid,
    });
    const answer = await world.client.post(SESSIONS, {
      script: "echo 'hello world'",
      client_args: ['-x'],
      connection: 'bash-connection',
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      session_id: expect.stringMatching(
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      ),
      has_review: false,
      output: expect.any(String),
      output_status: 'success',
      truncated: false,
      execution_time: expect.any(Number),
      exit_code: 0,
    });
    expect(answer.headers.get('location')).toBe(`${SESSIONS}/${answer.body.session_id}`);
    // Two streams: in whichever order their bytes came.
    const lines = (answer.body.output as string).split('\n').sort();
    expect(lines).toEqual(['', "+ echo 'hello world'", 'hello world']);
    for (const [stream, text] of [
      ['stdout', 'hello world\n'],
      ['stderr', "+ echo 'hello world'\n"],
    ]) {
      const path = `/api/v1/executions/${answer.body.session_id}/output?stream=${stream}`;
      const { body } = await world.client.get(path);
      expect(body.chunks.map(({ data }: { data: string }) => data).join('')).toBe(text);
    }
  });

  it('needs nothing but a connection: an empty script is an empty input', async () => {
    expect(finished(await world.client.post(SESSIONS, { connection: bash }))).toMatchObject({
      output: '',
      output_status: 'success',
      exit_code: 0,
    });
  });

  it('takes the id of a connection for its name, and passes over what it does not know', async () => {
    const { body } = await world.client.get(`/api/connections/${bash}`);
    const answer = await exec(world.client, body.id as string, 'echo x', {
      jira_fields: { a: 'b' },
      what: 1,
    });
    expect(finished(answer).output).toBe('x\n');
  });
});

describe('the table of cases', () => {
  it.each<[string, string, object]>([
    ['exit 0', 'echo out; echo err >&2', { output_status: 'success', exit_code: 0 }],
    ['exit n', 'echo out; exit 7', { output_status: 'failed', exit_code: 7, output: 'out\n' }],
    ['a signal', 'echo out; kill -KILL $$', { output_status: 'failed', exit_code: 137, output: 'out\n' }],
    ['bytes that are no text', "printf 'a\\377b'", { output_status: 'success', output: 'a\ufffdb' }],
  ])('%s', async (_, script, expected) => {
    const answer = finished(await exec(world.client, bash, script));
    expect(answer).toMatchObject({ has_review: false, truncated: false, ...expected });
  });

  it('both streams stand in the output in order of arrival', async () => {
    const script = 'for i in 1 2 3; do echo out$i; sleep 0.2; echo err$i >&2; sleep 0.2; done';
    expect(finished(await exec(world.client, bash, script)).output).toBe(
      'out1\nerr1\nout2\nerr2\nout3\nerr3\n',
    );
  });

  it.each<[string, string[], number, RegExp]>([
    ['a command that is not there', ['/no/such/program'], 127, /\/no\/such\/program/],
    ['a file that is no program', ['/etc/passwd'], 126, /permission denied|not executable/],
    ['a directory', ['/'], 126, /./],
  ])('%s is failed, with a shell’s code', async (_, command, exitCode, words) => {
    const name = await connect(world.client, 'shell-01', { command });
    expect(finished(await exec(world.client, name, 'x'))).toMatchObject({
      output_status: 'failed',
      exit_code: exitCode,
      output: expect.stringMatching(words),
      execution_time: 0,
    });
  });

  it('too long is failed, 254, with what it wrote until then', async () => {
    const answer = finished(await exec(world.client, bash, 'echo before; sleep 60', { timeout: 1 }));
    expect(answer).toMatchObject({ output_status: 'failed', exit_code: 254 });
    expect(answer.output).toBe('before\nsession timed out after 1 s');
  });

  it('an agent that runs nothing says so: 254', async () => {
    const refusing = startAgent({ server: world.server, args: ['--disable-scripts'] });
    await refusing.online();
    const name = await connect(world.client, refusing.hostname);
    expect(finished(await exec(world.client, name, 'x'))).toMatchObject({
      output_status: 'failed',
      exit_code: 254,
      output: 'this agent runs with scripts disabled',
    });
  });

  it('an agent that is away is waited for 15 s; then it is failed, -2, and final in the ledger', async () => {
    const away = startAgent({ server: world.server });
    await away.online();
    await away.stop();
    const name = await connect(world.client, away.hostname);
    const started = Date.now();
    const answer = await exec(world.client, name, 'echo late', {}, 60);
    expect(finished(answer)).toMatchObject({
      output_status: 'failed',
      exit_code: -2,
      output: 'agent is offline',
      execution_time: 0,
    });
    expect(Date.now() - started).toBeGreaterThan(14_000);
    const { body } = await world.client.get(`${SESSIONS}/${answer.body.session_id}`);
    expect(body).toMatchObject({ status: 'done', state: 'expired', exit_code: -2 });
  });

  it('one that comes back in these 15 s runs it', async () => {
    const away = startAgent({ server: world.server });
    await away.online();
    await away.stop();
    const name = await connect(world.client, away.hostname);
    const answer = exec(world.client, name, 'echo in time', {}, 60);
    await away.restart();
    expect(finished(await answer)).toMatchObject({ output_status: 'success', output: 'in time\n' });
  });
});

describe('the wait', () => {
  it('answers 202 when it is over, and the session goes on', async () => {
    const answer = await exec(world.client, bash, 'echo before; sleep 3; echo after', {}, 1);
    const { session_id, ...rest } = accepted(answer);
    expect(rest).toEqual({
      has_review: false,
      output: '',
      output_status: 'running',
      truncated: false,
      execution_time: 0,
      exit_code: -2,
    });
    expect(answer.headers.get('location')).toBe(`${SESSIONS}/${session_id}`);
    const open = await world.client.get(`${SESSIONS}/${session_id}`);
    expect(open.body).toMatchObject({ status: 'open', exit_code: null, end_date: null });
    const { body } = await world.client.get(
      `${SESSIONS}/${session_id}?wait=30&expand=event_stream&event_stream=utf8`,
    );
    expect(body).toMatchObject({ status: 'done', exit_code: 0, event_stream: ['before\nafter\n'] });
  });

  it('0: at once', async () => {
    const { session_id } = accepted(await exec(world.client, bash, 'sleep 0.1; echo done', {}, 0));
    const { body } = await world.client.get(`${SESSIONS}/${session_id}?wait=30`);
    expect(body).toMatchObject({ status: 'done', exit_code: 0 });
  });

  it.each(['301', '-1', 'x', '1.5', '1e2'])('wait=%s is a 422, and nothing runs', async (wait) => {
    const batch = randomUUID();
    const answer = await world.client.post(`${SESSIONS}?wait=${wait}`, {
      connection: bash,
      session_batch_id: batch,
    });
    expectError(answer, 422, 'wait must be a whole number of seconds from 0 to 300');
    expect((await world.client.get(`${SESSIONS}?batch_id=${batch}`)).body.total).toBe(0);
  });

  it('who hangs up ends the wait, not the session', async () => {
    const batch = randomUUID();
    const hangUp = new AbortController();
    const request = fetch(new URL(SESSIONS, world.server.url), {
      method: 'POST',
      signal: hangUp.signal,
      headers: { authorization: `Bearer ${world.client.bearer}`, 'content-type': 'application/json' },
      body: JSON.stringify({ connection: bash, script: 'sleep 1; echo done', session_batch_id: batch }),
    });
    let found: { id: string } | undefined;
    while (!found) [found] = (await world.client.get(`${SESSIONS}?batch_id=${batch}`)).body.data;
    hangUp.abort();
    await expect(request).rejects.toThrow();
    const { body } = await world.client.get(`${SESSIONS}/${found.id}?wait=30`);
    expect(body).toMatchObject({ status: 'done', exit_code: 0 });
  });
});

describe('what the process gets', () => {
  it('is a clean environment: PATH, HOME, what was given, MUSTER_*', async () => {
    const name = await connect(world.client, 'shell-01', {
      command: ['/usr/bin/env'],
      allowed_env: ['*'],
      secret: { 'envvar:TOKEN': base64('abcd-1234') },
    });
    const answer = finished(
      await exec(world.client, name, '', { env_vars: { 'envvar:LANG': base64('C.UTF-8') } }),
    );
    const variables = Object.fromEntries(
      answer.output
        .trim()
        .split('\n')
        .map((line) => line.split(/=(.*)/s)),
    );
    expect(variables).toEqual({
      PATH: expect.any(String),
      HOME: expect.any(String),
      LANG: 'C.UTF-8',
      TOKEN: '[masked]',
      MUSTER_SESSION_ID: answer.session_id,
      MUSTER_EXECUTION_ID: answer.session_id,
      MUSTER_ATTEMPT_ID: expect.any(String),
      MUSTER_HOST: 'shell-01',
      MUSTER_CONNECTION_NAME: name,
      MUSTER_CONNECTION_TYPE: 'custom',
      MUSTER_USER_EMAIL: world.server.admin.email,
    });
  });

  it('its variables: those of the connection win over those of the request', async () => {
    const name = await connect(world.client, 'shell-01', {
      allowed_env: ['TOKEN', 'CERT'],
      secret: { 'envvar:TOKEN': base64('from the connection') },
    });
    const env_vars = { 'envvar:TOKEN': base64('from the request'), 'filesystem:CERT': base64('in a file\n') };
    const script = `[ "$TOKEN" = "from the connection" ] && echo own; wc -c < "$CERT"; stat -c %a "$CERT"`;
    expect(finished(await exec(world.client, name, script, { env_vars })).output).toBe('own\n10\n600\n');
  });

  it('arguments as they stand, after those of the connection', async () => {
    const name = await connect(world.client, 'shell-01', { command: ['/usr/bin/printf', '[%s]', 'own'] });
    const client_args = ['$HOME', '; ls', '', 'ä "\''];
    expect(finished(await exec(world.client, name, '', { client_args })).output).toBe(
      '[own][$HOME][; ls][][ä "\']',
    );
  });

  it("its connection's variables where the command names them, and no secret among them", async () => {
    const fields = {
      command: ['/usr/bin/printf', '[%s]', '-h$HOST', '--port=${PORT}', '$OTHER'],
      env: { PORT: '5432' },
      secret: { 'envvar:HOST': base64('db.example.com'), 'envvar:PASS': base64('correct-horse') },
    };
    const name = await connect(world.client, 'shell-01', fields);
    expect(finished(await exec(world.client, name, '', { client_args: ['$HOST'] })).output).toBe(
      '[-hdb.example.com][--port=5432][$OTHER][$HOST]',
    );
    const leaky = await connect(world.client, 'shell-01', { ...fields, command: ['/bin/echo', '-p$PASS'] });
    const { status, body } = await exec(world.client, leaky, '');
    expect([status, body.message]).toEqual([
      422,
      expect.stringMatching(/^connection \S+ names PASS in argument 1 of its command/),
    ]);
    expect(JSON.stringify(body)).not.toContain('correct-horse');
  });

  it('the script to the byte, up to megabytes', async () => {
    const name = await connect(world.client, 'shell-01', { command: ['/usr/bin/sha256sum'] });
    const script = `ä\0\r\n${'x'.repeat(3_000_000)}`;
    const { createHash } = await import('node:crypto');
    const sum = createHash('sha256').update(script).digest('hex');
    expect(finished(await exec(world.client, name, script)).output).toBe(`${sum}  -\n`);
  });
});

describe('bad input', () => {
  it.each<[object, number, string | RegExp]>([
    [{ connection: undefined }, 400, 'connection must be a string'],
    [{ connection: 5 }, 400, 'connection must be a string'],
    [{ connection: '' }, 400, 'connection  not found'],
    [{ connection: 'no-such' }, 400, 'connection no-such not found'],
    [{ connection: 'x\0y' }, 400, 'connection x\0y not found'],
    [{ script: 5 }, 400, 'script must be a string'],
    [{ client_args: 'x' }, 400, 'client_args must be an array of strings'],
    [{ client_args: [5] }, 400, 'client_args must be an array of strings'],
    [{ metadata: 'x' }, 400, 'metadata must be an object'],
    [{ env_vars: [] }, 400, 'env_vars must be an object of strings'],
    [{ timeout: 'x' }, 400, 'timeout must be an integer (seconds)'],
    [{ client_args: ['a\0b'] }, 422, 'client_args: argument 1 must not hold a NUL or halves of characters'],
    [{ script: '\ud800' }, 422, 'script must not hold halves of characters'],
    [{ timeout: 0 }, 422, 'timeout must be between 1 and 3600 seconds, which is what the connection allows'],
    [{ timeout: 3601 }, 422, /^timeout must be between 1 and 3600/],
    [
      { metadata: Object.fromEntries([...Array(21).keys()].map((k) => [k, ''])) },
      422,
      'metadata must have at most 20 keys',
    ],
    [{ metadata: { a: 'x'.repeat(2_500) } }, 422, /^metadata must have keys and values of fewer than 2500/],
    [
      { metadata: { ['k'.repeat(2_500)]: '' } },
      422,
      /^metadata must have keys and values of fewer than 2500/,
    ],
    [{ metadata: { a: 'x\0' } }, 422, 'metadata must not hold a NUL or halves of characters'],
    [{ labels: { a: 5 } }, 422, 'labels must be an object of strings'],
    [{ correlation_id: 'x'.repeat(256) }, 422, /^correlation_id must have at most 255 printable/],
    [{ correlation_id: 'ä' }, 422, /^correlation_id must have at most 255 printable/],
    [{ session_batch_id: 'x'.repeat(256) }, 422, 'session_batch_id must have at most 255 characters'],
    [{ env_vars: { LANG: 'Qw==' } }, 422, /^env_vars: LANG must be envvar:NAME or filesystem:NAME/],
    [
      { env_vars: { 'envvar:OTHER': 'Qw==' } },
      422,
      /^env_vars: envvar:OTHER is not among the variables that connection \S+ allows$/,
    ],
    [{ env_vars: { 'envvar:LANG': 'C' } }, 422, 'env_vars: envvar:LANG must be base64'],
    [
      { env_vars: { 'envvar:LANG': base64(Buffer.from([0xff])) } },
      422,
      /^env_vars: envvar:LANG must be text/,
    ],
  ])('$#: $1 $2', async (more, status, message) => {
    expectError(await world.client.post(SESSIONS, { connection: bash, ...more }), status, message);
  });

  it('a missing connection is told after what is wrong with the fields, as hoop does', async () => {
    const answer = await world.client.post(SESSIONS, { connection: 'no-such', correlation_id: 'ä' });
    expectError(answer, 422, /^correlation_id/);
  });

  it('a body that is no JSON', async () => {
    expectError(await world.client.post(SESSIONS, '{'), 400, /not valid JSON/);
    expectError(await world.client.post(SESSIONS, '[]'), 400, /expected a JSON object/);
  });

  it.each<[object, object, string | RegExp]>([
    [{ access_mode_exec: 'disabled' }, {}, /^sessions are switched off for connection \S+$/],
    [{ command: [], subtype: '' }, {}, /^connection \S+ has no command/],
    [{ mandatory_metadata_fields: ['ticket'] }, {}, 'missing required metadata field: ticket'],
    [
      { mandatory_metadata_fields: ['ticket'] },
      { metadata: { ticket: '' } },
      'missing required metadata field: ticket',
    ],
    [
      { allowed_client_args: ['-x'] },
      { client_args: ['-x', '-v'] },
      /^client_args: argument 2 is not among those/,
    ],
    [{ allowed_client_args: [] }, { client_args: ['-x'] }, /^client_args: argument 1 is not among those/],
    [{ agent_id: 'no-such-host' }, {}, /^agent no-such-host of connection \S+ not found$/],
    [{ agent_id: 'group:nobody' }, {}, /^agent group:nobody of connection \S+ not found$/],
  ])('what the connection does not allow is a 422: %j %j', async (recipe, more, message) => {
    const name = await connect(world.client, 'shell-01', recipe);
    expectError(await exec(world.client, name, 'x', more), 422, message);
  });

  it('what it allows goes through', async () => {
    const name = await connect(world.client, 'group:shell', {
      mandatory_metadata_fields: ['ticket'],
      allowed_client_args: ['-x'],
    });
    const answer = await exec(world.client, name, 'true', { client_args: ['-x'], metadata: { ticket: 5 } });
    expect(finished(answer)).toMatchObject({ output: '+ true\n', exit_code: 0 });
  });

  it('a host that is being drained takes no session', async () => {
    const drained = startAgent({ server: world.server });
    const { id } = await drained.online();
    expect((await world.client.post(`/api/agent/${id}/drain`)).status).toBeLessThan(300);
    const name = await connect(world.client, drained.hostname);
    expectError(await exec(world.client, name, 'x'), 422, /is being drained and takes nothing new$/);
  });

  it('without a token, or with a role that may not', async () => {
    expectError(await world.client.as().post(SESSIONS, { connection: bash }), 401, 'access denied');
    const observer = await addUser(world.server, 'observer@example.com', 'observer');
    expectError(await exec(observer, bash, 'x'), 403, /^access denied/);
  });
});

describe('guard rails', () => {
  async function guarded(rules: object): Promise<string> {
    const answer = await world.client.post('/api/guardrails', {
      name: `rail-${randomUUID().slice(0, 8)}`,
      ...rules,
    });
    expect(answer.status).toBe(201);
    return connect(world.client, 'shell-01', { guardrail_rules: [answer.body.id] });
  }

  it('what one of them forbids in script or arguments is a 422 with its message; nothing runs, the record knows', async () => {
    const rule = {
      type: 'deny_words_list',
      words: ['DROP TABLE'],
      pattern_regex: '',
      message: 'No drops here.',
    };
    const pattern = { type: 'pattern_match', words: [], pattern_regex: '--no-\\w+', message: '' };
    const name = await guarded({ input: { rules: [rule, pattern] } });
    expectError(await exec(world.client, name, 'DROP TABLE users'), 422, 'No drops here.');
    expectError(
      await exec(world.client, name, '', { client_args: ['--no-limits'] }),
      422,
      /^blocked by guard rail rail-\S+, input rule 2$/,
    );
    expect(finished(await exec(world.client, name, 'echo fine')).output).toBe('fine\n');
    const { body } = await world.client.get(`${SESSIONS}?connection=${name}`);
    expect(body.total).toBe(1);
  });

  it('what one of them forbids in the output ends the session: failed, 254, its message, nothing of it shown', async () => {
    const rule = {
      type: 'deny_words_list',
      words: ['classified'],
      pattern_regex: '',
      message: 'Not for you.',
    };
    const name = await guarded({ output: { rules: [rule] } });
    const answer = finished(
      await exec(world.client, name, 'echo before; sleep 1; echo classified; sleep 60'),
    );
    expect(answer).toMatchObject({ output_status: 'failed', exit_code: 254 });
    expect(answer.output).toMatch(/^before\n[^]*Not for you\.$/);
    expect(answer.output).not.toContain('classified');
  });
});

describe('an Idempotency-Key', () => {
  it('stands for one session, also for many at once', async () => {
    const body = { connection: bash, script: 'echo once' };
    for (let round = 0; round < 5; round++) {
      const headers = { 'Idempotency-Key': randomUUID() };
      const post = () => world.client.post(SESSIONS, body, headers);
      const answers = await Promise.all([...Array(10)].map(post));
      expect(new Set(answers.map((answer) => finished(answer).session_id)).size).toBe(1);
      const other = await world.client.post(SESSIONS, { ...body, script: 'echo twice' }, headers);
      expectError(other, 409, /Idempotency-Key/);
    }
  });
});
