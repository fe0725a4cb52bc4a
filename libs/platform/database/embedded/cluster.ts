import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import {
  chownSync,
  closeSync,
  existsSync,
  fchownSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { MINIMAL_ENVIRONMENT, type Binaries } from './binaries.js';
import { codeOf, EmbeddedPostgresError } from './errors.js';
import type { Identity } from './identity.js';
import type { Log } from './log.js';
import { holdsWithin, postgresProcessesIn, signalProcess } from './processes.js';

/** Who made the cluster and looks after it, and the database that Muster keeps its tables in; the server itself comes as `APPLICATION`. */
export const SUPERUSER = 'muster';

const DRAFT = 'initialising-';

/** Where the cluster of a data directory is, once it exists. */
export function clusterDirectory(dataDir: string): string {
  return path.join(dataDir, 'cluster');
}

/**
 * How the programs are told their data directory. Another user than ourselves may be unable to resolve its path
 * (a parent that is 0700); but the working directory is entered while the child is still root, and through it the
 * place can be named without resolving a path.
 */
export function dataArgument(cluster: string, identity: Identity): string {
  return identity === undefined ? cluster : '/proc/self/cwd';
}

/** Brings the cluster into being if there is none; returns the superuser's password. */
export async function ensureCluster(
  dataDir: string,
  binaries: Binaries,
  identity: Identity,
  log: Log,
): Promise<string> {
  await removeDrafts(dataDir, log);
  const cluster = clusterDirectory(dataDir);
  const passwordFile = path.join(dataDir, 'password');
  if (existsSync(cluster)) return readPassword(passwordFile);

  const password = existsSync(passwordFile) ? readPassword(passwordFile) : newPassword(passwordFile);
  const draft = path.join(dataDir, `${DRAFT}${randomUUID()}`);
  mkdirSync(draft, { mode: 0o700 });
  if (identity !== undefined) chownSync(draft, identity.uid, identity.gid);
  log('info', `initialising a new database in ${dataDir}`);
  await runInitdb(draft, password, binaries, identity);
  renameSync(draft, cluster);
  syncDirectory(dataDir);
  return password;
}

/** An `initdb` that was killed, or that outlived the server that started it, leaves a draft: nothing in it counts. */
async function removeDrafts(dataDir: string, log: Log): Promise<void> {
  for (const name of readdirSync(dataDir).filter((entry) => entry.startsWith(DRAFT))) {
    const draft = path.join(dataDir, name);
    log('info', 'removing a database initialisation that was cut off');
    for (const pid of postgresProcessesIn(draft)) signalProcess(pid, 'SIGKILL');
    await holdsWithin(5000, () => postgresProcessesIn(draft).length === 0);
    rmSync(draft, { recursive: true, force: true });
  }
}

function readPassword(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new EmbeddedPostgresError(
      codeOf(error) === 'ENOENT'
        ? `The database's password file ${file} is missing: put it back from a copy.`
        : `The database's password file ${file} cannot be read (${codeOf(error) ?? 'unknown error'}).`,
    );
  }
}

/** On disk before `initdb` uses it: a cluster whose password nobody knows would be lost. */
function newPassword(file: string): string {
  const password = randomBytes(24).toString('base64url');
  const draft = `${file}.${randomUUID()}`;
  const descriptor = openSync(draft, 'wx', 0o600);
  writeSync(descriptor, password + '\n');
  fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(draft, file);
  syncDirectory(path.dirname(file));
  return password;
}

async function runInitdb(
  directory: string,
  password: string,
  binaries: Binaries,
  identity: Identity,
): Promise<void> {
  const args = [
    ['-D', dataArgument(directory, identity)],
    ['-U', SUPERUSER, '--auth=scram-sha-256', '--pwfile=/dev/stdin'],
    [
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-instructions',
    ],
  ].flat();
  const input = unlinkedFile(directory, password, identity);
  try {
    const child = spawn(binaries.initdb, args, {
      ...identity,
      cwd: directory,
      detached: true,
      env: MINIMAL_ENVIRONMENT,
      stdio: [input, 'pipe', 'pipe'],
    });
    const output: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => output.push(chunk));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code !== 0) {
      const said = Buffer.concat(output).toString('utf8').trim().split('\n').slice(-5).join(' | ');
      throw new EmbeddedPostgresError(`initdb failed: ${said}`);
    }
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  } finally {
    closeSync(input);
  }
}

/**
 * The password for initdb's standard input, in a file that has no name any more: whatever is killed when, no trace
 * is left. Not a pipe, because initdb opens it anew by name, which a pipe of another user does not allow.
 */
function unlinkedFile(directory: string, password: string, identity: Identity): number {
  const file = `${directory}.password`;
  const descriptor = openSync(file, 'wx+', 0o600);
  unlinkSync(file);
  writeSync(descriptor, password + '\n', 0);
  if (identity !== undefined) fchownSync(descriptor, identity.uid, identity.gid);
  return descriptor;
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
