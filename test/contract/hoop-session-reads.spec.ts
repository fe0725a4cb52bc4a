import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { Api, api, startAgent, startServer, until } from '#libs/testing/index';
import { addTeamUser, addUser, lives, sql, startWorld, type World } from '../e2e/support.js';
import { accepted, base64, connect, exec, expectError, finished } from './hoop.support.js';

/* hoop's sessions afterwards: reference/hoop.md, section 5. */

const SESSIONS = '/api/sessions';
let world: World;
let bash: string;
beforeAll(async () => {
  world = await startWorld({ agent: { hostname: 'shell-01' } });
  bash = await connect(world.client, 'shell-01', {
    connection_tags: { env: 'test' },
    resource_name: 'the-shell',
  });
});

const run = async (script: string, more: object = {}): Promise<string> =>
  finished(await exec(world.client, bash, script, more)).session_id;
const start = async (script: string, more: object = {}): Promise<string> =>
  accepted(await exec(world.client, bash, script, more, 0)).session_id;
const text = (encoded: string): string => Buffer.from(encoded, 'base64').toString();

describe('GET /api/sessions/:id', () => {
  it('is all that is known of it, with its script and without output', async () => {
    const id = await run('echo out', {
      client_args: ['-x'],
      metadata: { ticket: 'OPS-1', count: 5, nested: { a: 1 }, none: null },
      labels: { old: 'yes' },
      correlation_id: 'mine',
      session_batch_id: 'batch-1',
    });
    const { status, body } = await world.client.get(`${SESSIONS}/${id}`);
    expect(status).toBe(200);
    expect(body).toEqual({
      id,
      org_id: expect.any(String),
      script: { data: 'echo out' },
      script_size: 8,
      labels: { old: 'yes' },
      integrations_metadata: {},
      metadata: { ticket: 'OPS-1', count: '5', nested: '{"a":1}', none: '' },
      metrics: { data_masking: {}, event_size: 23 },
      user: world.server.admin.email,
      user_id: expect.stringMatching(/^\d+$/),
      user_name: expect.any(String),
      type: 'custom',
      connection_subtype: 'bash',
      connection: bash,
      resource_name: 'the-shell',
      role_name: bash,
      connection_tags: { env: 'test' },
      review: null,
      verb: 'exec',
      status: 'done',
      exit_code: 0,
      event_stream: [],
      event_size: 23,
      session_batch_id: 'batch-1',
      correlation_id: 'mine',
      start_date: expect.stringMatching(/Z$/),
      end_date: expect.stringMatching(/Z$/),
      ai_analysis: null,
      guardrails_info: [],
      identity_type: 'user',
      machine_identity_id: null,
      client_args: ['-x'],
      state: 'finished',
      reason: null,
      message: '',
      agent: 'shell-01',
      execution_time: expect.any(Number),
      timeout: 3600,
      output_removed_at: null,
    });
  });

  it('with expand: its events as they are stored, in one piece, or as base64; the script only when asked for', async () => {
    const id = await run("printf 'a\\377'; sleep 0.2; echo b >&2");
    const get = async (query: string) => (await world.client.get(`${SESSIONS}/${id}?${query}`)).body;
    const stored = await get('expand=event_stream');
    expect(stored.script).toEqual({ data: '' });
    expect(stored.event_stream).toEqual([
      [0, 'i', base64("printf 'a\\377'; sleep 0.2; echo b >&2")],
      [expect.any(Number), 'o', base64(Buffer.from('a\xff', 'latin1'))],
      [expect.any(Number), 'o', base64('b\n')],
    ]);
    expect((await get('expand=event_stream&event_stream=utf8')).event_stream).toEqual(['a\ufffdb\n']);
    const bytes = await get('expand=event_stream,session_input&event_stream=base64');
    expect(bytes.event_stream).toEqual([base64(Buffer.from('a\xffb\n', 'latin1'))]);
    expect(bytes.script.data).toContain('printf');
  });

  it('a session that did not end by itself ends with an event that says why', async () => {
    const id = await run('echo before; sleep 60', { timeout: 1 });
    const { body } = await world.client.get(`${SESSIONS}/${id}?expand=event_stream`);
    expect(body.event_stream.at(-1)).toEqual([
      expect.any(Number),
      'e',
      base64('session timed out after 1 s\n'),
    ]);
    expect(body).toMatchObject({ exit_code: 254, reason: 'timeout', message: 'session timed out after 1 s' });
  });

  it('refuses forms that there are not, and ids that mean nothing', async () => {
    const id = await run('true');
    const path = `${SESSIONS}/${id}?expand=event_stream&event_stream=x`;
    expectError(await world.client.get(path), 422, /^event_stream attribute has an unknown type format/);
    for (const unknown of [randomUUID(), '5', 'x', '%00'])
      expect((await world.client.get(`${SESSIONS}/${unknown}`)).status).toBe(404);
  });

  it('an API token is a machine', async () => {
    const { body } = await world.client.post('/api/v1/tokens', { name: 'bot' });
    const id = finished(await exec(world.client.as(body.token as string), bash, 'true')).session_id;
    expect((await world.client.get(`${SESSIONS}/${id}`)).body).toMatchObject({
      identity_type: 'machine',
      machine_identity_id: expect.stringMatching(/^\d+$/),
    });
  });
});

describe('who sees what', () => {
  it('whoever asked for it, and those who may look at sessions on its host; others find nothing', async () => {
    const [team] = await sql(world.server, "INSERT INTO teams (name) VALUES ('one') RETURNING id");
    const id = await run('true');
    const observer = await addUser(world.server, 'watcher@example.com', 'observer');
    const other = await addTeamUser(world.server, 'other@example.com', { [team.id]: 'admin' });
    expect((await observer.get(`${SESSIONS}/${id}`)).status).toBe(200);
    expect((await other.get(`${SESSIONS}/${id}`)).status).toBe(404);
    for (const path of ['', '/stream', '/result/stream'])
      expectError(await other.get(`${SESSIONS}/${id}${path}`), 404, `session ${id} not found`);
    expectError(await other.post(`${SESSIONS}/${id}/kill`), 404, `session ${id} not found`);
    expectError(await other.patch(`${SESSIONS}/${id}/metadata`, { metadata: {} }), 404, /not found$/);
    expect((await other.get(SESSIONS)).body).toMatchObject({ data: [], total: 0 });
    expect((await observer.post(`${SESSIONS}/${id}/kill`)).status).toBe(403);
  });
});

describe('GET /api/sessions', () => {
  const list = async (query: string) => {
    const { status, body } = await world.client.get(`${SESSIONS}?${query}`);
    expect(status).toBe(200);
    return body;
  };

  it('is newest first, without scripts, with a row that says whether there are more', async () => {
    const batch = randomUUID();
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) ids.unshift(await run(`echo ${i}`, { session_batch_id: batch }));
    const first = await list(`batch_id=${batch}&limit=2`);
    expect(first).toMatchObject({ total: 3, total_is_capped: false, has_next_page: true });
    expect(first.data.map(({ id }: { id: string }) => id)).toEqual(ids.slice(0, 2));
    expect(first.data[0]).toMatchObject({ script: { data: '' }, event_stream: [], exit_code: 0 });
    const second = await list(`batch_id=${batch}&limit=2&offset=2&count=none`);
    expect(second).toMatchObject({ total: null, total_is_capped: false, has_next_page: false });
    expect(second.data.map(({ id }: { id: string }) => id)).toEqual(ids.slice(2));
    expect(await list(`batch_id=${batch}&limit=1000&count=exact`)).toMatchObject({ total: 3 });
    expect(await list(`batch_id=${batch},${randomUUID()}&count=exact`)).toMatchObject({ total: 3 });
  });

  it('finds by user, connection, type, correlation and time', async () => {
    const own = await connect(world.client, 'shell-01', { type: 'application' });
    const maintainer = await addUser(world.server, 'maintainer@example.com', 'maintainer');
    const correlation = randomUUID();
    const id = finished(await exec(maintainer, own, 'true', { correlation_id: correlation })).session_id;
    const { user_id, start_date } = (await world.client.get(`${SESSIONS}/${id}`)).body;
    const before = new Date(Date.parse(start_date as string) - 1).toISOString();
    for (const query of [
      'user=maintainer@example.com',
      'user=Maintainer@Example.com',
      `user=${user_id}`,
      `connection=${own}`,
      'type=application',
      `correlation_id=${correlation}`,
      `start_date=${before}&end_date=2100-01-01T00:00:00Z`,
    ])
      expect([query, (await list(query)).data.map((one: { id: string }) => one.id)]).toEqual([
        query,
        expect.arrayContaining([id]),
      ]);
    for (const query of ['user=nobody@example.com', 'connection=x', 'type=x', 'jira_issue_key=X-1'])
      expect([query, (await list(query)).total]).toEqual([query, 0]);
    expect((await list(`connection=${own}&end_date=${before}`)).total).toBe(0);
  });

  it.each([
    ['limit=0', 'limit must be at least 1'],
    ['limit=x', 'limit must be a whole number'],
    ['offset=10001', /^offset must be at most 10000/],
    ['offset=-1', 'offset must be a whole number'],
    ['count=some', 'count must be capped, exact or none'],
    ['start_date=yesterday', /^start_date must be a time as in RFC 3339/],
    ['end_date=2026-13-40T00:00:00Z', /^end_date must be a time/],
  ])('%s is a 422', async (query, message) => {
    expectError(await world.client.get(`${SESSIONS}?${query}`), 422, message);
  });

  it('counts no further than 10,000 unless asked to', async () => {
    await sql(
      world.server,
      `WITH made AS (
         INSERT INTO executions (uuid, kind, requested_by_email, content_sha256, timeout_seconds, grace_seconds, output_cap_bytes, lease_seconds)
         SELECT gen_random_uuid(), 'exec_session', 'x', e.content_sha256, 1, 1, 1024, 1 FROM generate_series(1, 10050),
           (SELECT content_sha256 FROM executions LIMIT 1) e RETURNING id, uuid
       ), targets AS (
         INSERT INTO targets (uuid, execution_id, host_id, lane, state) SELECT uuid, id, $1, 'parallel', 'cancelled' FROM made
       )
       INSERT INTO exec_sessions (execution_id, connection_id, connection_name, connection_type, connection_subtype, connection, digest)
       SELECT id, gen_random_uuid(), 'many', 'custom', '', '{"resource_name": "x", "tags": {}}', 'x' FROM made`,
      [world.host.id],
    );
    expect(await list('connection=many&limit=1')).toMatchObject({ total: 10_000, total_is_capped: true });
    expect(await list('connection=many&limit=1&count=exact')).toMatchObject({
      total: 10_050,
      total_is_capped: false,
    });
    expect(await list('connection=many&offset=10000&limit=100')).toMatchObject({ has_next_page: false });
  });
});

describe('kill', () => {
  it('answers when all that the session has started is gone; whoever waits is told by whom', async () => {
    const waiting = exec(world.client, bash, 'trap "" TERM; sleep 300 & echo $!; wait; sleep 300', {}, 60);
    const find = async () => (await world.client.get(`${SESSIONS}?limit=1`)).body.data[0];
    const { id } = await until(async () => {
      const one = await find();
      return one.status === 'open' && one;
    });
    const output = async () =>
      text((await world.client.get(`${SESSIONS}/${id}?expand=event_stream`)).body.event_stream[1]?.[2] ?? '');
    const pid = Number(await until(output));
    expect(lives(pid)).toBe(true);
    expect((await world.client.post(`${SESSIONS}/${id}/kill`)).status).toBe(204);
    expect(lives(pid)).toBe(false);
    const answer = finished(await waiting);
    expect(answer).toMatchObject({ session_id: id, output_status: 'failed', exit_code: -2 });
    expect(answer.output).toBe(`${pid}\nsession killed by ${world.server.admin.email}`);
    expect((await world.client.get(`${SESSIONS}/${id}`)).body).toMatchObject({
      status: 'done',
      state: 'killed',
    });
  });

  it('one that has ended stays as it is', async () => {
    const id = await run('exit 3');
    expect((await world.client.post(`${SESSIONS}/${id}/kill`)).status).toBe(204);
    expect((await world.client.get(`${SESSIONS}/${id}`)).body).toMatchObject({
      exit_code: 3,
      state: 'finished',
    });
  });

  it('one that has not begun never will', async () => {
    const away = startAgent({ server: world.server });
    await away.online();
    await away.stop();
    const name = await connect(world.client, away.hostname);
    const { session_id } = accepted(await exec(world.client, name, 'echo x', {}, 0));
    expect((await world.client.post(`${SESSIONS}/${session_id}/kill`)).status).toBe(204);
    const { body } = await world.client.get(
      `${SESSIONS}/${session_id}?expand=event_stream&event_stream=utf8`,
    );
    expect(body).toMatchObject({ status: 'done', state: 'cancelled', exit_code: -2 });
    expect(body.event_stream).toEqual([`cancelled by ${world.server.admin.email}\n`]);
  });
});

describe('PATCH metadata', () => {
  it('adds, changes and takes away; what breaks the rules changes nothing', async () => {
    const id = await run('true', { metadata: { a: '1', b: '2' } });
    const patch = (metadata: unknown) => world.client.patch(`${SESSIONS}/${id}/metadata`, { metadata });
    expect((await patch({ b: null, c: 3 })).status).toBe(204);
    const stored = async () => (await world.client.get(`${SESSIONS}/${id}`)).body.metadata;
    expect(await stored()).toEqual({ a: '1', c: '3' });
    expectError(await patch({ d: 'x'.repeat(2_500) }), 422, /^metadata must have/);
    expectError(await patch('x'), 400, 'metadata must be an object');
    expect(await stored()).toEqual({ a: '1', c: '3' });
  });
});

describe('as a text and as a file', () => {
  const SCRIPT = "printf 'a\\tb\\n'; sleep 0.2; printf 'c\\n' >&2";
  const anonymous = () => api(world.server);
  const link = async (id: string, query: string): Promise<string> => {
    const { status, body } = await world.client.get(`${SESSIONS}/${id}?${query}`);
    expect([status, Object.keys(body as object).sort()]).toEqual([200, ['download_url', 'expire_at']]);
    expect(Date.parse(body.expire_at as string) - Date.now()).toBeGreaterThan(200_000);
    return body.download_url as string;
  };

  it('/result/stream is all output as it is', async () => {
    const id = await run(SCRIPT);
    const get = async (query: string) =>
      (await world.client.get(`${SESSIONS}/${id}/result/stream?${query}`)).body;
    expect(await get('')).toBe('a\tb\nc\n');
    expect(await get('events=i')).toBe(SCRIPT);
    expect(await get('event-time=1&newline=1')).toMatch(/^\d{4}-\S+Z a\tb\n\n\d{4}-\S+Z c\n\n$/);
    expectError(
      await world.client.get(`${SESSIONS}/${id}/result/stream?events=x`),
      422,
      'events must be some of i, o, e, with commas',
    );
  });

  it.each([
    ['extension=csv', 'csv', /^a,b\nc\n$/],
    ['extension=log', 'log', /^a\tb\nc\n$/],
    ['extension=json', 'json', /^\[\{"time":[\d.]+,"type":"o","stream":"a\\tb\\n"\},\n\{[^\n]*"c\\n"\}\]\n$/],
    ['extension=csv&blob-type=session_input', 'input.txt', /^printf 'a/],
  ])('a link with %s', async (query, ending, content) => {
    const id = await run(SCRIPT);
    const answer = await anonymous().get(await link(id, query));
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/octet-stream');
    expect(answer.headers.get('content-disposition')).toMatch(
      new RegExp(`^attachment; filename=${bash}-${id}-[\\dTZ-]+\\.${ending}$`),
    );
    expect(answer.body).toMatch(content);
  });

  it('is good once, for its session, with its token, for five minutes; a wrong token takes nothing away', async () => {
    const id = await run(SCRIPT);
    const url = await link(id, 'extension=csv');
    const wrong = new URL(url);
    wrong.searchParams.set('token', 'x');
    expectError(await anonymous().get(wrong.href), 401, 'access denied');
    expect((await anonymous().get(url)).status).toBe(200);
    expectError(await anonymous().get(url), 404, /ask for a new one$/);
    const late = await link(id, 'extension=csv');
    await sql(world.server, "UPDATE exec_sessions SET download_expires_at = now() - interval '1 s'");
    expectError(await anonymous().get(late), 410, 'the link has expired: ask for a new one');
    for (const path of [
      `${SESSIONS}/${id}/download`,
      `${SESSIONS}/x/download?token=y`,
      `${SESSIONS}/5/download`,
    ])
      expect([401, 404]).toContain((await anonymous().get(path)).status);
    expect((await anonymous().get(`${url}&token=again`)).status).toBe(400);
  });
});

interface LiveEvent {
  id: string;
  event: string;
  data: { time?: number; type?: string; payload?: string; state?: string; exit_code?: number };
}

async function* events(id: string, lastEventId?: string): AsyncGenerator<LiveEvent> {
  const hangUp = new AbortController();
  const answer = await fetch(new URL(`${SESSIONS}/${id}/stream`, world.server.url), {
    signal: hangUp.signal,
    headers: {
      authorization: `Bearer ${world.client.bearer}`,
      ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
    },
  });
  expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/);
  try {
    let rest = '';
    const decoder = new TextDecoder();
    for await (const part of answer.body as ReadableStream<Uint8Array>) {
      const blocks = (rest + decoder.decode(part, { stream: true })).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        if (block.startsWith(':')) continue;
        const [, eventId = '', event = '', data = ''] =
          /^id: (.*)\nevent: (.*)\ndata: (.*)$/.exec(block) ?? [];
        yield { id: eventId, event, data: JSON.parse(data) };
      }
    }
  } finally {
    hangUp.abort();
  }
}

describe('GET /api/sessions/:id/stream', () => {
  it('is what was given and written, live, and its end; it goes on after any event without a gap or a double', async () => {
    const id = await start('echo one; sleep 0.5; echo two >&2; sleep 0.5; exit 4');
    const all: LiveEvent[] = [];
    for await (const event of events(id)) all.push(event);
    expect(all.map(({ event, data }) => [event, data.type, data.payload && text(data.payload)])).toEqual([
      ['event', 'i', 'echo one; sleep 0.5; echo two >&2; sleep 0.5; exit 4'],
      ['event', 'o', 'one\n'],
      ['event', 'o', 'two\n'],
      ['session_end', undefined, undefined],
    ]);
    expect(all.at(-1)?.data).toEqual({ session_id: id, state: 'finished', exit_code: 4 });
    expect((all[2]?.data.time ?? 0) - (all[1]?.data.time ?? 0)).toBeGreaterThan(0.3);
    const rest: LiveEvent[] = [];
    for await (const event of events(id, all[1]?.id)) rest.push(event);
    expect(rest).toEqual(all.slice(2));
  });

  it('tells why it was ended', async () => {
    const id = await start('echo one; sleep 60');
    const all: (string | undefined)[] = [];
    for await (const { event, data } of events(id)) {
      all.push(data.payload === undefined ? event : `${data.type} ${text(data.payload)}`);
      if (all.at(-1) === 'o one\n') await world.client.post(`${SESSIONS}/${id}/kill`);
    }
    expect(all.slice(2)).toEqual([`e session killed by ${world.server.admin.email}\n`, 'session_end']);
  });

  it('refuses a cursor that is none', async () => {
    const id = await run('true');
    expectError(await world.client.get(`${SESSIONS}/${id}/stream?after=x`), 422, /^Last-Event-ID must be/);
  });
});

describe('much output', () => {
  it('is cut in the answer to the last MiB of each stream, and whole in the stream', async () => {
    const script = `head -c 3000000 /dev/zero | tr '\\0' a; echo; echo end; echo err >&2`;
    const answer = finished(await exec(world.client, bash, script));
    expect(answer.truncated).toBe(true);
    expect(answer.output.length).toBeLessThanOrEqual(1024 * 1024 + 4);
    expect(answer.output).toContain('a\nend\n');
    const whole = await world.client.get(`${SESSIONS}/${answer.session_id}/result/stream`);
    expect((whole.body as string).length).toBe(3_000_009);
  });

  it('more than the connection keeps is dropped between head and tail, and said', async () => {
    const name = await connect(world.client, 'shell-01', { output_cap_bytes: 4_096 });
    const answer = finished(await exec(world.client, name, 'seq 1 10000'));
    expect(answer).toMatchObject({ truncated: true, output_status: 'success' });
    expect(answer.output).toMatch(/^1\n2\n[^]*9999\n10000\n$/);
  });
});

describe('when the server is restarted', () => {
  it('in the middle of a session, that goes on and ends as if nothing had been', async () => {
    const id = await start('echo before; sleep 4; echo after; exit 5');
    await until(async () =>
      JSON.stringify(
        (await world.client.get(`${SESSIONS}/${id}?expand=event_stream`)).body.event_stream,
      ).includes(base64('before\n')),
    );
    await world.server.kill();
    await setTimeout(500);
    await world.server.restart();
    const { body } = await world.client.get(
      `${SESSIONS}/${id}?wait=50&expand=event_stream&event_stream=utf8`,
    );
    expect(body).toMatchObject({ status: 'done', exit_code: 5, event_stream: ['before\nafter\n'] });
  });
});

// Last: another server on the same database takes all hosts for disconnected.
describe('the output of old sessions', () => {
  it('is removed when the setting says so, and nothing else of them', async () => {
    const [old, young] = [await run('echo old'), await run('echo young')];
    const ages = `UPDATE executions SET created_at = now() - interval '3 days' WHERE uuid = $1`;
    await sql(world.server, ages, [old]);
    await sql(
      world.server,
      `UPDATE targets SET finished_at = now() - interval '2 days 1 minute' WHERE uuid = $1`,
      [old],
    );
    const tidy = await startServer({
      databaseUrl: world.server.databaseUrl ?? '',
      env: { MUSTER_SESSION_RETENTION: '2' },
    });
    const client = new Api(tidy, world.client.bearer);
    const get = async (id: string) =>
      (await client.get(`${SESSIONS}/${id}?expand=event_stream&event_stream=utf8`)).body;
    const removed = await until(async () => {
      const session = await get(old);
      return session.output_removed_at !== null && session;
    });
    expect(removed).toMatchObject({ event_stream: [''], exit_code: 0, status: 'done' });
    expect((await client.get(`${SESSIONS}/${old}`)).body.script.data).toBe('echo old');
    expect(await get(young)).toMatchObject({ event_stream: ['young\n'], output_removed_at: null });
    await tidy.stop();
  });
});
