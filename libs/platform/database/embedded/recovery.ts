import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { EmbeddedPostgresError } from './errors.js';
import type { Log } from './log.js';
import { holdsWithin, isPostgresIn, postgresProcessesIn, signalProcess } from './processes.js';

const FAST_SHUTDOWN_MS = 10_000;
const IMMEDIATE_SHUTDOWN_MS = 5_000;
const BACKENDS_LEAVE_MS = 3_000;

/**
 * Makes the cluster free for a new PostgreSQL: afterwards no process of an earlier one works in it. Only for the
 * holder of the lock, who knows that the server that owned those processes is dead.
 */
export async function clearLeftovers(cluster: string, log: Log): Promise<void> {
  const pidFile = path.join(cluster, 'postmaster.pid');
  const postmaster = readPid(pidFile);
  if (postmaster !== undefined && isPostgresIn(postmaster, cluster)) {
    log('warn', `stopping PostgreSQL (process ${postmaster}), which outlived the server that started it`);
    await stopProcess(postmaster, cluster);
  }
  await waitForBackends(cluster, log);
  // What is left of the file is the word of a dead process, but PostgreSQL would believe it if the id was reused.
  rmSync(pidFile, { force: true });
}

async function stopProcess(pid: number, cluster: string): Promise<void> {
  const gone = () => !isPostgresIn(pid, cluster);
  signalProcess(pid, 'SIGINT');
  if (await holdsWithin(FAST_SHUTDOWN_MS, gone)) return;
  signalProcess(pid, 'SIGQUIT');
  if (await holdsWithin(IMMEDIATE_SHUTDOWN_MS, gone)) return;
  signalProcess(pid, 'SIGKILL');
}

/** Backends notice the death of their postmaster by themselves; one in the middle of a long statement does so late. */
async function waitForBackends(cluster: string, log: Log): Promise<void> {
  const gone = () => postgresProcessesIn(cluster).length === 0;
  if (await holdsWithin(BACKENDS_LEAVE_MS, gone)) return;
  for (const signal of ['SIGQUIT', 'SIGKILL'] as const) {
    log('warn', `ending backends of a killed PostgreSQL (${signal})`);
    for (const pid of postgresProcessesIn(cluster)) signalProcess(pid, signal);
    if (await holdsWithin(BACKENDS_LEAVE_MS, gone)) return;
  }
  throw new EmbeddedPostgresError(
    `Processes of an earlier PostgreSQL cannot be ended: ${postgresProcessesIn(cluster).join(', ')}.`,
  );
}

function readPid(pidFile: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
    return pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}
