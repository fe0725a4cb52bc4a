import path from 'node:path';
import { type Api, startAgent, temporaryDirectory, until } from '#libs/testing/index';
import { expectLawfulTransitions, recordTransitions } from '../faults/support/transitions.js';
import {
  decide,
  expectRefused,
  look,
  type Office,
  reaches,
  reviewOf,
  startOffice,
  statesOf,
  timesIn,
  under,
} from './approvals.support.js';
import { ended, resultOf, run, sql } from './support.js';
import { saveScript } from './teams.js';

/* What has to be approved waits, whoever asks for it and however, and then runs by itself, once. */

const files = temporaryDirectory('approvals');
let office: Office;
beforeAll(async () => {
  office = await startOffice('web-1', ['env=prod.eu']);
  await recordTransitions(office.server.databaseUrl!);
});

let count = 0;
/** A file, and a script that adds a line to it. */
function counter(): { file: string; script: string } {
  const file = path.join(files, `count-${(count += 1)}`);
  return { file, script: `echo x >> '${file}'; echo done` };
}

/** Ann asks for a script on the host, under a policy. */
const ask = (script: string, policy: object = {}, more: object = {}): Promise<string> =>
  under(office, policy, () => run(office.ann, office.host.id, script, more));

const acts = (id: string): Promise<{ act: string; email: string; details: object }[]> =>
  sql(
    office.server,
    `SELECT act, email, details FROM audit WHERE execution_uuid = $1 AND act LIKE '%review' ORDER BY id`,
    [id],
  );

describe('a script that has to be approved', () => {
  it('waits, is shown to its reviewers, runs once it is approved, and leaves a record', async () => {
    const { ann, bob, sam, host } = office;
    const { file, script } = counter();
    const id = await ask(script, { name: 'scripts by two eyes', conditions: [{ kinds: ['script'] }] });

    expect(await look(ann, id)).toMatchObject({
      review: expect.stringMatching(/^[0-9a-f-]{36}$/),
      counts: { waiting_approval: 1 },
    });
    expect((await ann.get(`/api/v1/fleet/scripts/results/${id}`)).body).toMatchObject({
      exit_code: null,
      message: 'Script is waiting for approval. It will run once it is approved.',
    });
    const upcoming = await ann.get(`/api/v1/fleet/hosts/${host.id}/activities/upcoming`);
    expect(upcoming.body.activities).toEqual([
      expect.objectContaining({ details: expect.objectContaining({ script_execution_id: id }) }),
    ]);

    const review = await reviewOf(bob, id);
    expect(review).toMatchObject({
      id: (await look(ann, id)).review,
      session: id,
      type: 'onetime',
      kind: 'script',
      status: 'PENDING',
      hosts: 1,
      review_owner: { email: 'ann@example.com' },
      review_connection: null,
      review_groups_data: [{ group: 'admin', status: 'PENDING', reviewed_by: null, review_date: null }],
      requirements: [
        {
          source: 'policy scripts by two eyes',
          reviewers: ['admin'],
          min_approvals: 1,
          approvals: 0,
          met: false,
        },
      ],
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      input: { text: script, arguments: [], env: {}, hostnames: ['web-1'] },
      may_decide: true,
    });
    expect((await bob.get(`/api/reviews/${review.id}`)).body).toEqual(review);
    expect((await ann.get(`/api/reviews/${review.id}`)).body).toMatchObject({ may_decide: false });
    const listed = async (who: Api): Promise<string[]> =>
      ((await who.get('/api/reviews?status=PENDING')).body as { session: string }[]).map((r) => r.session);
    expect(await listed(bob)).toEqual([id]);
    expect(await listed(ann)).toEqual([id]);
    expect(await listed(sam)).toEqual([]);
    expectRefused(await sam.get(`/api/reviews/${review.id}`), 404, 'review not found');
    expectRefused(
      await sam.put(`/api/reviews/${review.id}`, { status: 'APPROVED' }),
      404,
      'review not found',
    );
    expect(timesIn(file)).toBe(0);

    const approved = await bob.put(`/api/reviews/${review.id}`, {
      status: 'APPROVED',
      digest: review.digest,
    });
    expect(approved.status).toBe(200);
    expect(approved.body).toMatchObject({
      status: 'APPROVED',
      review_groups_data: [
        {
          group: 'admin',
          status: 'APPROVED',
          reviewed_by: { email: 'bob@example.com' },
          review_date: expect.stringMatching(/Z$/),
        },
      ],
    });
    expect(await resultOf(ann, id)).toMatchObject({ exit_code: 0, output: 'done\n' });
    expect(await reaches(bob, id, 'EXECUTED')).toMatchObject({ may_decide: false });
    expect(timesIn(file)).toBe(1);
    expect(await acts(id)).toMatchObject([
      { act: 'requested_review', email: 'ann@example.com', details: { digest: review.digest } },
      {
        act: 'approved_review',
        email: 'bob@example.com',
        details: { digest: review.digest, groups: ['admin'], verdict: 'APPROVED' },
      },
    ]);
  });

  it('runs once, whoever approves how often at the same moment', async () => {
    const { client, bob, eve } = office;
    const { file, script } = counter();
    const id = await ask(script);
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) => decide([client, bob, eve][i % 3]!, id, 'APPROVED')),
    );
    // One decides; their own word again changes nothing; that of the others comes too late.
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
    for (const answer of answers)
      if (answer.status !== 200) expectRefused(answer, 409, /^the review has been decided by .*: it is /);
    await ended(client, id);
    await reaches(bob, id, 'EXECUTED');
    expect(timesIn(file)).toBe(1);
    expect((await acts(id)).map(({ act }) => act)).toEqual(['requested_review', 'approved_review']);
  });

  it('is approved by nobody who asked for it, though they may withdraw it', async () => {
    const { client, bob } = office;
    const { file, script } = counter();
    const id = await under(office, {}, () => run(client, office.host.id, script));
    expectRefused(
      await decide(client, id, 'APPROVED'),
      403,
      'nobody approves their own request: another reviewer has to',
    );
    expectRefused(await decide(client, id, 'APPROVED', { force_review: true }), 403, /their own/);
    expectRefused(await decide(client, id, 'REJECTED'), 403, /to withdraw it, revoke it$/);
    expect(await statesOf(client, id)).toEqual(['waiting_approval']);
    const revoked = await decide(client, id, 'REVOKED', { rejection_reason: 'not needed' });
    expect([revoked.status, revoked.body]).toMatchObject([
      200,
      { status: 'REVOKED', rejection_reason: 'not needed', revoke_at: expect.stringMatching(/Z$/) },
    ]);
    expect((await ended(client, id)).target).toMatchObject({
      state: 'cancelled',
      reason: 'approval_revoked',
      message: 'approval revoked by admin@example.com: not needed',
    });
    expectRefused(await decide(bob, id, 'APPROVED'), 409, /it is REVOKED$/);
    expect(timesIn(file)).toBe(0);
  });

  it('waits for as many people as it takes', async () => {
    const { bob, eve, sam } = office;
    const { file, script } = counter();
    const id = await ask(script, { min_approvals: 2, reviewers: ['admin', 'sam@example.com'] });
    const first = await decide(bob, id, 'approved');
    expect(first.body).toMatchObject({
      status: 'PENDING',
      requirements: [{ min_approvals: 2, approvals: 1, met: false }],
    });
    // The same person again, and another one of the same group, where one of each is needed.
    expect((await decide(bob, id, 'APPROVED')).body).toMatchObject({ status: 'PENDING' });
    expect((await decide(eve, id, 'APPROVED')).body).toMatchObject({
      status: 'PENDING',
      requirements: [{ approvals: 2, met: false }],
    });
    expect(await statesOf(bob, id)).toEqual(['waiting_approval']);
    expect((await decide(sam, id, 'APPROVED')).body).toMatchObject({ status: 'APPROVED' });
    await ended(bob, id);
    expect(timesIn(file)).toBe(1);
  });

  it('needs what each of its policies demands', async () => {
    const { bob, sam } = office;
    const { script } = counter();
    const id = await under(office, { reviewers: ['sam@example.com'] }, () => ask(script));
    expect((await decide(bob, id, 'APPROVED')).body).toMatchObject({ status: 'PENDING' });
    expect((await decide(sam, id, 'APPROVED')).body).toMatchObject({ status: 'APPROVED' });
    await ended(bob, id);
  });

  it('is approved at once by somebody whose word is enough', async () => {
    const { bob, sam, eve } = office;
    const policy = { reviewers: ['admin', 'sam@example.com'], min_approvals: 5 };
    const id = await ask(counter().script, { ...policy, force_approve_groups: ['sam@example.com'] });
    expectRefused(
      await decide(bob, id, 'APPROVED', { force_review: true }),
      403,
      'your approval is not enough by itself: leave out force_review',
    );
    expect((await decide(eve, id, 'APPROVED')).body).toMatchObject({ status: 'PENDING' });
    expect((await decide(sam, id, 'APPROVED', { force_review: true })).body).toMatchObject({
      status: 'APPROVED',
      review_groups_data: [
        { group: 'admin', forced_review: false },
        { group: 'sam@example.com', forced_review: true },
      ],
    });
    await ended(bob, id);
  });

  it('never runs once it is rejected, and says by whom and why', async () => {
    const { ann, bob, eve } = office;
    const { file, script } = counter();
    const id = await ask(script);
    expect((await decide(bob, id, 'REJECTED', { rejection_reason: 'not on a Friday' })).body).toMatchObject({
      status: 'REJECTED',
      rejection_reason: 'not on a Friday',
      review_groups_data: [{ status: 'REJECTED', reviewed_by: { email: 'bob@example.com' } }],
    });
    expect(await resultOf(ann, id)).toMatchObject({
      exit_code: -2,
      message: 'The script was denied: rejected by bob@example.com: not on a Friday',
    });
    expect((await ended(ann, id)).target).toMatchObject({ state: 'denied', reason: 'approval_rejected' });
    expectRefused(
      await decide(eve, id, 'APPROVED'),
      409,
      'the review has been decided by bob@example.com: it is REJECTED',
    );
    expectRefused(await decide(bob, id, 'REVOKED'), 409, /it is REJECTED$/);
    expect(timesIn(file)).toBe(0);
  });

  it('can be taken back while its host has not been sent it, and not afterwards', async () => {
    const { ann, bob, server } = office;
    const agent = startAgent({ server, hostname: 'web-away' });
    const { id: hostId } = await agent.online();
    await agent.stop();
    const { file, script } = counter();
    const id = await under(office, {}, () => run(ann, hostId, script));
    expect((await decide(bob, id, 'APPROVED')).body).toMatchObject({ status: 'APPROVED' });
    expect(await statesOf(bob, id)).toEqual(['queued']);
    expect((await decide(bob, id, 'REVOKED')).body).toMatchObject({ status: 'REVOKED' });
    expect((await decide(bob, id, 'REVOKED')).status).toBe(200);
    expectRefused(await decide(bob, id, 'APPROVED'), 409, /it is REVOKED$/);
    expect(await statesOf(bob, id)).toEqual(['cancelled']);
    await agent.restart();
    await agent.online();
    const after = await under(office, {}, () => run(ann, hostId, script));
    await decide(bob, after, 'APPROVED');
    await ended(ann, after);
    expect(timesIn(file)).toBe(1);
    await reaches(bob, after, 'EXECUTED');
    expectRefused(await decide(bob, after, 'REVOKED'), 409, /it is EXECUTED$/);
    await agent.stop();
  });

  it('is not covered by the approval of another request, nor by one of what it was before', async () => {
    const { ann, bob, server, host } = office;
    const { file, script } = counter();
    const [first, second] = await under(office, {}, async () => [
      await run(ann, host.id, script),
      await run(ann, host.id, `${script} # edited`),
    ]);
    const [one, other] = [await reviewOf(bob, first), await reviewOf(bob, second)];
    expect(one.digest).not.toBe(other.digest);
    expectRefused(
      await decide(bob, second, 'APPROVED', { digest: one.digest }),
      409,
      /something else than what was looked at/,
    );
    await decide(bob, first, 'APPROVED', { digest: one.digest });
    await ended(ann, first);
    expect(await statesOf(ann, second)).toEqual(['waiting_approval']);
    await sql(server, `UPDATE executions SET options = options || '{"user": "root"}' WHERE uuid = $1`, [
      second,
    ]);
    expectRefused(await decide(bob, second, 'APPROVED', { digest: other.digest }), 409, /it is not covered$/);
    expect(await statesOf(ann, second)).toEqual(['waiting_approval']);
    expect(timesIn(file)).toBe(1);
    await decide(bob, second, 'REJECTED');
  });

  it('is sent once with a key, which finds it while it waits', async () => {
    const { ann, bob, host } = office;
    const { file, script } = counter();
    const post = () =>
      ann.post(
        '/api/v1/fleet/scripts/run',
        { host_id: host.id, script_contents: script },
        { 'Idempotency-Key': 'once-approved' },
      );
    const answers = await under(office, {}, () => Promise.all([post(), post(), post()]));
    const again = await post();
    const ids = new Set([...answers, again].map(({ body }) => body.execution_id as string));
    expect(ids.size).toBe(1);
    const [id] = [...ids] as [string];
    await decide(bob, id, 'APPROVED');
    await ended(ann, id);
    expect(timesIn(file)).toBe(1);
  });

  it('that is cancelled takes its review with it', async () => {
    const { ann, bob } = office;
    const id = await ask(counter().script);
    expect((await ann.post(`/api/v1/executions/${id}/cancel`)).status).toBe(202);
    expect(await reaches(bob, id, 'REVOKED')).toMatchObject({
      rejection_reason: 'the request was withdrawn before it ran',
    });
    expectRefused(await decide(bob, id, 'APPROVED'), 409, /it is REVOKED$/);
  });

  it('waits through a restart of the server', async () => {
    const { ann, bob, server, agent } = office;
    const { file, script } = counter();
    const id = await ask(script, { min_approvals: 2 });
    await decide(bob, id, 'APPROVED');
    await server.kill();
    await server.restart();
    await agent.online();
    expect(await reviewOf(bob, id)).toMatchObject({ status: 'PENDING', requirements: [{ approvals: 1 }] });
    expect((await decide(office.eve, id, 'APPROVED')).body).toMatchObject({ status: 'APPROVED' });
    await ended(ann, id);
    await reaches(bob, id, 'EXECUTED');
    expect(timesIn(file)).toBe(1);
  });
});

describe('a time window', () => {
  const text = (hours: number): string =>
    `${String((new Date().getUTCHours() + hours + 24) % 24).padStart(2, '0')}:00`;
  const window = (from: number, to: number): object => ({
    time_window: { type: 'time_range', configuration: { start_time: text(from), end_time: text(to) } },
  });

  it('that is open lets it run, until it closes', async () => {
    const { ann, bob } = office;
    const id = await ask(counter().script);
    const { body } = await decide(bob, id, 'APPROVED', window(-2, 3));
    expect(body).toMatchObject({ status: 'APPROVED', ...window(-2, 3) });
    await ended(ann, id);
    const { expires_at } = await look(ann, id);
    expect(Date.parse(expires_at as string) - Date.now()).toBeLessThanOrEqual(3 * 3_600_000);
  });

  it('that is closed keeps it waiting until it opens', async () => {
    const { ann, bob, server } = office;
    const { file, script } = counter();
    const id = await ask(script);
    expect((await decide(bob, id, 'APPROVED', window(3, 5))).body).toMatchObject({ status: 'APPROVED' });
    expect(await statesOf(ann, id)).toEqual(['waiting_approval']);
    // Time is not waited for: the window is moved to it.
    await sql(
      server,
      `UPDATE review_votes v SET time_window = $2 FROM reviews r JOIN executions e ON e.id = r.execution_id WHERE r.id = v.review_id AND e.uuid = $1`,
      [id, JSON.stringify((window(-2, 3) as { time_window: object }).time_window)],
    );
    await ended(ann, id);
    await reaches(bob, id, 'EXECUTED');
    expect(timesIn(file)).toBe(1);
  });

  it('that makes no sense is refused', async () => {
    const { bob } = office;
    const id = await ask(counter().script);
    expectRefused(
      await decide(bob, id, 'APPROVED', { time_window: { type: 'time_range', configuration: {} } }),
      422,
      /^time_window.configuration.start_time must be/,
    );
    expectRefused(
      await decide(bob, id, 'APPROVED', { time_window: { type: 'x' } }),
      422,
      /type must be time_range/,
    );
    await decide(bob, id, 'REJECTED');
  });
});

describe('what policies look at', () => {
  /** Whether Ann's command waits under this policy. */
  async function waits(policy: object, target: string, body: object, how = 'shell'): Promise<boolean> {
    const { ann, bob } = office;
    const answer = await under(office, policy, () =>
      ann.post(`/node/${target}/command/${how}`, { command: 'true', wait: 0, ...body }),
    );
    expect(answer.status).toBe(202);
    const id = answer.body.job_id as string;
    const waiting = answer.body.review_id !== undefined;
    if (waiting) await decide(bob, id, 'REJECTED');
    return waiting;
  }

  it.each<[string, object, string, object, 'shell' | 'exec', boolean]>([
    ['kind', { conditions: [{ kinds: ['shell'] }] }, 'web-1', {}, 'shell', true],
    ['another kind', { conditions: [{ kinds: ['shell'] }] }, 'web-1', {}, 'exec', false],
    ['more hosts', { conditions: [{ more_than_hosts: 1 }] }, 'web-1', {}, 'shell', false],
    ['a label', { conditions: [{ labels: ['env:prod'] }] }, 'web-1', {}, 'shell', true],
    [
      'another label',
      { conditions: [{ labels: ['env:dev', 'no such label'] }] },
      'web-1',
      {},
      'shell',
      false,
    ],
    [
      'a label of a host that it may go to',
      { conditions: [{ labels: ['env:prod'] }] },
      '_any',
      {},
      'shell',
      true,
    ],
    ['root', { conditions: [{ run_as_root: true }] }, 'web-1', {}, 'exec', true],
    ['another account', { conditions: [{ run_as_root: true }] }, 'web-1', { user: 'nobody' }, 'exec', false],
    [
      'one of several conditions',
      {
        conditions: [{ more_than_hosts: 50 }, { labels: ['env:prod.eu'], kinds: ['exec_session', 'shell'] }],
      },
      'web-1',
      {},
      'shell',
      true,
    ],
    ['everything', {}, 'web-1', {}, 'exec', true],
    ['nothing, when it is switched off', { enabled: false }, 'web-1', {}, 'exec', false],
  ])('%s', async (_, policy, target, body, how, expected) => {
    expect(await waits(policy, target, body, how)).toBe(expected);
  });

  it('the hosts of their team', async () => {
    const { client, server, host } = office;
    const team = (await client.post('/api/v1/fleet/teams', { name: 'Web' })).body.team.id as number;
    expect(await waits({ team_id: team }, 'web-1', {})).toBe(false);
    await sql(server, 'UPDATE hosts SET team_id = $1 WHERE id = $2', [team, host.id]);
    expect(await waits({ team_id: team }, 'web-1', {})).toBe(true);
    await sql(server, 'UPDATE hosts SET team_id = NULL WHERE id = $1', [host.id]);
  });
});

describe('a command that has to be approved', () => {
  it('on all hosts waits with each of them, and then runs on each', async () => {
    const { ann, bob, server } = office;
    const second = startAgent({ server, hostname: 'web-2' });
    await second.online();
    const { file, script } = counter();
    const asked = await under(office, { conditions: [{ more_than_hosts: 1 }] }, () =>
      ann.post('/node/_all/command/shell', { command: script, wait: 0 }),
    );
    expect(asked.status).toBe(202);
    const id = asked.body.job_id as string;
    const online = (asked.body.results as { hostname: string; status: string; reason: string }[]).filter(
      ({ status }) => status === 'queued',
    );
    expect(online.map(({ hostname, reason }) => [hostname, reason])).toEqual([
      ['web-1', 'waiting_approval'],
      ['web-2', 'waiting_approval'],
    ]);
    expect((await ann.get(`/api/job/${id}`)).body).toMatchObject({ status: 'submitted' });
    expect(await reviewOf(bob, id)).toMatchObject({
      id: asked.body.review_id,
      kind: 'shell',
      hosts: 2,
      input: { text: script, target: '_all' },
    });
    await decide(bob, id, 'APPROVED');
    await until(async () => timesIn(file) === 2, { what: 'both have run' });
    const done = await ann.get(`/api/v1/executions/${id}?wait=20`);
    expect(done.body.counts).toMatchObject({ finished: 2 });
    await reaches(bob, id, 'EXECUTED');
    expect(timesIn(file)).toBe(2);
    await second.stop();
  });

  it('has its own time once it is approved, however long that took', async () => {
    const { ann, bob, server } = office;
    const { file, script } = counter();
    const asked = await under(office, {}, () =>
      ann.post('/node/web-1/command/shell', { command: script, timeout: 5 }),
    );
    // Nobody waits for people.
    expect(asked.body.results).toEqual([
      { hostname: 'web-1', host_id: office.host.id, status: 'queued', reason: 'waiting_approval' },
    ]);
    const id = asked.body.job_id as string;
    const [row] = await sql(
      server,
      `SELECT t.expires_at - t.created_at > interval '20 hours' AS long FROM targets t JOIN executions e ON e.id = t.execution_id WHERE e.uuid = $1`,
      [id],
    );
    expect(row.long).toBe(true);
    await decide(bob, id, 'APPROVED');
    await ended(ann, id);
    expect(timesIn(file)).toBe(1);
  });

  it('on any host goes to another one when the first is gone by then', async () => {
    const { ann, bob, server } = office;
    const others = [startAgent({ server, hostname: 'any-1' }), startAgent({ server, hostname: 'any-2' })];
    await Promise.all(others.map((agent) => agent.online()));
    const { file, script } = counter();
    const asked = await under(office, {}, () =>
      ann.post('/node/_any/command/shell', { command: script, wait: 0, expires_in: 600 }),
    );
    const id = asked.body.job_id as string;
    const [{ hostname }] = asked.body.results as [{ hostname: string }];
    const chosen = others.find((agent) => agent.hostname === hostname);
    if (chosen) await chosen.stop();
    else await office.agent.stop();
    await until(
      async () =>
        (await sql(server, 'SELECT 1 FROM hosts WHERE hostname = $1 AND NOT online', [hostname])).length,
      { what: `${hostname} is away` },
    );
    expect((await decide(bob, id, 'APPROVED')).status).toBe(200);
    await until(() => timesIn(file) === 1, { what: 'it ran elsewhere', timeout: 20_000 });
    await reaches(bob, id, 'EXECUTED');
    expect(timesIn(file)).toBe(1);
    if (!chosen) {
      await office.agent.restart();
      await office.agent.online();
    }
    await Promise.all(others.map((agent) => agent.stop()));
    expect(await statesOf(ann, id)).toEqual(['expired', 'finished']);
  });

  it('is told as denied when it is rejected', async () => {
    const { ann, bob } = office;
    const { file, script } = counter();
    const { body } = await under(office, {}, () =>
      ann.post('/node/web-1/command/shell', { command: script, wait: 0 }),
    );
    await decide(bob, body.job_id as string, 'REJECTED', { rejection_reason: 'no' });
    const { body: again } = await ann.get(`/api/job/${body.job_id}`);
    expect(again).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('denied: rejected by bob@example.com: no'),
    });
    expect(timesIn(file)).toBe(0);
  });
});

describe('a batch that has to be approved', () => {
  const batch = async (
    script: string,
    hosts: number[],
    policy: object,
    more: object = {},
  ): Promise<string> => {
    const id = await saveScript(office.server, `batch-${(count += 1)}.sh`, script);
    const { status, body } = await under(office, policy, () =>
      office.ann.post('/api/v1/fleet/scripts/run/batch', { script_id: id, host_ids: hosts, ...more }),
    );
    expect([status, body]).toEqual([200, { batch_execution_id: expect.any(String) }]);
    return body.batch_execution_id as string;
  };

  it('expires while it waits', async () => {
    const { ann, bob, host } = office;
    const { file, script } = counter();
    const id = await batch(script, [host.id], { expires_in: 1 });
    expect((await ended(ann, id)).target).toMatchObject({
      state: 'expired',
      message: 'expired before it was approved',
    });
    expect(await reaches(bob, id, 'REVOKED')).toMatchObject({ rejection_reason: 'nobody decided in time' });
    expectRefused(await decide(bob, id, 'APPROVED'), 409, /it is REVOKED$/);
    expect(timesIn(file)).toBe(0);
  });

  it('spreads in its waves once it is approved', async () => {
    const { ann, bob, server, host } = office;
    const second = startAgent({ server, hostname: 'wave-2' });
    const hosts = [host.id, (await second.online()).id];
    const { file, script } = counter();
    const id = await batch(script, hosts, {}, { batch: 1 });
    expect(await statesOf(ann, id)).toEqual(['waiting_approval', 'waiting_approval']);
    expect((await ann.get(`/api/v1/fleet/scripts/batch/summary/${id}`)).body).toMatchObject({
      targeted: 2,
      pending: 2,
    });
    await decide(bob, id, 'APPROVED');
    const done = await until(
      async () => {
        const execution = await look(ann, id);
        return execution.rollout?.state === 'done' ? execution : undefined;
      },
      { timeout: 20_000, what: 'both waves are done' },
    );
    expect(done).toMatchObject({ counts: { finished: 2 }, rollout: { wave: 2, waves: 2, failures: 0 } });
    expect(timesIn(file)).toBe(2);
    await second.stop();
  });

  it('whose first wave is gone by then goes on with the next', async () => {
    const { ann, bob, client, server, host } = office;
    const away = startAgent({ server, hostname: 'wave-away' });
    const lost = await away.online();
    await away.stop();
    const { file, script } = counter();
    const id = await batch(script, [host.id, lost.id], {}, { batch: 1 });
    const first = (await look(ann, id)).targets[0] as { uuid: string };
    expect((await client.post(`/api/v1/executions/${id}/cancel?target=${first.uuid}`)).status).toBe(202);
    await decide(bob, id, 'APPROVED');
    await until(async () => (await statesOf(ann, id)).includes('queued'), { what: 'the next wave' });
    expect(await statesOf(ann, id)).toEqual(['cancelled', 'queued']);
    expect(timesIn(file)).toBe(0);
  });
});

it('has changed nothing but as the states allow', async () => {
  await expectLawfulTransitions(office.server.databaseUrl!);
});
