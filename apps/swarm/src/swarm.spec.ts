import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  type Answer,
  type Findings,
  type Hello,
  Order,
  type Report,
  type RunAck,
} from '#libs/protocol/index';
import { parseOptions } from './config/options.js';
import { Swarm } from './swarm.js';
import { type Heard, newKey, SmallServer } from './testing/small-server.js';

let server: SmallServer;
let url: string;
let swarm: Swarm | undefined;
const folder = mkdtempSync(path.join(tmpdir(), 'muster-swarm-'));

beforeEach(async () => {
  server = new SmallServer();
  url = await server.listen();
});
afterEach(async () => {
  swarm?.stop();
  await server.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function make(hosts: number, ...args: string[]): Swarm {
  const given = [
    '--server',
    url,
    '--enroll-secret',
    's',
    '--hosts',
    String(hosts),
    '--answer-failures',
    '0',
    ...args,
  ];
  swarm = new Swarm(
    parseOptions(given, { server: undefined, enrollSecret: undefined, exitWithParent: false }),
  );
  return swarm;
}

/** Resolves with the first so many calls of what it returns as `take`. */
function collect<T>(count: number, answer: (item: T) => void = () => undefined) {
  const items: T[] = [];
  let done: (items: T[]) => void;
  const all = new Promise<T[]>((resolve) => (done = resolve));
  const take = (item: T): void => {
    items.push(item);
    answer(item);
    if (items.length === count) done(items);
  };
  return { take, all };
}

const query = (campaign_id: number, rows = 1000) => ({
  queries: [{ campaign_id, sql: 'select 1', limits: { milliseconds: 10_000, memory_bytes: 1e8, rows } }],
});

function order(more: Partial<Order> = {}): Order {
  return Order.parse({
    attempt_id: randomUUID(),
    target_id: randomUUID(),
    execution_id: randomUUID(),
    kind: 'script',
    lane: 'serial',
    content_sha256: createHash('sha256').update('true').digest('hex'),
    payload: { type: 'script', contents: 'true', arguments: [] },
    timeout_seconds: 60,
    grace_seconds: 1,
    output_cap_bytes: 100_000,
    expires_at: null,
    ...more,
  });
}

describe('a swarm', () => {
  it('enrolls every host and connects it, each with its own name and machine', async () => {
    await make(50, '--label', 'env=test', '--prefix', 'h-').start();
    expect(new Set(server.enrolments.map((e) => e.hardware_uuid)).size).toBe(50);
    expect(server.hellos.map((h) => h.hostname).sort()).toEqual(
      server.enrolments.map((e) => e.hostname).sort(),
    );
    expect(server.hellos[0]).toMatchObject({ labels: { env: 'test' }, scripts_enabled: true, attempts: [] });
    expect(swarm!.statistics.view()).toMatchObject({ connected: 50, ever_connected: 50, errors: {} });
  });

  it('is the same one for the same seed, and with a state file does not enroll again', async () => {
    const file = path.join(folder, 'state.json');
    await make(5, '--state-file', file).start();
    swarm!.stop();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const before = server.enrolments.map((e) => e.hardware_uuid);
    await make(7, '--state-file', file).start();
    expect(server.enrolments.length).toBe(7);
    expect(new Set([...before, ...server.enrolments.map((e) => e.hardware_uuid)]).size).toBe(7);
    swarm!.stop();
    expect(() => make(1, '--state-file', file, '--server', 'http://other')).toThrow(
      /belongs to http:\/\/127/,
    );
  });

  it('says why it was not let in', async () => {
    server.enrolStatus = 401;
    await expect(make(3).start()).rejects.toThrow('the enroll secret is not (or no longer) valid');
    expect(server.enrolments.length).toBe(1);
    swarm!.stop();
    await expect(make(3, '--server', 'http://127.0.0.1:1').start()).rejects.toThrow(
      'cannot be reached: ECONNREFUSED',
    );
  });

  it('says hello again when the server cannot take it, and enrolls again when its key is not known', async () => {
    let refusals = 2;
    server.onHello = ({ message, answer }) =>
      answer(refusals-- > 0 ? { ok: false, error: 'not now', retry_after_ms: 1 } : server.welcome(message));
    await make(2).start();
    expect(server.hellos.length).toBe(4);
    server.nodeKeys.clear();
    const back = collect<Heard<Hello>>(2, ({ message, answer }) => answer(server.welcome(message)));
    server.onHello = back.take;
    server.cut();
    await back.all;
    expect(server.enrolments.length).toBe(4);
    expect(swarm!.statistics.view().errors).toMatchObject({ 'connection refused: unknown_node_key': 2 });
  });
});

describe('what the server’s key has not signed', () => {
  it('is refused, and does nothing', async () => {
    await make(1).start();
    const message = { orders: [order()] };
    expect(await server.askBare('swarm-1', 'run', message)).toMatchObject({ refused: 'unsigned' });
    const proper = server.sealed('swarm-1', 'run', message);
    const edited = { ...proper, body: proper.body.replace('"timeout_seconds":60', '"timeout_seconds":61') };
    expect(await server.askBare('swarm-1', 'run', edited)).toMatchObject({ refused: 'bad_signature' });
    expect(await server.askBare('swarm-1', 'stop', proper)).toMatchObject({ refused: 'wrong_type' });
    expect(swarm!.statistics.view().counts).toMatchObject({ refused: 3, runs_accepted: 0 });
    expect(await server.askBare('swarm-1', 'run', proper)).toMatchObject({ answers: [{ accepted: true }] });
  });

  it('nor is it a server that another key speaks for', async () => {
    await make(1).start();
    server.key = newKey();
    server.cut();
    await server.helloed(3);
    expect(swarm!.statistics.view()).toMatchObject({ connected: 0 });
  });
});

describe('queries', () => {
  it('are answered by every host', async () => {
    await make(30, '--rows', '2', '--row-bytes', '10', '--answer-delay', '0..20ms').start();
    const answers = collect<Heard<Answer>>(30, ({ answer }) => answer({ ok: true, status: 'ok' }));
    server.onAnswer = answers.take;
    server.broadcast('query', query(7));
    const all = await answers.all;
    expect(new Set(all.map(({ hostname }) => hostname)).size).toBe(30);
    for (const { message } of all)
      expect(message).toMatchObject({ campaign_id: 7, part: 0, ending: { outcome: 'answered' } });
    expect(all[0]!.message.rows.map((row) => row.join('').length)).toEqual([10, 10]);
  });

  it('fail in the share asked for, and at their limits', async () => {
    await make(10, '--answer-failures', '1', '--rows', '3').start();
    const failures = collect<Heard<Answer>>(10, ({ answer }) => answer({ ok: true, status: 'ok' }));
    server.onAnswer = failures.take;
    server.broadcast('query', query(7));
    for (const { message } of await failures.all)
      expect(message).toMatchObject({ rows: [], ending: { outcome: 'error', error: 'a simulated failure' } });
    const killed = collect<Heard<Answer>>(10, ({ answer }) => answer({ ok: true, status: 'ok' }));
    server.onAnswer = killed.take;
    server.broadcast('query', query(8, 2));
    for (const { message } of await killed.all) expect(message.ending?.outcome).toBe('killed');
  });

  it('are answered in parts, the next one after the acknowledgement of the last; what was not stored is said again', async () => {
    await make(1, '--rows', '10', '--row-bytes', '100000', '--answer-delay', '0ms').start();
    let first = true;
    const answers = collect<Heard<Answer>>(6, ({ answer }) => {
      answer(first ? { ok: false, error: 'not now', retry_after_ms: 1 } : { ok: true, status: 'ok' });
      first = false;
    });
    server.onAnswer = answers.take;
    server.broadcast('query', query(7));
    expect((await answers.all).map(({ message }) => message.part)).toEqual([0, 0, 1, 2, 3, 4]);
  });

  it('that nobody waits for any more are dropped', async () => {
    await make(1, '--rows', '10', '--row-bytes', '100000', '--answer-delay', '0ms').start();
    const seen: [number, number][] = [];
    const last = collect<Heard<Answer>>(5);
    server.onAnswer = (heard) => {
      seen.push([heard.message.campaign_id, heard.message.part]);
      // One ends by its acknowledgement, one by word of the server.
      if (heard.message.campaign_id === 2) server.broadcast('query_end', { campaign_ids: [2] });
      heard.answer({ ok: true, status: heard.message.campaign_id === 1 ? 'stale' : 'ok' });
      if (heard.message.campaign_id === 3) last.take(heard);
    };
    for (const id of [1, 2, 3]) server.broadcast('query', query(id));
    await last.all;
    expect(seen.filter(([id]) => id === 1)).toEqual([[1, 0]]);
    expect(seen.filter(([id]) => id === 2)).toEqual([[2, 0]]);
    expect(swarm!.statistics.view().counts).toMatchObject({ answers: 0, answers_stale: 1, query_ends: 1 });
  });
});

describe('runs', () => {
  const ok = ({ message, answer }: Heard<{ reports: Report[] }>): void =>
    answer({ ok: true, answers: message.reports.map(({ attempt_id }) => ({ attempt_id, status: 'ok' })) });

  it('are taken, done and reported in one message; also those whose contents are bytes', async () => {
    await make(1).start();
    const reports = collect<Heard<{ reports: Report[] }>>(2, ok);
    server.onReport = reports.take;
    const text = order();
    const contents = Buffer.from([0xff, 0]);
    const bytes = order({ payload: { type: 'script', contents, arguments: [] } });
    for (const one of [text, bytes])
      expect(await server.ask('swarm-1', 'run', { orders: [one] })).toEqual({
        answers: [{ attempt_id: one.attempt_id, accepted: true }],
      });
    const [first, second] = (await reports.all).map(({ message }) => message.reports[0]!);
    expect(first).toMatchObject({
      attempt_id: text.attempt_id,
      chunks: [{ seq: 0, stream: 'stdout', data: 'xxxxxxxxx\n' }],
      ending: {
        outcome: 'finished',
        exit_code: 0,
        stdout_bytes: 10,
        chunks: 1,
        dropped_bytes: 0,
        gap_seq: null,
      },
    });
    expect(second).toMatchObject({ attempt_id: bytes.attempt_id, ending: { outcome: 'finished' } });
  });

  it('that want no acknowledgement are answered by their reports; those that wait or are refused are told', async () => {
    await make(1, '--script-seconds', '0.05').start();
    const reports = collect<Heard<{ reports: Report[] }>>(2, ok);
    server.onReport = reports.take;
    const taken = collect<Omit<Heard<RunAck>, 'answer'>>(1);
    server.onTaken = taken.take;
    const [running, waiting] = [order(), order()];
    const late = order({ expires_at: 1 });
    server.tell('swarm-1', 'run', { orders: [running, waiting, late] });
    expect((await taken.all)[0]?.message.answers).toEqual([
      { attempt_id: waiting.attempt_id, accepted: true },
      expect.objectContaining({ attempt_id: late.attempt_id, accepted: false, reason: 'expired' }),
    ]);
    const told = (await reports.all).flatMap(({ message }) => message.reports);
    expect(told[0]).toMatchObject({ attempt_id: running.attempt_id });
  });

  it('that were repeated are answered again, and not done again', async () => {
    await make(1).start();
    const one = order();
    const all: Report[] = [];
    server.onReport = (heard) => {
      all.push(...heard.message.reports);
      ok(heard);
    };
    const accepted = { answers: [{ attempt_id: one.attempt_id, accepted: true }] };
    for (let i = 0; i < 3; i++)
      expect(await server.ask('swarm-1', 'run', { orders: [one] })).toEqual(accepted);
    const other = collect<Heard<{ reports: Report[] }>>(1, ok);
    server.onReport = other.take;
    await server.ask('swarm-1', 'run', { orders: [order()] });
    await other.all;
    expect(all.length).toBe(1);
  });

  it('fail in the share asked for; what has expired is refused', async () => {
    await make(1, '--script-failures', '1').start();
    const reports = collect<Heard<{ reports: Report[] }>>(1, ok);
    server.onReport = reports.take;
    const late = order({ expires_at: 1 });
    const answer = await server.ask('swarm-1', 'run', { orders: [late, order()] });
    expect(answer).toMatchObject({
      answers: [{ attempt_id: late.attempt_id, accepted: false, reason: 'expired' }, { accepted: true }],
    });
    expect((await reports.all)[0]!.message.reports[0]!.ending).toMatchObject({
      outcome: 'finished',
      exit_code: 1,
    });
  });

  it('are said again until the server has stored them, and known to the next hello', async () => {
    await make(1).start();
    const one = order();
    const unanswered = collect<Heard<{ reports: Report[] }>>(1);
    server.onReport = unanswered.take;
    await server.ask('swarm-1', 'run', { orders: [one] });
    await unanswered.all;
    let refusals = 2;
    const reports = collect<Heard<{ reports: Report[] }>>(3, (heard) =>
      refusals-- > 0 ? heard.answer({ ok: false, error: 'not now', retry_after_ms: 1 }) : ok(heard),
    );
    server.onReport = reports.take;
    server.cut();
    const all = await reports.all;
    expect(server.hellos[1]!.attempts).toEqual([{ attempt_id: one.attempt_id, state: 'ended' }]);
    expect(server.hellos[1]!.journal_id).toBe(server.hellos[0]!.journal_id);
    expect(all.map(({ message }) => message.reports[0]!.ending?.outcome)).toEqual(Array(3).fill('finished'));
  });

  it('are forgotten when the server takes no word of them', async () => {
    await make(1, '--script-seconds', '1000').start();
    const one = order();
    const started = collect<Heard<{ reports: Report[] }>>(1, ok);
    server.onReport = started.take;
    await server.ask('swarm-1', 'run', { orders: [one] });
    expect((await started.all)[0]!.message.reports[0]).toMatchObject({ started_at: expect.any(Number) });
    const back = collect<Heard<Hello>>(1, ({ message, answer }) =>
      answer(
        server.welcome(
          message,
          message.attempts.map((a) => a.attempt_id),
        ),
      ),
    );
    server.onHello = back.take;
    server.cut();
    const [hello] = await back.all;
    expect(hello!.message.attempts).toEqual([{ attempt_id: one.attempt_id, state: 'running' }]);
    const next = order();
    const reports = collect<Heard<{ reports: Report[] }>>(1, ok);
    server.onReport = reports.take;
    await server.ask('swarm-1', 'run', { orders: [next] });
    expect((await reports.all)[0]!.message.reports.map((r) => r.attempt_id)).toEqual([next.attempt_id]);
  });

  it('are stopped: those that wait never start, those that run are killed', async () => {
    await make(1, '--script-seconds', '1000').start();
    const [running, waiting, unknown] = [order(), order(), randomUUID()];
    const started = collect<Heard<{ reports: Report[] }>>(1, ok);
    server.onReport = started.take;
    await server.ask('swarm-1', 'run', { orders: [running, waiting] });
    await started.all;
    const ended = collect<Heard<{ reports: Report[] }>>(1, ok);
    server.onReport = ended.take;
    const ids = [running.attempt_id, waiting.attempt_id, unknown];
    const reason = 'cancel_requested';
    const stop = { attempts: ids.map((attempt_id) => ({ attempt_id, reason, message: 'by ann' })) };
    expect(await server.ask('swarm-1', 'stop', stop)).toEqual({
      answers: ['terminating', 'not_started', 'not_started'].map((state, i) => ({
        attempt_id: ids[i],
        state,
      })),
    });
    expect((await ended.all)[0]!.message.reports).toMatchObject([
      {
        attempt_id: running.attempt_id,
        ending: { outcome: 'killed', reason, signal: 15, message: 'by ann' },
      },
    ]);
    expect(await server.ask('swarm-1', 'run', { orders: [waiting] })).toMatchObject({
      answers: [{ accepted: false, reason }],
    });
  });

  it('with much output tell it in several messages', async () => {
    await make(1, '--script-output-bytes', '1500000').start();
    const chunks: string[] = [];
    const done = new Promise<void>((resolve) => {
      server.onReport = (heard) => {
        for (const { data } of heard.message.reports[0]!.chunks ?? []) chunks.push(data as string);
        ok(heard);
        if (heard.message.reports[0]!.ending) resolve();
      };
    });
    await server.ask('swarm-1', 'run', { orders: [order({ output_cap_bytes: 10_000_000 })] });
    await done;
    expect(chunks.join('').length).toBe(1_500_000);
  });
});

describe('standing work', () => {
  const labels = (...sql: string[]) => ({
    id: 'labels',
    hash: sql.join(),
    kind: 'labels',
    labels: sql.map((text, i) => ({ id: i + 1, sql: text })),
  });
  const yes = (heard: Heard<Findings>[], id: number): number =>
    heard.flatMap(({ message }) => message.labels).filter((label) => label.id === id && label.member).length;

  it('is evaluated by every host: SQL with a percentage is true on that share of them', async () => {
    await make(200, '--answer-delay', '0ms').start();
    const { take, all } = collect<Heard<Findings>>(200, ({ answer }) => answer({ ok: true }));
    server.onFindings = take;
    server.broadcast('standing', {
      remove: [],
      blocks: [labels('select 1', 'select 1 -- 25%', 'select 0 -- 0%')],
    });
    const heard = await all;
    expect([yes(heard, 1), yes(heard, 3)]).toEqual([200, 0]);
    expect(Math.abs(yes(heard, 2) - 50)).toBeLessThanOrEqual(2);
    const changed = collect<Heard<Findings>>(200, ({ answer }) => answer({ ok: true }));
    server.onFindings = changed.take;
    server.broadcast('standing', {
      remove: [],
      blocks: [labels('select 1', 'select 1 -- 50%', 'select 0 -- 0%')],
    });
    const second = await changed.all;
    expect(second.every(({ message }) => message.labels.length === 1)).toBe(true);
    expect(Math.abs(yes(second, 2) - 100)).toBeLessThanOrEqual(2);
  });

  it('is said again until it is acknowledged, and named in the next hello', async () => {
    await make(1, '--answer-delay', '0ms').start();
    let refused = false;
    const { take, all } = collect<Heard<Findings>>(3, ({ answer }) => {
      answer(refused ? { ok: true } : { ok: false, error: 'not now', retry_after_ms: 1 });
      refused = true;
    });
    server.onFindings = take;
    const query = { query_id: 4, name: 'q', sql: 'select 1', interval: 1, logging: 'snapshot' };
    const pack = { id: 'pack/1', hash: 'p', kind: 'pack', pack: 'ops', queries: [query] };
    server.broadcast('standing', { remove: [], blocks: [labels('select 1'), pack] });
    const heard = await all;
    expect(heard[0]?.message.labels).toEqual(heard[1]?.message.labels);
    expect(heard[2]?.message.reports).toMatchObject([{ pack: 'ops', name: 'q', query_id: 4 }]);
    const { take: greet, all: greeted } = collect<Heard<Hello>>(1, ({ message, answer }) =>
      answer(server.welcome(message)),
    );
    server.onHello = greet;
    server.cut();
    expect((await greeted)[0]?.message.standing).toEqual({ labels: 'select 1', 'pack/1': 'p' });
  });
});
