import 'reflect-metadata';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type Agent } from './agent.js';
import { bootId, startTimeOf } from './exec/processes.js';
import { Journal } from './journal/journal.js';
import { Spool } from './journal/spool.js';
import { startAgentHere } from './testing/agent-here.js';
import { ProtocolServer, orderFor, shellOrder } from './testing/protocol-server.js';
import { removeTemporary, temporaryDirectory } from './testing/temporary.js';

let server: ProtocolServer;
let url: string;
let stateDir: string;
const agents: Agent[] = [];
let logged: string[] = [];

beforeEach(async () => {
  server = new ProtocolServer();
  url = await server.listen();
  stateDir = temporaryDirectory();
  logged = [];
});
afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.stop('test')));
  await server.close();
});
afterAll(removeTemporary);

async function startAgent(...flags: string[]): Promise<Agent> {
  const here = {
    server: url,
    stateDir,
    enrollSecret: 'top-secret',
    write: (line: string) => void logged.push(line),
  };
  const agent = await startAgentHere(here, '--hostname', 'box', ...flags);
  agents.push(agent);
  return agent;
}

/** Puts a new policy in the place of the one before. */
function policyFile(): (text: string) => void {
  const file = path.join(stateDir, 'policy.yml');
  return (text) => {
    fs.writeFileSync(`${file}.new`, text, { mode: 0o600 });
    fs.renameSync(`${file}.new`, file);
  };
}

async function stopped(agent: Agent): Promise<void> {
  await agent.stop('test');
  await server.until(() => !server.connected);
}

describe('enrolling', () => {
  it('happens once; the key is kept for its owner only, and no secret is ever logged', async () => {
    const agent = await startAgent('--label', 'env=prod');
    await server.until(() => server.connected);
    expect(server.enrolments).toHaveLength(1);
    expect(server.enrolments[0]).toMatchObject({ enroll_secret: 'top-secret', hostname: 'box' });
    expect(server.hellos[0]).toMatchObject({
      hostname: 'box',
      labels: { env: 'prod' },
      scripts_enabled: true,
      attempts: [],
    });
    const file = path.join(stateDir, 'identity.json');
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
    expect(fs.statSync(stateDir).mode & 0o777).toBe(0o700);
    await stopped(agent);
    await startAgent();
    await server.until(() => server.hellos.length === 2);
    expect(server.enrolments).toHaveLength(1);
    expect(server.hellos[1]?.journal_id).toBe(server.hellos[0]?.journal_id);
    const log = logged.join('');
    expect(log).not.toContain('top-secret');
    for (const key of server.nodeKeys) expect(log).not.toContain(key);
  });

  it('is tried again when it was refused', async () => {
    server.refuseEnrolments = [401, 503];
    await startAgent();
    await server.until(() => server.connected);
    expect(server.enrolments).toHaveLength(3);
    expect(logged.join('')).toContain('enroll secret is not (or no longer) valid');
  });

  it('is repeated, as the same machine, when the server forgot the key', async () => {
    await startAgent();
    await server.until(() => server.connected);
    server.nodeKeys.clear();
    server.cut();
    await server.until(() => server.hellos.length === 2);
    const [first, second] = server.enrolments;
    expect([second?.hardware_uuid, second?.instance]).toEqual([first?.hardware_uuid, first?.instance]);
  });

  it('of a second agent in the same state directory does not happen', async () => {
    await startAgent();
    await expect(startAgent()).rejects.toThrow(/another agent \(process \d+\) uses the state directory/);
  });
});

it('an agent stops at once while it dials or enrolls at a server that says nothing', async () => {
  const agent = await startAgent();
  await stopped(agent);
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const enrolling = once(silent, 'connection');
  const second = await startAgent();
  await enrolling;
  await second.stop('test');
  const identity = path.join(stateDir, 'identity.json');
  fs.writeFileSync(
    identity,
    JSON.stringify({ server: url, node_key: 'k', host_id: 1, host_uuid: randomUUID() }),
  );
  const dialling = once(silent, 'connection');
  const third = await startAgent();
  await dialling;
  await third.stop('test');
  silent.close();
});

describe('a run', () => {
  it('that is fast is reported in one message', async () => {
    await startAgent();
    const order = orderFor({ type: 'command', argv: ['echo', 'hello'] });
    expect(await server.run(order)).toEqual([{ attempt_id: order.attempt_id, accepted: true }]);
    expect(await server.ended(order.attempt_id)).toMatchObject({
      outcome: 'finished',
      exit_code: 0,
      stdout_bytes: 6,
      chunks: 1,
    });
    expect(server.of(order.attempt_id)).toMatchObject({ reports: 1 });
    expect(server.output(order.attempt_id).toString()).toBe('hello\n');
  });

  it('that lasts is told as it goes', async () => {
    await startAgent();
    const order = shellOrder('echo one; read line; echo two', { stdin: undefined });
    const slow = shellOrder(`echo one; while [ ! -e ${stateDir}/go ]; do sleep 0.02; done; echo two`);
    await server.run(order, slow);
    await server.until(() => server.output(slow.attempt_id).toString() === 'one\n');
    expect(server.of(slow.attempt_id).startedAt).not.toBeNull();
    expect(server.of(slow.attempt_id).ending).toBeNull();
    fs.writeFileSync(path.join(stateDir, 'go'), '');
    await server.ended(slow.attempt_id);
    expect(server.output(slow.attempt_id).toString()).toBe('one\ntwo\n');
  });

  it('is never started twice, however often it is ordered', async () => {
    const agent = await startAgent();
    const order = shellOrder(`echo x >> ${stateDir}/count`);
    const [first, second] = await Promise.all([server.run(order, order), server.run(order)]);
    for (const answer of [...(first ?? []), ...(second ?? [])]) expect(answer.accepted).toBe(true);
    await server.ended(order.attempt_id);
    expect((await server.run(order))[0]?.accepted).toBe(true);
    await stopped(agent);
    await startAgent();
    expect((await server.run(order))[0]?.accepted).toBe(true);
    const other = { ...order, attempt_id: randomUUID() };
    expect((await server.run(other))[0]).toMatchObject({ accepted: false, reason: 'start_failed' });
    expect(fs.readFileSync(path.join(stateDir, 'count'), 'utf8')).toBe('x\n');
  });

  it('that nobody asks about is answered by its reports; one that waits, or is refused, is told of', async () => {
    await startAgent();
    await server.until(() => server.connected);
    expect(server.hellos[0]?.says_taken).toBe(true);
    const gate = `while [ ! -e ${stateDir}/go ]; do sleep 0.02; done`;
    const running = shellOrder(gate, { lane: 'serial' });
    const waiting = shellOrder('true', { lane: 'serial' });
    const late = shellOrder('true', { expires_at: 1 });
    await server.runUnasked(running, waiting, late);
    await server.until(() => server.taken.length === 2);
    expect(server.taken).toEqual([
      expect.objectContaining({ attempt_id: late.attempt_id, accepted: false, reason: 'expired' }),
      { attempt_id: waiting.attempt_id, accepted: true },
    ]);
    expect(server.of(running.attempt_id).startedAt).not.toBeNull();
    // Told of once; repeated with an acknowledgement it gets one.
    expect(await server.run(waiting)).toEqual([{ attempt_id: waiting.attempt_id, accepted: true }]);
    fs.writeFileSync(`${stateDir}/go`, '');
    for (const { attempt_id } of [running, waiting])
      expect(await server.ended(attempt_id)).toMatchObject({ outcome: 'finished', exit_code: 0 });
    expect(server.taken).toHaveLength(2);
  });

  it('of the serial lane waits for the one before; others do not', async () => {
    await startAgent();
    const gate = `while [ ! -e ${stateDir}/go ]; do sleep 0.02; done`;
    const first = shellOrder(`${gate}; echo 1 >> ${stateDir}/order`, { lane: 'serial' });
    const second = shellOrder(`echo 2 >> ${stateDir}/order`, { lane: 'serial' });
    const third = shellOrder(`echo 3 >> ${stateDir}/order`, { lane: 'serial' });
    const aside = shellOrder(`echo aside >> ${stateDir}/order`);
    await server.run(first, second, third, aside);
    await server.ended(aside.attempt_id);
    expect(await server.stop(second.attempt_id)).toBe('not_started');
    expect((await server.run(second))[0]).toMatchObject({ accepted: false, reason: 'cancel_requested' });
    fs.writeFileSync(path.join(stateDir, 'go'), '');
    await server.ended(third.attempt_id);
    expect(fs.readFileSync(path.join(stateDir, 'order'), 'utf8')).toBe('aside\n1\n3\n');
  });

  it('whose turn comes while the policy cannot be read is not started, and keeps nobody from his turn', async () => {
    const write = policyFile();
    write('{}');
    await startAgent('--policy', path.join(stateDir, 'policy.yml'));
    const gate = `while [ ! -e ${stateDir}/go ]; do sleep 0.02; done`;
    const first = shellOrder(gate, { lane: 'serial' });
    const second = shellOrder(`touch ${stateDir}/second`, {
      lane: 'serial',
      secrets: { files: { KEY_FILE: 'hunter2' } },
    });
    await server.run(first, second);
    write('kinds: [');
    fs.writeFileSync(path.join(stateDir, 'go'), '');
    expect(await server.ended(second.attempt_id)).toMatchObject({
      outcome: 'failed_to_start',
      reason: 'denied',
      message: expect.stringContaining("denied by the agent's policy"),
    });
    expect(await server.stop(second.attempt_id)).toBe('ended');
    expect(fs.readdirSync(path.join(stateDir, 'runs'))).toEqual([]);
    write('{}');
    const third = shellOrder('true', { lane: 'serial' });
    await server.run(third);
    expect(await server.ended(third.attempt_id)).toMatchObject({ outcome: 'finished' });
    expect(fs.existsSync(path.join(stateDir, 'second'))).toBe(false);
  });

  it('gets no more time than the policy allows when its turn comes', async () => {
    const write = policyFile();
    write('{}');
    await startAgent('--policy', path.join(stateDir, 'policy.yml'));
    const first = shellOrder(`while [ ! -e ${stateDir}/go ]; do sleep 0.02; done`, { lane: 'serial' });
    const second = shellOrder('sleep 60', { lane: 'serial', timeout_seconds: 50 });
    await server.run(first, second);
    write('max_timeout_seconds: 1');
    fs.writeFileSync(path.join(stateDir, 'go'), '');
    expect(await server.ended(second.attempt_id)).toMatchObject({
      outcome: 'timed_out',
      message: "ended after 1 s, the most that the agent's policy allows",
    });
  });

  it('with much output keeps head and tail and says what is missing', async () => {
    await startAgent();
    const order = shellOrder('i=0; while [ $i -lt 60000 ]; do echo "line $i"; i=$((i+1)); done', {
      output_cap_bytes: 20_000,
    });
    await server.run(order);
    const ending = await server.ended(order.attempt_id);
    const output = server.output(order.attempt_id).toString();
    expect(ending.stdout_bytes).toBe(output.length + ending.dropped_bytes);
    expect(ending.gap_seq).not.toBeNull();
    expect(output.startsWith('line 0\nline 1\n')).toBe(true);
    expect(output.endsWith('line 59999\n')).toBe(true);
    expect(output).toHaveLength(20_000);
  });

  it('with bytes of any kind arrives as they were', async () => {
    await startAgent();
    const zeros = shellOrder('head -c 3000000 /dev/zero', { output_cap_bytes: 4_000_000 });
    const random = shellOrder('head -c 500000 /dev/urandom | tee "$OUT"', {
      env: { OUT: `${stateDir}/random` },
    });
    await server.run(zeros, random);
    await Promise.all([server.ended(zeros.attempt_id), server.ended(random.attempt_id)]);
    expect(server.output(zeros.attempt_id).equals(Buffer.alloc(3_000_000))).toBe(true);
    expect(server.output(random.attempt_id).equals(fs.readFileSync(path.join(stateDir, 'random')))).toBe(
      true,
    );
  });
});

describe('an order is refused', () => {
  it('when it expired, by the server’s clock, or its content is not what was promised, or it cannot be read', async () => {
    server.clockOffset = 3_600_000;
    await startAgent();
    const expired = shellOrder('true', { expires_at: Date.now() + 60_000 });
    const wrong = shellOrder('true', { content_sha256: '0'.repeat(64) });
    const fine = shellOrder('true', { expires_at: Date.now() + 2 * 3_600_000 });
    const answers = await server.run(expired, wrong, fine);
    expect(answers).toMatchObject([
      { reason: 'expired' },
      { reason: 'content_mismatch' },
      { accepted: true },
    ]);
    const odd = randomUUID();
    const mixed = await server.raw('run', {
      orders: [shellOrder('true'), { attempt_id: odd, payload: { type: 'new' } }],
    });
    expect(mixed).toMatchObject({
      answers: [{ accepted: true }, { attempt_id: odd, accepted: false, reason: 'start_failed' }],
    });
  });

  it('when scripts are disabled', async () => {
    await startAgent('--disable-scripts');
    expect(await server.run(shellOrder('true'))).toMatchObject([
      { accepted: false, reason: 'scripts_disabled' },
    ]);
    expect(server.hellos[0]?.scripts_enabled).toBe(false);
  });

  it('when it had been stopped before it came, also after a restart', async () => {
    const agent = await startAgent();
    const order = shellOrder('true');
    expect(await server.stop(order.attempt_id, 'expired')).toBe('not_started');
    expect(await server.run(order)).toMatchObject([
      { accepted: false, reason: 'expired', message: 'by ann' },
    ]);
    await stopped(agent);
    await startAgent();
    expect(await server.run(order)).toMatchObject([{ accepted: false, reason: 'expired' }]);
  });
});

describe('secrets', () => {
  const secrets = { env: { PASSWORD: 'correct-horse' }, files: { KEY: 'battery-staple' } };

  it('are in no file of the agent and no log, while their run runs and afterwards', async () => {
    await startAgent();
    const order = shellOrder('echo "$PASSWORD"; cat "$KEY"; read -r line', {
      secrets,
      stdin: 'x'.repeat(10),
    });
    await server.run(order);
    expect(await server.ended(order.attempt_id)).toMatchObject({ masked: { secret: 2 } });
    expect(server.output(order.attempt_id).toString()).toBe('[masked]\n[masked]');
    for (const file of fs.readdirSync(stateDir, { recursive: true, encoding: 'utf8' })) {
      const whole = path.join(stateDir, file);
      if (!fs.statSync(whole).isFile()) continue;
      const content = fs.readFileSync(whole, 'latin1');
      expect([file, /correct-horse|battery-staple/.test(content)]).toEqual([file, false]);
    }
    expect(logged.join('')).not.toMatch(/correct-horse|battery-staple/);
  });

  it('that waited when the agent died are gone, and their run was never started; one whose turn had come is lost', async () => {
    const [waiting, begun] = [randomUUID(), randomUUID()];
    const { journal } = Journal.open(path.join(stateDir, 'journal'));
    for (const attemptId of [waiting, begun]) {
      const order = {
        attemptId,
        targetId: randomUUID(),
        executionId: randomUUID(),
        kind: 'command',
        capBytes: 1024,
      };
      journal.accept({ ...order, waiting: true }, Date.now());
    }
    journal.starting(begun);
    await journal.compact();
    await journal.close();
    await startAgent();
    expect(await server.ended(waiting)).toMatchObject({
      outcome: 'failed_to_start',
      reason: 'secrets_lost',
      started_at: null,
    });
    expect(await server.ended(begun)).toMatchObject({ outcome: 'lost', reason: 'agent_died' });
  });

  it('that wait in a lane are marked in the journal, and their turn too', async () => {
    await startAgent();
    const first = shellOrder('while [ ! -e "$GO" ]; do sleep 0.02; done', {
      lane: 'serial',
      env: { GO: path.join(stateDir, 'go') },
    });
    const second = shellOrder('echo "$PASSWORD"', { lane: 'serial', secrets });
    await server.run(first);
    await server.until(() => server.of(first.attempt_id).startedAt !== null);
    await server.run(second);
    const journal = (): string => fs.readFileSync(path.join(stateDir, 'journal', 'journal.log'), 'latin1');
    expect(journal()).toContain('"waiting":true');
    fs.writeFileSync(path.join(stateDir, 'go'), '');
    expect(await server.ended(second.attempt_id)).toMatchObject({
      outcome: 'finished',
      masked: { secret: 1 },
    });
    expect(journal()).toContain(`{"t":"starting","a":"${second.attempt_id}"}`);
  });
});

describe('an end', () => {
  const endless = 'trap "exit 0" TERM; while :; do sleep 0.02; done';

  it('is brought about by stop, but not by expiry', async () => {
    await startAgent();
    const order = shellOrder(endless);
    await server.run(order);
    await server.until(() => server.of(order.attempt_id).startedAt !== null);
    expect(await server.stop(order.attempt_id, 'expired')).toBe('running');
    expect(await server.stop(order.attempt_id)).toBe('terminating');
    expect(await server.ended(order.attempt_id)).toMatchObject({
      outcome: 'killed',
      reason: 'cancel_requested',
      message: 'by ann',
    });
    expect(await server.stop(order.attempt_id)).toBe('ended');
  });

  it('comes to an attempt that the server calls stale, in a report’s answer or in the hello’s, and is not told', async () => {
    await startAgent();
    const [one, two] = [shellOrder(endless), shellOrder(endless)];
    await server.run(one, two);
    await server.until(
      () => server.of(one.attempt_id).startedAt !== null && server.of(two.attempt_id).startedAt !== null,
    );
    server.answerReports((reports) => ({
      ok: true,
      answers: reports.map(({ attempt_id }) => ({ attempt_id, status: 'stale' })),
    }));
    server.stale = [two.attempt_id];
    server.cut();
    await server.until(() => server.hellos.length === 2);
    server.answerReports(null);
    server.stale = [];
    await server.stop(one.attempt_id);
    await server.ended(one.attempt_id);
    for (;;) {
      server.cut();
      const seen = server.hellos.length;
      await server.until(() => server.hellos.length > seen);
      if (server.hellos.at(-1)?.attempts.length === 0) break;
    }
    expect(server.of(two.attempt_id).ending).toBeNull();
  });

  it('of the agent is the end of its runs, written down and told', async () => {
    const agent = await startAgent();
    const running = shellOrder(endless, { lane: 'serial' });
    const queued = shellOrder('true', { lane: 'serial' });
    await server.run(running, queued);
    await server.until(() => server.of(running.attempt_id).startedAt !== null);
    await agent.stop('test');
    expect(await server.ended(running.attempt_id)).toMatchObject({
      outcome: 'killed',
      reason: 'agent_shutdown',
    });
    expect(await server.ended(queued.attempt_id)).toMatchObject({
      outcome: 'failed_to_start',
      reason: 'agent_shutdown',
      started_at: null,
    });
  });
});

describe('nothing is lost', () => {
  it('when reports stay without an answer, are turned down, or the line is cut', async () => {
    await startAgent();
    let number = 0;
    server.answerReports((reports) => {
      number += 1;
      if (number % 4 === 1) return { ok: false, error: 'busy', retry_after_ms: 5 };
      if (number % 4 === 2) {
        setImmediate(() => server.cut());
        return null;
      }
      return { ok: true, answers: reports.map(({ attempt_id }) => ({ attempt_id, status: 'ok' })) };
    });
    const orders = Array.from({ length: 6 }, (_, index) =>
      shellOrder(`i=0; while [ $i -lt 20 ]; do echo "${index} $i"; i=$((i+1)); sleep 0.02; done`),
    );
    await server.run(...orders);
    for (const [index, { attempt_id }] of orders.entries()) {
      expect(await server.ended(attempt_id)).toMatchObject({ outcome: 'finished', exit_code: 0 });
      const expected = Array.from({ length: 20 }, (_, line) => `${index} ${line}\n`).join('');
      expect(server.output(attempt_id).toString()).toBe(expected);
    }
  });

  it('and a message never holds more output than the server takes at once', async () => {
    await startAgent();
    const window = 128 * 1024;
    const sizes: number[] = [];
    // All of it is there before the server takes any.
    const written = [0, 1, 2].map((run) => `${stateDir}/written-${run}`);
    server.answerReports((reports) => {
      if (!written.every((file) => fs.existsSync(file)))
        return { ok: false, error: 'busy', retry_after_ms: 5, window_bytes: window };
      const chunks = reports.flatMap(({ chunks: own = [] }) => own);
      sizes.push(chunks.reduce((sum, { data }) => sum + data.length, 0));
      return {
        ok: true,
        answers: reports.map(({ attempt_id }) => ({ attempt_id, status: 'ok' })),
        window_bytes: window,
      };
    });
    const orders = written.map((file) => shellOrder(`yes 0123456789 | head -c 600000; : > ${file}`));
    await server.run(...orders);
    for (const { attempt_id } of orders) {
      expect(await server.ended(attempt_id)).toMatchObject({ outcome: 'finished', exit_code: 0 });
      expect(server.output(attempt_id)).toHaveLength(600_000);
    }
    // More than before the first word of the server's, and no more than that.
    expect(Math.max(...sizes)).toBeGreaterThan(64 * 1024);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(window);
  });

  it('when the server is away while a run goes on and ends', async () => {
    await startAgent();
    const orders = [
      shellOrder(`while [ ! -e ${stateDir}/go ]; do sleep 0.02; done; echo late`),
      shellOrder(
        `while [ ! -e ${stateDir}/go ]; do sleep 0.02; done; head -c 300000 /dev/zero; echo > ${stateDir}/done`,
      ),
    ];
    await server.run(...orders);
    await server.until(() => orders.every(({ attempt_id }) => server.of(attempt_id).startedAt !== null));
    await server.close();
    const done = new Promise<void>((resolve) => {
      const watcher = fs.watch(stateDir, (_event, name) => {
        if (name !== 'done') return;
        watcher.close();
        resolve();
      });
    });
    fs.writeFileSync(path.join(stateDir, 'go'), '');
    await done;
    await server.listen();
    for (const { attempt_id } of orders)
      expect(await server.ended(attempt_id)).toMatchObject({ exit_code: 0 });
    expect(server.output(orders[0]!.attempt_id).toString()).toBe('late\n');
    expect(server.output(orders[1]!.attempt_id)).toHaveLength(300_000);
    expect(server.hellos.at(-1)?.attempts).toHaveLength(2);
  });

  it('when the agent dies: what ran is ended and reported as lost, with its output, what had ended as it ended', async () => {
    const [lost, ended, accepted] = [randomUUID(), randomUUID(), randomUUID()];
    const orphan = spawn('/bin/sh', ['-c', 'sleep 1000 & wait'], {
      detached: true,
      stdio: 'ignore',
      env: { MUSTER_ATTEMPT_ID: lost },
    });
    const gone = new Promise((resolve) => orphan.once('exit', resolve));
    const { journal } = Journal.open(path.join(stateDir, 'journal'));
    for (const id of [lost, ended, accepted]) {
      journal.accept(
        {
          attemptId: id,
          targetId: randomUUID(),
          executionId: randomUUID(),
          kind: 'command',
          capBytes: 10_000,
        },
        1,
      );
    }
    journal.started(lost, 5, { pid: orphan.pid!, startTime: startTimeOf(orphan.pid!), bootId: bootId() });
    const spool = new Spool(journal.outputDirectory(lost), 10_000);
    await spool.spill();
    await spool.write('stdout', 6, Buffer.from('so far\n'));
    await spool.idle();
    journal.started(ended, 5, { pid: 1, startTime: 1, bootId: 'other' });
    const ending = {
      outcome: 'finished',
      reason: null,
      message: '',
      exit_code: 9,
      signal: null,
      started_at: 5,
      finished_at: 6,
      duration_ms: 1,
      stdout_bytes: 2,
      stderr_bytes: 0,
      dropped_bytes: 0,
      gap_seq: null,
      chunks: 1,
    } as const;
    journal.ended(ended, ending, [{ stream: 'stdout', at: 5, data: Buffer.from('ok') }]);
    await journal.close();

    await startAgent();
    await gone;
    expect(await server.ended(lost)).toMatchObject({
      outcome: 'lost',
      reason: 'agent_died',
      started_at: 5,
      exit_code: null,
      stdout_bytes: 7,
      chunks: 1,
    });
    expect(server.output(lost).toString()).toBe('so far\n');
    expect(await server.ended(ended)).toEqual(ending);
    expect(server.output(ended).toString()).toBe('ok');
    expect(await server.ended(accepted)).toMatchObject({
      outcome: 'lost',
      reason: 'agent_died',
      started_at: null,
    });
    expect(server.hellos[0]?.attempts).toHaveLength(3);
  });
});
