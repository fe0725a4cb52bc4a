import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child, describeEnd } from './child.js';
import { LogFile } from './log-file.js';

const never = new AbortController().signal;

describe('Child', () => {
  let folder: string;
  let log: LogFile;
  const children: Child[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'muster-child-'));
    log = new LogFile(join(folder, 'child.log'));
  });
  afterEach(async () => {
    const now = AbortSignal.abort();
    await Promise.all(children.splice(0).map((child) => child.stop(0, now)));
    log.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function start(code: string, echo?: (bytes: Buffer) => void): Child {
    const child = new Child({ args: ['-e', code], env: {}, log, echo });
    children.push(child);
    return child;
  }

  async function said(text: string): Promise<void> {
    while (!log.lastLines(100).join('\n').includes(text)) await sleep(10);
  }

  it('writes to its log and tells how it ended', async () => {
    const child = start(
      'console.log("out"); console.error(process.env.MUSTER_EXIT_WITH_PARENT); process.exitCode = 3',
    );
    expect(describeEnd(await child.ended)).toBe('ended with exit code 3');
    expect(log.lastLines(5)).toEqual(['out', '1']);
  });

  it('is heard besides, when asked for', async () => {
    const heard: string[] = [];
    const child = start('console.log("out")', (bytes) => heard.push(bytes.toString()));
    await child.ended;
    await said('out');
    expect(heard.join('')).toBe('out\n');
  });

  it('stops on TERM', async () => {
    const child = start(
      'process.on("SIGTERM", () => process.exit(0)); setInterval(() => {}, 1000); console.log("up")',
    );
    await said('up');
    await child.stop(10_000, never);
    expect(await child.ended).toEqual({ code: 0, signal: null });
  });

  it.each([
    ['after the grace', 50, never],
    ['at once in a hurry', 60_000, AbortSignal.abort()],
  ])('is killed with its whole group %s', async (_when, grace, hurry) => {
    const child = start(
      `process.on("SIGTERM", () => {});
       const c = require("node:child_process").spawn(process.execPath, ["-e", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"]);
       console.log("grandchild " + c.pid);`,
    );
    await said('grandchild');
    const pid = Number(/\d+/.exec(log.lastLines(1)[0]!)![0]);
    await child.stop(grace, hurry);
    expect(describeEnd(await child.ended)).toBe('was ended by SIGKILL');
    while (isAlive(pid)) await sleep(10);
  });

  it('learns from its standard input that the one who started it is gone', async () => {
    // A process that starts a child as `up` does, and is killed without a chance to say goodbye.
    const grandchild =
      'process.stdin.resume().on("end", () => { require("fs").writeFileSync(process.argv[1], "gone"); process.exit() })';
    const note = join(folder, 'note');
    const parent = spawn(process.execPath, [
      '-e',
      `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(grandchild)}, ${JSON.stringify(note)}], { stdio: ["pipe", "ignore", "ignore"], detached: true });
       setTimeout(() => process.kill(process.pid, "SIGKILL"), 300)`,
    ]);
    await new Promise((resolve) => parent.once('exit', resolve));
    const text = (): string => {
      try {
        return readFileSync(note, 'utf8');
      } catch {
        return '';
      }
    };
    while (text() !== 'gone') await sleep(10);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
