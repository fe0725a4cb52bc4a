import { readFileSync } from 'node:fs';
import path from 'node:path';
import { postgresProcessesIn } from '#libs/platform/database/embedded/processes';
import { type ServerFixture } from '#libs/testing/index';

function clusterOf(server: Pick<ServerFixture, 'dataDir'>): string {
  return path.join(server.dataDir, 'postgres', 'cluster');
}

/** The postmaster's process id, first, and those of its children. Empty while PostgreSQL is down. */
export function postgresPids(server: Pick<ServerFixture, 'dataDir'>): number[] {
  const postmaster = postmasterFile(server)?.[0];
  if (postmaster === undefined) return [];
  const all = postgresProcessesIn(clusterOf(server));
  return all.sort((a, b) => Number(b === Number(postmaster)) - Number(a === Number(postmaster)));
}

/** Where the server's own PostgreSQL listens now; the port changes when the server starts anew. */
export function embeddedUrl(server: Pick<ServerFixture, 'dataDir'>): string {
  const port = postmasterFile(server)?.[3];
  if (port === undefined) throw new Error('PostgreSQL is down');
  const password = readFileSync(path.join(server.dataDir, 'postgres', 'password'), 'utf8').trim();
  return `postgres://muster:${password}@127.0.0.1:${port}/muster`;
}

/** SIGKILL to the postmaster and to all that it had started; what died meanwhile is fine. */
export function killPostgres(server: Pick<ServerFixture, 'dataDir'>, pids = postgresPids(server)): number {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It was quicker.
    }
  }
  return pids.length;
}

function postmasterFile(server: Pick<ServerFixture, 'dataDir'>): string[] | undefined {
  try {
    return readFileSync(path.join(clusterOf(server), 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return undefined;
  }
}
