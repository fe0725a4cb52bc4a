import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { codeOf, EmbeddedPostgresError } from './errors.js';
import { startMark } from './processes.js';

interface Owner {
  pid: number;
  started: string;
}

/**
 * Makes this process the only owner of `dataDir`, or refuses in one line that names the other one.
 * A lock whose process is gone is taken over. Returns what releases it.
 */
export function acquireLock(dataDir: string): () => void {
  const lock = path.join(dataDir, 'lock');
  const mine = JSON.stringify({ pid: process.pid, started: startMark(process.pid) }) + '\n';
  const draft = `${lock}.${randomUUID()}`;
  // A link appears with its content in one step, so nobody ever reads a half-written lock.
  writeFileSync(draft, mine, { mode: 0o644, flag: 'wx' });
  try {
    while (!linked(draft, lock)) {
      const seen = read(lock);
      const owner = seen === undefined ? undefined : parse(seen);
      if (owner !== undefined && startMark(owner.pid) === owner.started) {
        throw new EmbeddedPostgresError(
          `The database in ${dataDir} is already in use by process ${owner.pid}.`,
        );
      }
      if (seen !== undefined) removeStale(lock, seen);
    }
  } finally {
    rmSync(draft, { force: true });
  }
  return () => {
    if (read(lock) === mine) rmSync(lock, { force: true });
  };
}

function linked(draft: string, lock: string): boolean {
  try {
    linkSync(draft, lock);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Removes the lock that was judged stale, and no other: a competitor may have replaced it by its own meanwhile. */
function removeStale(lock: string, judged: string): void {
  const aside = `${lock}.${randomUUID()}`;
  try {
    renameSync(lock, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  if (read(aside) !== judged) linked(aside, lock);
  rmSync(aside, { force: true });
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function parse(text: string): Owner | undefined {
  try {
    const value = JSON.parse(text) as Partial<Owner> | null;
    const known = typeof value?.pid === 'number' && typeof value.started === 'string';
    return known ? (value as Owner) : undefined;
  } catch {
    return undefined;
  }
}
