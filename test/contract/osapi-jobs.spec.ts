import { readFileSync } from 'node:fs';
import { type Api } from '#libs/testing/index';
import { addTeamUser, addUser } from '../e2e/support.js';
import { counterFile, exec, expectRefusal, type Fleet, itemsOf, shell, startFleet } from './osapi.support.js';
import { differences } from './shape.js';

/* osapi's jobs: list, get, delete, retry, as its clients read them. */

let fleet: Fleet;
let client: Api;

beforeAll(async () => {
  fleet = await startFleet([['group=web'], ['group=web']]);
  client = fleet.client;
});

const UUID = '550e8400-e29b-41d4-a716-446655440000';

async function job(target: string, command: string, more: object = {}): Promise<string> {
  const answer = await shell(client, target, command, more);
  itemsOf(answer);
  return answer.body.job_id as string;
}

async function settled(id: string): Promise<void> {
  await client.get(`/api/v1/executions/${id}?wait=50`);
}

describe('get', () => {
  it('shows the operation, each host’s answer and state, and what happened when', async () => {
    const answer = await exec(client, '_all', { command: 'echo', args: ['hello'], cwd: '/tmp', timeout: 9 });
    const { status, body } = await client.get(`/api/job/${answer.body.job_id}`);
    expect(status).toBe(200);
    expect(
      differences(
        {
          id: UUID,
          status: 'completed',
          created: '2026-01-01T00:00:00Z',
          operation: {
            type: 'command.exec.execute',
            data: { command: 'echo', args: ['hello'], cwd: '/tmp', timeout: 9 },
          },
          changed: true,
          updated_at: '2026-01-01T00:00:00Z',
          responses: { 'web-0': { status: '', data: {}, changed: true, hostname: '' } },
          agent_states: { 'web-0': { status: '', duration: '' }, 'web-1': { status: '' } },
          timeline: [{ timestamp: '2026-01-01T00:00:00Z', event: '', hostname: '', message: '' }],
        },
        body,
      ),
    ).toEqual([]);
    expect(body).toMatchObject({
      id: answer.body.job_id,
      status: 'completed',
      target: '_all',
      operation: { type: 'command.exec.execute', data: { command: 'echo', args: ['hello'], timeout: 9 } },
      responses: {
        'web-0': { status: 'completed', data: { stdout: 'hello\n', exit_code: 0 }, hostname: 'web-0' },
        'web-1': { status: 'completed' },
      },
      agent_states: { 'web-0': { status: 'completed', duration: expect.stringMatching(/^[\d.]+s$/) } },
    });
    for (const name of ['web-0', 'web-1'])
      expect(
        (body.timeline as { event: string; hostname: string }[])
          .filter(({ hostname }) => hostname === name)
          .map(({ event }) => event),
      ).toEqual(['acknowledged', 'started', 'completed']);
    expect(body.timeline[0].event).toBe('submitted');
  });

  it('has result, hostname and error of one host at the top', async () => {
    const failed = await exec(client, 'web-1', { command: 'no-such-command' });
    expect((await client.get(`/api/job/${failed.body.job_id}`)).body).toMatchObject({
      status: 'failed',
      hostname: 'web-1',
      error: 'no-such-command: command not found',
      changed: false,
      responses: { 'web-1': { status: 'failed', reason: 'not_found' } },
    });
  });

  it('never shows environment and standard input', async () => {
    const id = await job('web-0', 'true', { env: { TOKEN: 'sesame-1' }, stdin: 'sesame-2' });
    expect(JSON.stringify((await client.get(`/api/job/${id}`)).body)).not.toMatch(/sesame/);
  });

  it('answers 400 for what is no uuid, 404 for what is no job', async () => {
    for (const call of [
      (id: string) => client.get(`/api/job/${id}`),
      (id: string) => client.delete(`/api/job/${id}`),
      (id: string) => client.post(`/api/job/${id}/retry`),
    ]) {
      expectRefusal(await call('nonsense'), 400, /no uuid/, /uuid/);
      expectRefusal(await call(UUID), 404, `job not found: ${UUID}`);
    }
    const script = await client.post('/api/v1/fleet/scripts/run', {
      host_id: fleet.hosts[0]?.id,
      script_contents: 'true',
    });
    expectRefusal(await client.get(`/api/job/${script.body.execution_id}`), 404, /job not found/);
  });
});

describe('list', () => {
  it('counts by status, newest first, page by page', async () => {
    const before = (await client.get('/api/job')).body;
    const done = await job('web-0', 'exit 3');
    const half = await job('_all', 'test $MUSTER_HOST = web-0 || sleep 60', { timeout: 1 });
    const bad = (await exec(client, 'web-0', { command: 'no-such-command' })).body.job_id as string;
    const open = await job('web-0', 'sleep 60', { wait: 0 });
    const { status, body } = await client.get('/api/job?limit=4');
    expect(status).toBe(200);
    expect(body.total_items).toBe(before.total_items + 4);
    for (const [name, more] of Object.entries({ completed: 1, partial_failure: 1, failed: 1 }))
      expect([name, body.status_counts[name]]).toEqual([name, before.status_counts[name] + more]);
    expect(body.status_counts.submitted + body.status_counts.processing).toBe(1);
    expect(body.items.map(({ id }: { id: string }) => id)).toEqual([open, bad, half, done]);
    expect(body.items.map((item: { status: string }) => item.status).slice(1)).toEqual([
      'failed',
      'partial_failure',
      'completed',
    ]);
    for (const item of body.items)
      for (const key of ['responses', 'agent_states', 'timeline']) expect(item).not.toHaveProperty(key);

    const second = (await client.get('/api/job?limit=1&offset=2')).body;
    expect(second.items.map(({ id }: { id: string }) => id)).toEqual([half]);
    expect(second.total_items).toBe(body.total_items);
    for (const [name, id] of Object.entries({ completed: done, partial_failure: half, failed: bad })) {
      const filtered = (await client.get(`/api/job?status=${name}&limit=1`)).body;
      expect([name, filtered.items[0].id, filtered.total_items]).toEqual([
        name,
        id,
        body.status_counts[name],
      ]);
    }
    await client.post(`/api/v1/executions/${open}/cancel`);
    await settled(open);
  });

  it('finds what has not ended by its status', async () => {
    const open = await job('web-0', 'sleep 60', { wait: 1 });
    const { body } = await client.get('/api/job?status=processing');
    expect(body.items).toMatchObject([{ id: open, status: 'processing' }]);
    expect(body.total_items).toBe(1);
    expect((await client.get('/api/job?status=processing&offset=1')).body.items).toEqual([]);
    await client.post(`/api/v1/executions/${open}/cancel`);
    await settled(open);
    expect((await client.get('/api/job?status=processing')).body.items).toEqual([]);
  });

  it.each(['status=done', 'limit=0', 'limit=101', 'limit=x', 'offset=-1', 'offset=x'])(
    '400 for %s',
    async (query) => {
      expectRefusal(
        await client.get(`/api/job?${query}`),
        400,
        /must be/,
        new RegExp(query.split('=')[0] ?? ''),
      );
    },
  );
});

describe('delete', () => {
  it('ends what has not ended; the job is gone, the ledger keeps it', async () => {
    const id = await job('_all', 'sleep 60', { wait: 1 });
    const answer = await client.delete(`/api/job/${id}`);
    expect([answer.status, answer.body]).toEqual([204, '']);
    expectRefusal(await client.get(`/api/job/${id}`), 404, /job not found/);
    expectRefusal(await client.delete(`/api/job/${id}`), 404, /job not found/);
    const listed = (await client.get('/api/job?limit=100')).body.items as { id: string }[];
    expect(listed.map((item) => item.id)).not.toContain(id);
    const { body } = await client.get(`/api/v1/executions/${id}?wait=50`);
    expect(body.counts).toEqual({ killed: 2 });
  });
});

describe('retry', () => {
  it('is a new job on the same target, with the same options, that nobody waits for', async () => {
    const file = counterFile();
    const id = await job('group:web', `cat >> ${file}; echo "$A in $PWD"`, {
      stdin: 'x\n',
      env: { A: 'again' },
      cwd: '/usr',
    });
    const { status, body } = await client.post(`/api/job/${id}/retry`);
    expect(status).toBe(201);
    expect(body).toEqual({
      job_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      status: 'created',
      revision: expect.any(Number),
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect(body.job_id).not.toBe(id);
    await settled(body.job_id);
    const again = (await client.get(`/api/job/${body.job_id}`)).body;
    expect(again).toMatchObject({ status: 'completed', target: 'group:web' });
    expect(again.responses['web-1'].data.stdout).toBe('again in /usr\n');
    expect(readFileSync(file, 'utf8')).toBe('x\nx\nx\nx\n');
    const events = (await client.get(`/api/job/${id}`)).body.timeline as { event: string; message: string }[];
    expect(events.at(-1)).toMatchObject({ event: 'retried', message: expect.stringContaining(body.job_id) });
  });

  it('goes elsewhere when told to, and only where it failed when told to', async () => {
    const id = await job('_all', 'test $MUSTER_HOST = web-0');
    const elsewhere = await client.post(`/api/job/${id}/retry`, { target_hostname: 'web-0' });
    await settled(elsewhere.body.job_id);
    expect(Object.keys((await client.get(`/api/job/${elsewhere.body.job_id}`)).body.responses)).toEqual([
      'web-0',
    ]);
    const failed = await client.post(`/api/job/${id}/retry`, { failed_only: true });
    await settled(failed.body.job_id);
    expect(Object.keys((await client.get(`/api/job/${failed.body.job_id}`)).body.responses)).toEqual([
      'web-1',
    ]);
    const none = await client.post(`/api/job/${elsewhere.body.job_id}/retry`, { failed_only: true });
    expectRefusal(none, 409, /failed/, /failed_only/);
  });

  it('runs once for one Idempotency-Key', async () => {
    const file = counterFile();
    const id = await job('web-0', `echo x >> ${file}`);
    const key = { 'idempotency-key': 'retry-once' };
    const first = await client.post(`/api/job/${id}/retry`, {}, key);
    const second = await client.post(`/api/job/${id}/retry`, {}, key);
    expect(second.body.job_id).toBe(first.body.job_id);
    await settled(first.body.job_id);
    expect(readFileSync(file, 'utf8')).toBe('x\nx\n');
  });

  it('refuses bad bodies and unknown targets', async () => {
    const id = await job('web-0', 'true');
    expectRefusal(await client.post(`/api/job/${id}/retry`, { target_hostname: 1 }), 400, /target_hostname/);
    expectRefusal(await client.post(`/api/job/${id}/retry`, { failed_only: 'yes' }), 400, /failed_only/);
    expectRefusal(
      await client.post(`/api/job/${id}/retry`, { target_hostname: 'web-9' }),
      400,
      /"web-9" not found/,
    );
  });
});

describe('rights', () => {
  it('shows to each caller the hosts that they may see, and repeats only what they may run', async () => {
    const { body } = await client.post('/api/v1/fleet/teams', { name: 'mine' });
    const team = body.team.id as number;
    await client.post('/api/v1/fleet/hosts/transfer', { team_id: team, hosts: [fleet.hosts[1]?.id] });
    const both = await job('_all', 'echo $MUSTER_HOST');
    const other = await job('web-0', 'true');
    const observer = await addTeamUser(fleet.server, 'watch@example.com', { [team]: 'observer' });
    const maintainer = await addTeamUser(fleet.server, 'mend@example.com', { [team]: 'maintainer' });
    for (const user of [observer, maintainer]) {
      expect(Object.keys((await user.get(`/api/job/${both}`)).body.responses)).toEqual(['web-1']);
      expectRefusal(await user.get(`/api/job/${other}`), 404, /job not found/);
      const ids = ((await user.get('/api/job?limit=100')).body.items as { id: string }[]).map(({ id }) => id);
      expect([ids.includes(both), ids.includes(other)]).toEqual([true, false]);
    }
    expectRefusal(await observer.delete(`/api/job/${both}`), 403, /job:write/);
    // Not all of its hosts are theirs.
    expectRefusal(await maintainer.delete(`/api/job/${both}`), 403, /\S/);
    const again = await maintainer.post(`/api/job/${both}/retry`);
    await settled(again.body.job_id);
    expect(Object.keys((await client.get(`/api/job/${again.body.job_id}`)).body.responses)).toEqual([
      'web-1',
    ]);
    const program = await client.post('/api/v1/tokens', {
      name: 'jobs only',
      rights: ['job:read', 'job:write'],
    });
    expectRefusal(await client.as(program.body.token).post(`/api/job/${both}/retry`), 403, /shell:execute/);
    expectRefusal(
      await (await addUser(fleet.server, 'git@example.com', 'gitops')).get('/api/job'),
      403,
      /job:read/,
    );
  });
});
