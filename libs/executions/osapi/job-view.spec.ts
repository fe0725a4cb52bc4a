import { targetRow } from '../testing/target-row.js';
import { countsOf, jobStatus } from './job-status.js';
import { toHistory, toJob } from './job-view.js';
import { type JobRow } from './jobs.repository.js';
import { toItem } from './items.js';

const at = (seconds: number): Date => new Date(Date.UTC(2026, 0, 1) + seconds * 1000);
const job: JobRow = {
  id: '1',
  uuid: '550e8400-e29b-41d4-a716-446655440000',
  kind: 'command',
  requested_by_email: 'ann@example.com',
  content_sha256: Buffer.alloc(32),
  stdin_sha256: null,
  created_at: at(0),
  expires_at: null,
  timeout_seconds: 7,
  options: { target: '_all', cwd: '/tmp', env: { TOKEN: 'secret' } },
  script_id: null,
  rollout: null,
};
const content = Buffer.from('["echo","hello"]');
const seen = (...targets: ReturnType<typeof targetRow>[]) =>
  targets.map((target) => ({ target, item: toItem(target, 7, undefined) }));

describe('jobStatus', () => {
  const finished = targetRow({ state: 'finished', exit_code: 3, dispatched_at: at(1) });
  const failed = targetRow({ state: 'lost', dispatched_at: at(1) });
  const skipped = targetRow({ state: 'cancelled' });
  const queued = targetRow({ state: 'queued' });
  const offline = targetRow({ state: 'failed_to_start' });
  it.each([
    ['nothing has been sent', [queued, queued], 'submitted'],
    ['one host is offline, the other waits', [offline, queued], 'submitted'],
    [
      'something has been sent',
      [targetRow({ state: 'dispatched', dispatched_at: at(1) }), queued],
      'processing',
    ],
    ['one has ended, one waits', [finished, queued], 'processing'],
    ['all ran to their end, whatever the exit code', [finished, finished], 'completed'],
    ['some did', [finished, failed], 'partial_failure'],
    ['some did, some were cancelled', [finished, skipped], 'partial_failure'],
    ['none did', [failed, offline], 'failed'],
    ['none did, and some were cancelled', [failed, skipped], 'failed'],
    ['all were cancelled', [skipped, skipped], 'skipped'],
  ] as const)('%s', (_, targets, status) => {
    expect(jobStatus(countsOf(targets))).toBe(status);
  });
});

it('shows what was asked for, and nothing that may be a secret', () => {
  const shown = toJob(job, 'completed', content, []);
  expect(shown.operation).toEqual({
    type: 'command.exec.execute',
    data: { command: 'echo', args: ['hello'], cwd: '/tmp', timeout: 7 },
  });
  expect(JSON.stringify(shown)).not.toContain('secret');
  const line = toJob({ ...job, kind: 'shell' }, 'completed', Buffer.from('"uptime | wc"'), []);
  expect(line.operation).toMatchObject({ type: 'command.shell.execute', data: { command: 'uptime | wc' } });
  expect(line.operation.data).not.toHaveProperty('args');
});

it('has result and hostname of one host, and for several says how many failed', () => {
  const ok = targetRow({ hostname: 'a', state: 'finished', exit_code: 0, finished_at: at(9) });
  const bad = targetRow({ hostname: 'b', state: 'failed_to_start', message: 'no such', finished_at: at(4) });
  expect(toJob(job, 'completed', content, seen(ok))).toMatchObject({
    hostname: 'a',
    result: { exit_code: 0 },
    changed: true,
    updated_at: at(9).toISOString(),
  });
  const both = toJob(job, 'partial_failure', content, seen(ok, bad));
  expect(both).toMatchObject({ error: '1 of 2 hosts: no such' });
  expect(both).not.toHaveProperty('result');
  expect(both).not.toHaveProperty('hostname');
  expect(toJob(job, 'failed', content, seen(bad)).changed).toBe(false);
  expect(toJob(job, 'failed', content, seen(targetRow({ state: 'lost' }))).changed).toBeNull();
});

it('tells what happened, in order, on each host', () => {
  const one = targetRow({
    id: '1',
    hostname: 'a',
    state: 'finished',
    exit_code: 0,
    dispatched_at: at(1),
    started_at: at(2),
    finished_at: at(5),
    duration_ms: '3000',
  });
  const two = targetRow({
    id: '2',
    host_id: 8,
    hostname: 'a',
    state: 'running',
    dispatched_at: at(1),
    started_at: at(3),
  });
  const retry = { uuid: 'other', requested_by_email: 'bob@example.com', created_at: at(7) };
  const { timeline, responses, agent_states } = toHistory(job, seen(one, two), [one, two], [retry]);
  expect(timeline?.map(({ event, hostname }) => `${event} ${hostname}`.trim())).toEqual([
    'submitted',
    'acknowledged a',
    'acknowledged a#8',
    'started a',
    'started a#8',
    'completed a',
    'retried',
  ]);
  expect(Object.keys(responses ?? {})).toEqual(['a']);
  expect(agent_states).toEqual({ a: { status: 'completed', duration: '3s' }, 'a#8': { status: 'started' } });
});
