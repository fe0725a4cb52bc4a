import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  type AgentFixture,
  atEnd,
  type HostRef,
  startAgent,
  temporaryDirectory,
  until,
} from '#libs/testing/index';
import { countIn, countOf, Lab } from './support/lab.js';
import { expectLawfulTransitions } from './support/transitions.js';

/** A small file system of its own, or why there can be none. */
function mountSmallDisk(): { directory: string } | { reason: string } {
  if (process.getuid?.() !== 0) return { reason: 'only root may mount a small file system' };
  const directory = temporaryDirectory('small-disk');
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'tmpfs', directory], {
    encoding: 'utf8',
  });
  if (mount.status !== 0) return { reason: `mount is refused here: ${mount.stderr || mount.error?.message}` };
  atEnd(() => {
    spawnSync('umount', ['-l', directory]);
  });
  return { directory };
}

const disk = mountSmallDisk();
const title = 'reason' in disk ? `a full disk (skipped: ${disk.reason})` : 'a full disk';

('reason' in disk ? describe.skip : describe)(title, () => {
  let lab: Lab;
  let agent: AgentFixture;
  let host: HostRef;
  const directory = 'reason' in disk ? '' : disk.directory;
  const filler = path.join(directory, 'filler');
  beforeAll(async () => {
    lab = await Lab.open();
    agent = startAgent({ server: lab.server, stateDir: path.join(directory, 'state') });
    host = await agent.online();
  });
  afterAll(() => expectLawfulTransitions(lab.databaseUrl));

  /** Leaves not a byte. */
  function fill(): void {
    for (const size of [65_536, 4096, 512, 1]) {
      try {
        for (;;) writeFileSync(filler, Buffer.alloc(size), { flag: 'a' });
      } catch {
        // It is full, in pieces of this size.
      }
    }
  }

  it('refuses an order that cannot be written down, and takes the next one when there is room again', async () => {
    const { pid } = agent;
    fill();
    const ends: { state: string; reason: string | null }[] = [];
    // The journal's last block may still have room for a few.
    await until(
      async () => {
        const counter = lab.counter(`full-${ends.length}`);
        const uuid = await lab.run(host.id, countIn(counter));
        const { state, reason } = await lab.ended(uuid);
        expect(countOf(counter)).toBe(state === 'finished' ? 1 : 0);
        ends.push({ state, reason });
        return reason === 'journal_unavailable';
      },
      { what: 'a refusal', timeout: 30_000, interval: 1 },
    );
    for (const { state } of ends) expect(['finished', 'failed_to_start']).toContain(state);
    rmSync(filler);
    // The first order after a failed sync may still be refused: it is what makes the agent try again.
    const counter = lab.counter('room-again');
    expect(await lab.ended(await lab.run(host.id, countIn(counter)))).toMatchObject({ state: 'finished' });
    expect(countOf(counter)).toBe(1);
    expect(agent.pid).toBe(pid);
  }, 60_000);

  it('keeps what fits of the output, says what is missing, and lives', async () => {
    const { pid } = agent;
    const counter = lab.counter('much');
    const uuid = await lab.run(host.id, `${countIn(counter)}seq 1 400000\necho end >&2\nexit 4\n`);
    const target = await lab.reaches(uuid, ['finished']);
    expect(target).toMatchObject({ exit_code: 4, truncated: true, stderr_bytes: 4 });
    expect(target.stdout_bytes).toBe(2_688_895);
    const { stdout, stderr, seqs, dropped } = await lab.output(uuid);
    expect(stdout.startsWith('1\n2\n3\n')).toBe(true);
    expect(seqs).toEqual(seqs.map((_, i) => i + 1));
    expect(stdout.length + stderr.length).toBeLessThan(target.stdout_bytes);
    if (dropped > 0) expect(stdout.length + stderr.length + dropped).toBe(target.stdout_bytes + 4);
    expect(await lab.reaches(await lab.run(host.id, 'echo fine\n'), ['finished'])).toMatchObject({
      truncated: false,
    });
    expect(countOf(counter)).toBe(1);
    expect(agent.pid).toBe(pid);
  });

  it('killed while its disk is full, it loses nothing but what ran', async () => {
    const [counter, next] = [lab.counter('full-kill'), lab.counter('full-next')];
    const uuid = await lab.run(host.id, `${countIn(counter)}echo begun\nsleep 300\n`);
    await lab.reaches(uuid, ['running']);
    fill();
    await agent.kill();
    rmSync(filler);
    await agent.restart();
    expect(await lab.reaches(uuid, ['lost'])).toMatchObject({ reason: 'agent_died' });
    await lab.reaches(await lab.run(host.id, countIn(next)), ['finished']);
    expect([countOf(counter), countOf(next)]).toEqual([1, 1]);
  });
});
