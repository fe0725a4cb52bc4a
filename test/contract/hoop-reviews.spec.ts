import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Answer, type Api, temporaryDirectory, until } from '#libs/testing/index';
import {
  decide,
  expectRefused,
  type Office,
  reaches,
  reviewOf,
  startOffice,
  timesIn,
  under,
} from '../e2e/approvals.support.js';
import { addUser, sql } from '../e2e/support.js';
import { expectLawfulTransitions, recordTransitions } from '../faults/support/transitions.js';
import { accepted, connect, exec, type ExecResponse, finished } from './hoop.support.js';

/* hoop's reviews: reference/hoop.md, sections 5.2 and 8. A session is asked for, approved, and run by whoever asked for it, once. */

const files = temporaryDirectory('reviews');
let office: Office;
let connection: string;
beforeAll(async () => {
  office = await startOffice();
  await recordTransitions(office.server.databaseUrl!);
  connection = await connect(office.client, 'web-1', { reviewers: ['admin'], min_review_approvals: 1 });
});

let count = 0;
/** A file, and a script that adds a line to it. */
function counter(): { file: string; script: string } {
  const file = path.join(files, `count-${(count += 1)}`);
  return { file, script: `echo x >> '${file}'; echo done` };
}

/** Ann asks for a session; its id. */
async function ask(script: string, more: object = {}, name = connection): Promise<string> {
  const { session_id, has_review } = accepted(await exec(office.ann, name, script, more));
  expect(has_review).toBe(true);
  return session_id;
}

const start = (client: Api, id: string, wait?: number): Promise<Answer> =>
  client.post(`/api/sessions/${id}/exec${wait === undefined ? '' : `?wait=${wait}`}`);

describe('a session through a connection with reviewers', () => {
  it('waits, is ready once it is approved, and is run by whoever asked for it', async () => {
    const { ann, bob, server } = office;
    const { file, script } = counter();
    const asked = accepted(await exec(ann, connection, script, { client_args: ['-e'] }, 30));
    const id = asked.session_id;
    expect(asked).toMatchObject({ has_review: true, output: expect.stringContaining(`/api/sessions/${id}`) });
    expect((await ann.get(`/api/sessions/${id}`)).body).toMatchObject({ status: 'open', exit_code: null });
    expectRefused(await start(ann, id), 403, 'it has not been approved yet');

    const review = await reviewOf(bob, id);
    expect(review).toMatchObject({
      session: id,
      type: 'onetime',
      kind: 'exec_session',
      status: 'PENDING',
      access_duration: 0,
      time_window: null,
      review_owner: { email: 'ann@example.com' },
      review_connection: { name: connection },
      review_groups_data: [{ group: 'admin', status: 'PENDING' }],
      requirements: [{ source: `connection ${connection}`, min_approvals: 1 }],
      input: { text: script, arguments: ['/bin/bash', '-e'] },
    });
    // Whoever is to approve it sees what is asked for.
    expect((await bob.get(`/api/sessions/${id}`)).body).toMatchObject({
      script: { data: script },
      review: { id: review.id, status: 'PENDING' },
    });

    const approved = await bob.put(`/api/reviews/${review.id}`, {
      status: 'APPROVED',
      digest: review.digest,
    });
    expect([approved.status, approved.body]).toMatchObject([200, { status: 'APPROVED' }]);
    expect((await ann.get(`/api/sessions/${id}`)).body).toMatchObject({
      status: 'ready',
      review: { status: 'APPROVED' },
    });
    expect(timesIn(file)).toBe(0);

    expect(finished(await start(ann, id))).toMatchObject({
      session_id: id,
      has_review: true,
      output: 'done\n',
      output_status: 'success',
      exit_code: 0,
    });
    await reaches(bob, id, 'EXECUTED');
    expect((await ann.get(`/api/sessions/${id}`)).body).toMatchObject({
      status: 'done',
      review: { status: 'EXECUTED' },
    });
    expectRefused(await start(ann, id), 409, 'it has run already: an approval is for one run');
    expectRefused(await decide(bob, id, 'REVOKED'), 409, /it is EXECUTED$/);
    expect(timesIn(file)).toBe(1);
    const record = await sql(
      server,
      `SELECT act, email FROM audit WHERE execution_uuid = $1 AND outcome = 'done' ORDER BY id`,
      [id],
    );
    expect(record).toEqual([
      { act: 'requested_exec_session', email: 'ann@example.com' },
      { act: 'requested_review', email: 'ann@example.com' },
      { act: 'approved_review', email: 'bob@example.com' },
      { act: 'ran_approved', email: 'ann@example.com' },
      { act: 'ran_exec_session', email: 'ann@example.com' },
    ]);
  });

  it('starts once, with a hundred approvals and a hundred runs at the same moment', async () => {
    const { ann, client, bob, eve } = office;
    const { file, script } = counter();
    const id = await ask(script);
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        i % 2 === 0
          ? decide([client, bob, eve][i % 3]!, id, 'APPROVED')
          : start(i % 4 === 1 ? ann : bob, id, 20),
      ),
    );
    const runs = answers.filter((_, i) => i % 2 === 1);
    const last = await start(ann, id, 20);
    const ran = [...runs, last].filter(({ status }) => status === 200);
    // One of them got through, if only the last, and heard of the end.
    expect(ran).toHaveLength(1);
    expect(finished(ran[0]!)).toMatchObject({ output: 'done\n', exit_code: 0 });
    for (const answer of [...runs, last])
      if (answer.status !== 200)
        expectRefused(
          answer,
          answer.status === 403 ? 403 : 409,
          /not been approved yet|running already|has run already/,
        );
    await reaches(bob, id, 'EXECUTED');
    expect(timesIn(file)).toBe(1);
  });

  it('starts once, with a hundred runs of what is approved', async () => {
    const { ann, bob } = office;
    const { file, script } = counter();
    const id = await ask(script);
    await decide(bob, id, 'APPROVED');
    const runs = await Promise.all(Array.from({ length: 100 }, () => start(ann, id, 20)));
    expect(runs.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(runs.filter(({ status }) => status === 409)).toHaveLength(99);
    expect(timesIn(file)).toBe(1);
  });

  it('goes on when the run is not waited for', async () => {
    const { ann, bob } = office;
    const go = path.join(files, 'go');
    const id = await ask(`until [ -e '${go}' ]; do sleep 0.05; done; echo late`);
    await decide(bob, id, 'APPROVED');
    expect(accepted(await start(ann, id, 0))).toMatchObject({ output_status: 'running', exit_code: -2 });
    await until(async () => (await reviewOf(bob, id)).status === 'PROCESSING', { what: 'it is under way' });
    expectRefused(await start(ann, id), 409, 'it is running already');
    writeFileSync(go, '');
    const { body } = await ann.get(`/api/sessions/${id}?wait=20&expand=event_stream&event_stream=utf8`);
    expect(body).toMatchObject({ status: 'done', exit_code: 0, event_stream: ['late\n'] });
    await reaches(bob, id, 'EXECUTED');
  });

  it('is not run by somebody else', async () => {
    const { ann, bob, sam, server } = office;
    const mallory = await addUser(server, 'mallory@example.com', 'maintainer');
    const { file, script } = counter();
    const id = await ask(script);
    await decide(bob, id, 'APPROVED');
    // Sam may run nothing; what Mallory runs is her own.
    expect((await start(sam, id)).status).toBe(403);
    expect((await start(mallory, id)).status).toBe(404);
    expect(timesIn(file)).toBe(0);
    finished(await start(ann, id));
  });

  it('never runs once it is rejected', async () => {
    const { ann, bob } = office;
    const { file, script } = counter();
    const id = await ask(script);
    const { body } = await decide(bob, id, 'REJECTED', { rejection_reason: 'wrong database' });
    expect(body).toMatchObject({ status: 'REJECTED', rejection_reason: 'wrong database' });
    expectRefused(await start(ann, id), 403, 'it was rejected by bob@example.com: wrong database');
    expect((await ann.get(`/api/sessions/${id}`)).body).toMatchObject({
      status: 'done',
      state: 'denied',
      message: 'rejected by bob@example.com: wrong database',
    });
    expect(timesIn(file)).toBe(0);
  });

  it('never runs once it is revoked, by a reviewer or by whoever asked', async () => {
    const { ann, bob } = office;
    const { file, script } = counter();
    for (const who of [ann, bob]) {
      const id = await ask(script);
      await decide(bob, id, 'APPROVED');
      expect((await decide(who, id, 'REVOKED')).body).toMatchObject({ status: 'REVOKED' });
      expectRefused(await start(ann, id), 403, /^it was revoked by /);
      expectRefused(await decide(bob, id, 'APPROVED'), 409, /it is REVOKED$/);
    }
    expect(timesIn(file)).toBe(0);
  });

  it('is approved by nobody who asked for it, administrators included', async () => {
    const { client, bob } = office;
    const { script } = counter();
    const { session_id: id } = accepted(await exec(client, connection, script));
    expectRefused(
      await decide(client, id, 'APPROVED'),
      403,
      'nobody approves their own request: another reviewer has to',
    );
    expectRefused(await start(client, id), 403, 'it has not been approved yet');
    await decide(bob, id, 'APPROVED');
    finished(await start(client, id));
  });

  it('runs within its time window only', async () => {
    const { ann, bob, server } = office;
    const { file, script } = counter();
    const hour = (more: number): string =>
      `${String((new Date().getUTCHours() + more) % 24).padStart(2, '0')}:00`;
    const window = (from: number, to: number): object => ({
      type: 'time_range',
      configuration: { start_time: hour(from), end_time: hour(to) },
    });
    const id = await ask(script);
    const { body } = await decide(bob, id, 'APPROVED', { time_window: window(3, 5) });
    expect(body).toMatchObject({ status: 'APPROVED', time_window: window(3, 5) });
    expectRefused(
      await start(ann, id),
      403,
      `it was approved for ${hour(3)} to ${hour(5)} UTC, and may not run now`,
    );
    expect((await ann.get(`/api/sessions/${id}`)).body).toMatchObject({ status: 'ready' });
    await sql(
      server,
      `UPDATE review_votes v SET time_window = $2 FROM reviews r JOIN executions e ON e.id = r.execution_id WHERE r.id = v.review_id AND e.uuid = $1`,
      [id, JSON.stringify(window(22, 3))],
    );
    finished(await start(ann, id));
    expect(timesIn(file)).toBe(1);
  });

  it('needs each of its reviewers, unless the connection says how many', async () => {
    const { ann, client, bob, sam } = office;
    const each = await connect(client, 'web-1', { reviewers: ['admin', 'sam@example.com'] });
    const { file, script } = counter();
    const id = await ask(script, {}, each);
    expect((await decide(bob, id, 'APPROVED')).body).toMatchObject({
      status: 'PENDING',
      review_groups_data: [
        { group: 'admin', status: 'APPROVED' },
        { group: 'sam@example.com', status: 'PENDING' },
      ],
    });
    expectRefused(await start(ann, id), 403, 'it has not been approved yet');
    expect((await decide(sam, id, 'APPROVED')).body).toMatchObject({ status: 'APPROVED' });
    finished(await start(ann, id));
    expect(timesIn(file)).toBe(1);
  });

  it('with another script, other arguments or another environment is another request', async () => {
    const { ann, bob, client } = office;
    const name = await connect(client, 'web-1', { reviewers: ['admin'], allowed_env: ['WHO'] });
    const { file, script } = counter();
    const id = await ask(script, {}, name);
    const { digest } = await reviewOf(bob, id);
    await decide(bob, id, 'APPROVED', { digest });
    for (const [text, more] of [
      [`${script} `, {}],
      [script, { client_args: ['-x'] }],
      [script, { env_vars: { 'envvar:WHO': Buffer.from('me').toString('base64') } }],
    ] as const) {
      const other = await ask(text, more, name);
      expect((await reviewOf(bob, other)).digest).not.toBe(digest);
      expectRefused(await start(ann, other), 403, 'it has not been approved yet');
      expectRefused(
        await decide(bob, other, 'APPROVED', { digest }),
        409,
        /something else than what was looked at/,
      );
    }
    finished(await start(ann, id));
    expect(timesIn(file)).toBe(1);
  });

  it('does not run as something else than what was approved', async () => {
    const { ann, bob, server } = office;
    const { file, script } = counter();
    const id = await ask(script);
    await decide(bob, id, 'APPROVED');
    await sql(
      server,
      `UPDATE executions SET options = options || '{"env": {"LD_PRELOAD": "/tmp/x"}}' WHERE uuid = $1`,
      [id],
    );
    expectRefused(await start(ann, id), 409, /it is not covered$/);
    expect(timesIn(file)).toBe(0);
    await decide(bob, id, 'REVOKED');
  });

  it('is approved before and run after a restart of the server', async () => {
    const { ann, bob, server, agent } = office;
    const { file, script } = counter();
    const [before, after] = [await ask(script), await ask(script)];
    await decide(bob, before, 'APPROVED');
    await server.kill();
    await server.restart();
    await agent.online();
    await decide(bob, after, 'APPROVED');
    finished(await start(ann, before));
    finished(await start(ann, after));
    expect(timesIn(file)).toBe(2);
  });
});

it('a policy makes sessions wait whose connection has no reviewers', async () => {
  const { ann, bob, client } = office;
  const free = await connect(client, 'web-1');
  const { file, script } = counter();
  const policy = { conditions: [{ kinds: ['exec_session'] }] };
  const id = await under(office, policy, () => ask(script, {}, free));
  await decide(bob, id, 'APPROVED');
  expect((await ann.get(`/api/sessions/${id}`)).body).toMatchObject({ status: 'ready' });
  finished(await start(ann, id));
  expect(timesIn(file)).toBe(1);
  const after: ExecResponse = finished(await exec(ann, free, script));
  expect(after.has_review).toBe(false);
});

it.each<[object, number, string | RegExp]>([
  [{}, 400, /^status must be APPROVED, REJECTED or REVOKED$/],
  [{ status: 'EXECUTED' }, 400, /^status must be/],
  [{ status: 'APPROVED', digest: 'x' }, 400, /^digest must be/],
  [{ status: 'APPROVED', time_window: 'always' }, 400, /time_window/],
  [{ status: 'APPROVED', time_window: { type: 'never' } }, 422, 'time_window.type must be time_range'],
  [{ status: 'APPROVED', force_review: true }, 403, /not enough by itself/],
])('refuses the decision %j', async (body, status, message) => {
  const { bob } = office;
  const id = await ask('true');
  expectRefused(await bob.put(`/api/sessions/${id}/review`, body), status, message);
  expect(await reviewOf(bob, id)).toMatchObject({ status: 'PENDING', requirements: [{ approvals: 0 }] });
});

it('knows no review of what has none, nor of what is nothing', async () => {
  const { ann, bob, client } = office;
  const { session_id: id } = finished(await exec(ann, await connect(client, 'web-1'), 'true'));
  for (const unknown of [id, '00000000-0000-0000-0000-000000000000', 'x']) {
    expectRefused(await bob.get(`/api/reviews/${unknown}`), 404, 'review not found');
    expectRefused(await decide(bob, unknown, 'APPROVED'), 404, 'review not found');
    expectRefused(await bob.put(`/api/reviews/${unknown}`, { status: 'APPROVED' }), 404, 'review not found');
  }
});

it('lists reviews, newest first, by status and page by page', async () => {
  const { bob } = office;
  const ids = [await ask('true'), await ask('true'), await ask('true')];
  const list = async (query: string): Promise<string[]> =>
    ((await bob.get(`/api/reviews?${query}`)).body as { session: string }[]).map(({ session }) => session);
  expect(await list('status=PENDING&limit=3')).toEqual([...ids].reverse());
  expect(await list('status=PENDING&limit=2&offset=1')).toEqual([ids[1], ids[0]]);
  expectRefused(await bob.get('/api/reviews?status=open'), 400, /^status must be one of PENDING/);
  expectRefused(await bob.get('/api/reviews?limit=0'), 422, 'limit must be between 1 and 1000');
  expectRefused(await bob.get('/api/reviews?offset=20000'), 422, 'offset must be between 0 and 10000');
});

it('has changed nothing but as the states allow', async () => {
  await expectLawfulTransitions(office.server.databaseUrl!);
});
