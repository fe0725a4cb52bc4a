import { existsSync, writeFileSync } from 'node:fs';
import {
  type AgentFixture,
  type HostRef,
  startAgent,
  startProxy,
  type TcpProxy,
  until,
} from '#libs/testing/index';
import { readJournal } from './support/journals.js';
import { countIn, countOf, Lab } from './support/lab.js';
import { expectLawfulTransitions, inDatabase } from './support/transitions.js';

const CAP_BYTES = 2 * 1024 * 1024;

describe('a network that breaks', () => {
  let lab: Lab;
  let proxy: TcpProxy;
  let agent: AgentFixture;
  let host: HostRef;
  beforeAll(async () => {
    // Only the tests end connections here, not the heartbeat.
    lab = await Lab.open({
      env: { MUSTER_HEARTBEAT_SECONDS: '60', MUSTER_OUTPUT_CAP_BYTES: String(CAP_BYTES) },
    });
  });
  // An agent that was cut off often waits longer before it dials again: each test has a fresh one.
  beforeEach(async () => {
    proxy = await startProxy(lab.server.url);
    agent = startAgent({ server: lab.through(proxy) });
    host = await lab.online(agent);
  });
  afterEach(() => agent.stop());
  afterAll(() => expectLawfulTransitions(lab.databaseUrl));

  /** The connection ends, and all that was in the air is gone. */
  function breakConnection(): void {
    proxy.cut();
    proxy.thaw();
  }

  async function attemptOf(uuid: string): Promise<string> {
    const [row] = await rows<{ attempt_id: string }>(`SELECT attempt_id FROM targets WHERE uuid = '${uuid}'`);
    return row!.attempt_id;
  }

  function rows<T>(text: string): Promise<T[]> {
    return inDatabase(lab.databaseUrl, async (client) => (await client.query(text)).rows as T[]);
  }

  it('before an order is acknowledged: it was started once', async () => {
    const counter = lab.counter('unacknowledged');
    proxy.freeze('fromClient');
    const uuid = await lab.run(host.id, `${countIn(counter)}sleep 0.3\necho done\n`);
    await until(() => countOf(counter) === 1, { what: 'the start' });
    expect(await lab.target(uuid)).toMatchObject({ state: 'dispatched' });
    breakConnection();
    expect(await lab.reaches(uuid, ['finished'])).toMatchObject({ exit_code: 0 });
    expect((await lab.output(uuid)).stdout).toBe('done\n');
    expect(countOf(counter)).toBe(1);
  });

  it('before an order arrives: it is sent again under the same attempt', async () => {
    const counter = lab.counter('never-arrived');
    proxy.freeze('fromServer');
    const uuid = await lab.run(host.id, countIn(counter));
    await lab.reaches(uuid, ['dispatched']);
    const attempt = await attemptOf(uuid);
    breakConnection();
    await lab.reaches(uuid, ['finished']);
    expect(await attemptOf(uuid)).toBe(attempt);
    expect(countOf(counter)).toBe(1);
  });

  it('before a result is acknowledged: it is stored once', async () => {
    const [counter, go] = [lab.counter('unacknowledged-result'), lab.counter('unacknowledged-go')];
    const wait = `until [ -e '${go}' ]; do sleep 0.02; done`;
    const uuid = await lab.run(host.id, `${countIn(counter)}echo begun\n${wait}\n`);
    await until(async () => (await lab.output(uuid)).stdout === 'begun\n', { what: 'its first output' });
    const attempt = await attemptOf(uuid);
    const acks = (): number => proxy.sentToClient().split(`"${attempt}","status":"ok"`).length - 1;
    // Its start and its first output are told in one message or in two; held back, an answer to these delays the end.
    await until(() => acks() >= 2, { timeout: 500 }).catch(() => undefined);
    proxy.freeze('fromServer');
    writeFileSync(go, '');
    const { finished_at: finishedAt } = await lab.reaches(uuid, ['finished']);
    expect(readJournal(agent.stateDir).ended.has(attempt)).toBe(true);
    breakConnection();
    await lab.online(agent);
    await lab.reaches(await lab.run(host.id, 'true\n'), ['finished']);
    expect(await lab.target(uuid)).toMatchObject({ state: 'finished', finished_at: finishedAt });
    expect((await lab.output(uuid)).stdout).toBe('begun\n');
    expect(countOf(counter)).toBe(1);
  });

  it('while an order is repeated: a known attempt is not started again, nor after its end', async () => {
    const [counter, go] = [lab.counter('repeated'), lab.counter('repeated-go')];
    // The server hears nothing, so it repeats the order; the agent hears all of it.
    proxy.freeze('fromClient');
    const uuid = await lab.run(host.id, `${countIn(counter)}until [ -e '${go}' ]; do sleep 0.02; done\n`);
    await until(() => countOf(counter) === 1, { what: 'the start' });
    const attempt = await attemptOf(uuid);
    // What is signed travels as text within JSON.
    const order = JSON.stringify(`"attempt_id":"${attempt}"`).slice(1, -1);
    const ordered = (): number => proxy.sentToClient().split(order).length - 1;
    const repeated = async (times: number): Promise<void> => {
      await rows(`UPDATE targets SET dispatched_at = now() - interval '1 minute' WHERE uuid = '${uuid}'`);
      await until(() => ordered() === times, { what: `order number ${times}`, timeout: 15_000 });
    };
    expect(ordered()).toBe(1);
    await repeated(2);
    writeFileSync(go, '');
    await until(() => readJournal(agent.stateDir).ended.has(attempt), { what: 'its end' });
    await repeated(3);
    proxy.thaw();
    await lab.reaches(uuid, ['finished']);
    expect(countOf(counter)).toBe(1);
  }, 60_000);

  it('while output comes without end: nothing is missing, doubled or out of order', async () => {
    const counter = lab.counter('endless');
    const much = lab.counter('endless-much');
    // 7 KB at a time; more than may be kept after 600 times.
    const uuid = await lab.run(
      host.id,
      `${countIn(counter)}i=0\nwhile :; do seq $((i*1000+1)) $((i*1000+1000)); i=$((i+1))
[ $i -lt 600 ] || : > '${much}'; [ -e '${much}' ] || sleep 0.01; done\n`,
    );
    for (let cuts = 0; cuts < 4; cuts++) {
      const { seqs } = await lab.output(uuid);
      const more = async (): Promise<boolean> => (await lab.output(uuid)).seqs.length > seqs.length;
      await until(more, { what: `output after ${cuts} cuts`, timeout: 20_000 });
      proxy.cut();
    }
    await until(() => existsSync(much), { what: 'more than may be kept', timeout: 30_000 });
    proxy.cut();
    await lab.online(agent);
    await lab.cancel(uuid);
    const target = await lab.reaches(uuid, ['killed'], 45_000);
    const { stdout, seqs, dropped } = await lab.output(uuid);
    expect(seqs).toEqual(seqs.map((_, i) => i + 1));
    expect(target.truncated).toBe(true);
    expect(stdout.length + dropped).toBe(target.stdout_bytes);
    expect(stdout.length).toBeLessThanOrEqual(CAP_BYTES);
    const head = stdout.slice(0, CAP_BYTES / 2);
    expect(brokenLine(head.split('\n').slice(0, -1))).toBeUndefined();
    expect(head.startsWith('1\n2\n')).toBe(true);
    const tail = stdout.slice(CAP_BYTES / 2);
    expect(brokenLine(tail.split('\n').slice(1, -1))).toBeUndefined();
    expect(countOf(counter)).toBe(1);
  }, 90_000);

  it('while a run is to be stopped: it is stopped when the host is back', async () => {
    const [counter, queued] = [lab.counter('stop-offline'), lab.counter('stop-queued')];
    const uuid = await lab.run(host.id, `${countIn(counter)}exec sleep 300\n`);
    const waiting = await lab.run(host.id, countIn(queued));
    await lab.reaches(uuid, ['running']);
    proxy.refuse();
    proxy.cut();
    await lab.cancel(uuid);
    await lab.cancel(waiting);
    expect(await lab.target(waiting)).toMatchObject({ state: 'cancelled' });
    expect(await lab.target(uuid)).toMatchObject({ state: 'running' });
    proxy.accept();
    expect(await lab.reaches(uuid, ['killed'])).toMatchObject({ reason: 'cancel_requested' });
    await lab.reaches(await lab.run(host.id, 'true\n'), ['finished']);
    expect([countOf(counter), countOf(queued)]).toEqual([1, 0]);
  });

  it('while an order that never arrived is to be stopped: it is cancelled, and never starts', async () => {
    const counter = lab.counter('stop-unarrived');
    proxy.freeze('fromServer');
    const uuid = await lab.run(host.id, countIn(counter));
    await lab.reaches(uuid, ['dispatched']);
    proxy.refuse();
    breakConnection();
    await lab.cancel(uuid);
    expect(await lab.target(uuid)).toMatchObject({ state: 'dispatched' });
    proxy.accept();
    expect(await lab.reaches(uuid, ['cancelled'])).toMatchObject({ started_at: null });
    await lab.reaches(await lab.run(host.id, 'true\n'), ['finished']);
    expect(countOf(counter)).toBe(0);
  });
});

/** The first line that does not count on from the one before it. */
function brokenLine(lines: readonly string[]): string | undefined {
  return lines.find((line, i) => i > 0 && Number(line) !== Number(lines[i - 1]) + 1);
}
