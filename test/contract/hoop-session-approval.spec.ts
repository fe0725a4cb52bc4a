import { type Answer } from '#libs/testing/index';
import { decide, type Office, startOffice } from '../e2e/approvals.support.js';
import { counterFile } from './osapi.support.js';
import { readFileSync } from 'node:fs';
import { accepted, base64, connect, exec, expectError, finished } from './hoop.support.js';

/* hoop's sessions that somebody has to approve: reference/hoop.md, 2.4, 5.2 and 8. */

const SESSIONS = '/api/sessions';
let office: Office;
let connection: string;
beforeAll(async () => {
  office = await startOffice('shell-01');
  connection = await connect(office.client, 'shell-01', { reviewers: ['admin'], min_review_approvals: 1 });
});

const ask = async (script: string, more: object = {}): Promise<string> =>
  accepted(await exec(office.ann, connection, script, more)).session_id;
const run = (id: string, who = office.ann): Promise<Answer> => who.post(`${SESSIONS}/${id}/exec`);

describe('a connection with reviewers', () => {
  it('parks the session, says so, and runs it by its call once it is approved', async () => {
    const answer = await exec(office.ann, connection, 'echo approved');
    const { session_id: id, ...rest } = accepted(answer);
    expect(rest).toEqual({
      has_review: true,
      output: `${office.server.url}${SESSIONS}/${id}`,
      output_status: 'running',
      truncated: false,
      execution_time: 0,
      exit_code: -2,
    });
    expect((await office.ann.get(`${SESSIONS}/${id}`)).body).toMatchObject({
      status: 'open',
      state: 'waiting_approval',
      exit_code: null,
      review: { status: 'PENDING', session: id, review_connection: { name: connection } },
    });
    expectError(await run(id), 403, 'it has not been approved yet');
    expect((await decide(office.bob, id, 'APPROVED')).status).toBe(200);
    expect((await office.ann.get(`${SESSIONS}/${id}`)).body).toMatchObject({
      status: 'ready',
      review: { status: 'APPROVED' },
    });
    const ran = await run(id);
    expect(finished(ran)).toMatchObject({ has_review: true, output: 'approved\n', exit_code: 0 });
    expect(ran.headers.get('location')).toBe(`${SESSIONS}/${id}`);
    expectError(await run(id), 409, /^it (has run already|is running already)/);
    const { data } = (await office.client.get(`${SESSIONS}?review.approver=bob@example.com`)).body;
    expect(data[0]).toMatchObject({ id, review: { status: expect.stringMatching(/EXECUTED|PROCESSING/) } });
    expect(
      (await office.client.get(`${SESSIONS}?review.status=pending&connection=${connection}`)).body.total,
    ).toBe(0);
  });

  it('a rejected one is done, with the reason, and never runs', async () => {
    const id = await ask('echo no');
    expect((await decide(office.bob, id, 'REJECTED', { rejection_reason: 'not today' })).status).toBe(200);
    expect((await office.ann.get(`${SESSIONS}/${id}`)).body).toMatchObject({
      status: 'done',
      state: 'denied',
      exit_code: 254,
      message: 'rejected by bob@example.com: not today',
    });
    expectError(await run(id), 403, /^it was rejected by bob@example.com: not today$/);
  });

  it('of a hundred approvals and a hundred runs at once one starts', async () => {
    const file = counterFile();
    const id = await ask(`echo x >> ${file}`);
    const attempts = [...Array(100).keys()].flatMap((i) => [
      decide([office.bob, office.eve, office.client][i % 3] ?? office.bob, id, 'APPROVED'),
      run(id, i % 2 === 0 ? office.ann : office.client),
    ]);
    const statuses = new Set((await Promise.all(attempts)).map(({ status }) => status));
    // Whoever called before the approval was told so; somebody has to call after it.
    expect([...statuses].filter((status) => ![200, 202, 403, 409].includes(status))).toEqual([]);
    await run(id);
    const { body } = await office.ann.get(`${SESSIONS}/${id}?wait=30`);
    expect(body).toMatchObject({ status: 'done', exit_code: 0 });
    expect(readFileSync(file, 'utf8')).toBe('x\n');
  });

  it('runs for whoever asked for it and for global admins, for nobody else', async () => {
    const id = await ask('echo mine');
    await decide(office.bob, id, 'APPROVED');
    expectError(await run(id, office.sam), 403, /^access denied/);
    expect(finished(await run(id, office.eve)).output).toBe('mine\n');
  });

  it('a connection that is changed meanwhile is not what was approved', async () => {
    const name = await connect(office.client, 'shell-01', {
      reviewers: ['admin'],
      secret: { 'envvar:DB': base64('test') },
    });
    const id = accepted(await exec(office.ann, name, 'echo "$DB"')).session_id;
    await decide(office.bob, id, 'APPROVED');
    await office.client.patch(`/api/connections/${name}`, { secret: { 'envvar:DB': base64('production') } });
    expectError(
      await run(id),
      409,
      `connection ${name} was changed after this session was asked for: ask for a new one`,
    );
    expect((await office.ann.get(`${SESSIONS}/${id}`)).body.status).toBe('ready');
  });

  it('is withdrawn by a kill', async () => {
    const id = await ask('echo no');
    expect((await office.ann.post(`${SESSIONS}/${id}/kill`)).status).toBe(204);
    expect((await office.ann.get(`${SESSIONS}/${id}`)).body).toMatchObject({
      status: 'done',
      state: 'cancelled',
    });
  });

  it('what its agent, which has gone away since, does not take in 15 s has failed', async () => {
    const id = await ask('echo late');
    await decide(office.bob, id, 'APPROVED');
    await office.agent.stop();
    expect(finished(await run(id))).toMatchObject({ exit_code: -2, output: 'agent is offline' });
    await office.agent.restart();
    await office.agent.online();
  });
});

describe('a session that nobody has to approve', () => {
  it('needs no call', async () => {
    const name = await connect(office.client, 'shell-01');
    const { session_id } = finished(await exec(office.ann, name, 'true'));
    expectError(await run(session_id), 409, 'the session has ended');
    const open = accepted(await exec(office.ann, name, 'sleep 5', {}, 0)).session_id;
    expectError(await run(open), 409, 'the session is running already');
    await office.ann.post(`${SESSIONS}/${open}/kill`);
  });
});
