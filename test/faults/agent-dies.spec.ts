import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startAgent, startProxy, until } from '#libs/testing/index';
import { readJournal } from './support/journals.js';
import { countIn, countOf, Lab, lives } from './support/lab.js';
import { expectLawfulTransitions } from './support/transitions.js';

/** Writes the ids of the shell and of a child of it to a file, says so, and stays. */
function stayWithChild(pidFile: string): string {
  return `sleep 300 &\necho $$ $! > '${pidFile}'\necho begun\nwait\n`;
}

function pidsIn(file: string): number[] {
  return readFileSync(file, 'utf8').trim().split(/\s+/).map(Number);
}

describe('an agent that is killed', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.open();
  });
  afterAll(() => expectLawfulTransitions(lab.databaseUrl));

  it('reports what ran as lost with its output so far, ends its processes, and goes on with the queue', async () => {
    const agent = startAgent({ server: lab.server });
    const { id } = await agent.online();
    const [first, second, pids] = [lab.counter('first'), lab.counter('second'), lab.counter('pids')];
    const doomed = await lab.run(id, countIn(first) + stayWithChild(pids));
    const next = await lab.run(id, `${countIn(second)}echo next\n`);
    await until(async () => (await lab.output(doomed)).stdout === 'begun\n', { what: 'its first output' });
    const leftovers = pidsIn(pids);
    await agent.kill();
    expect(leftovers.map(lives)).toEqual([true, true]);
    expect(await lab.target(next)).toMatchObject({ state: 'queued' });

    await agent.restart();
    const lost = await lab.reaches(doomed, ['lost']);
    expect(lost).toMatchObject({ reason: 'agent_died', exit_code: null, signal: null });
    expect(leftovers.map(lives)).toEqual([false, false]);
    expect((await lab.output(doomed)).stdout).toBe('begun\n');
    const finished = await lab.reaches(next, ['finished']);
    expect(Date.parse(finished.started_at!)).toBeGreaterThanOrEqual(Date.parse(lost.finished_at!));
    expect([countOf(first), countOf(second)]).toEqual([1, 1]);
  });

  it('still has the result that the server had not heard', async () => {
    const proxy = await startProxy(lab.server.url);
    const agent = startAgent({ server: lab.through(proxy) });
    const { id } = await lab.online(agent);
    const [counter, go] = [lab.counter('unheard'), lab.counter('go')];
    const uuid = await lab.run(
      id,
      `${countIn(counter)}seq 1 5000\nuntil [ -e '${go}' ]; do sleep 0.02; done\necho end\nexit 7\n`,
    );
    await lab.reaches(uuid, ['running']);
    proxy.freeze('fromClient');
    writeFileSync(go, '');
    await until(() => readJournal(agent.stateDir).ended.size === 1, { what: 'the end in the journal' });
    await agent.kill();
    expect(await lab.target(uuid)).toMatchObject({ state: 'running' });

    proxy.cut();
    proxy.thaw();
    await agent.restart();
    expect(await lab.reaches(uuid, ['finished'])).toMatchObject({ exit_code: 7 });
    const { stdout } = await lab.output(uuid);
    expect(stdout.startsWith('1\n2\n')).toBe(true);
    expect(stdout.endsWith('\n5000\nend\n')).toBe(true);
    expect(stdout.length).toBe(23_893 + 4);
    expect(countOf(counter)).toBe(1);
  });

  it('and comes back without its state: what was in flight is lost, and the host is the same', async () => {
    const agent = startAgent({ server: lab.server });
    const { id } = await agent.online();
    const [counter, pids] = [lab.counter('wiped'), lab.counter('wiped-pids')];
    const doomed = await lab.run(id, countIn(counter) + stayWithChild(pids));
    await until(async () => (await lab.output(doomed)).stdout === 'begun\n', { what: 'its first output' });
    await agent.kill();
    rmSync(agent.stateDir, { recursive: true });

    await lab.allowReenrolment(id);
    await agent.restart();
    expect(await lab.reaches(doomed, ['lost'])).toMatchObject({ reason: 'journal_replaced' });
    expect((await agent.online()).id).toBe(id);
    const after = await lab.run(id, 'echo here\n');
    await lab.reaches(after, ['finished']);
    expect(countOf(counter)).toBe(1);
    // Nobody knows of these any more.
    for (const pid of pidsIn(pids)) process.kill(pid, 'SIGKILL');
  });

  it('again while it recovers loses the same attempt once', async () => {
    const agent = startAgent({ server: lab.server });
    const { id } = await agent.online();
    const pids = lab.counter('stubborn-pids');
    // Ignores TERM: recovery takes its two seconds.
    const doomed = await lab.run(id, `trap '' TERM\n${stayWithChild(pids)}`);
    await until(async () => (await lab.output(doomed)).stdout === 'begun\n', { what: 'its first output' });
    await agent.kill();
    await agent.restart();
    await until(() => agent.log().includes('an earlier agent process died with this attempt'));
    await agent.kill();
    await agent.restart();
    expect(await lab.reaches(doomed, ['lost'])).toMatchObject({ reason: 'agent_died' });
    expect(pidsIn(pids).map(lives)).toEqual([false, false]);
    await lab.reaches(await lab.run(id, 'true\n'), ['finished']);
  });

  // The agent says "output cannot be read back" every second, for ever: the run never ends, and its lane stands still.
  it('whose spooled output is gone still tells how the run ended', async () => {
    const proxy = await startProxy(lab.server.url);
    const agent = startAgent({ server: lab.through(proxy) });
    const { id } = await lab.online(agent);
    proxy.freeze('fromClient');
    const uuid = await lab.run(id, 'seq 1 100000\nexit 6\n');
    await until(() => readJournal(agent.stateDir).ended.size === 1, { what: 'the end in the journal' });
    const output = path.join(agent.stateDir, 'journal', 'output');
    // Emptied, not removed: files that are open would still give what they hold.
    for (const file of readdirSync(output, { recursive: true, withFileTypes: true })) {
      if (file.isFile()) truncateSync(path.join(file.parentPath, file.name));
    }
    proxy.cut();
    proxy.thaw();
    const target = await lab.reaches(uuid, ['finished'], 8_000);
    expect(target.exit_code).toBe(6);
    const { stdout } = await lab.output(uuid);
    expect(stdout.length).toBeLessThan(target.stdout_bytes);
    expect(target.truncated).toBe(true);
    await lab.reaches(await lab.run(id, 'echo next\n'), ['finished']);
  });
});
