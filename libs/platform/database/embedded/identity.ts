import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { EmbeddedPostgresError, messageOf } from './errors.js';
import { hasProc } from './processes.js';

/** As whom PostgreSQL runs; undefined: as ourselves. */
export type Identity = { readonly uid: number; readonly gid: number } | undefined;

const USER = 'postgres';

/**
 * PostgreSQL refuses to run as root. For root it runs as the owner of the existing cluster (who may have started
 * Muster without root before), else as the system user `postgres`.
 */
export function serverIdentity(cluster: string): Identity {
  if (process.getuid?.() !== 0) return undefined;
  if (!hasProc) {
    throw new EmbeddedPostgresError(
      'The embedded PostgreSQL cannot be started by root on this system: ' +
        'run Muster as an ordinary user, or point MUSTER_DATABASE_URL to a PostgreSQL.',
    );
  }
  const owner = statSync(cluster, { throwIfNoEntry: false });
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  return lookUp() ?? create();
}

function lookUp(): Identity {
  try {
    const id = (option: string) =>
      Number(execFileSync('id', [option, USER], { stdio: ['ignore', 'pipe', 'ignore'] }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}

function create(): Identity {
  try {
    execFileSync('groupadd', ['--system', '--force', USER], { stdio: 'pipe' });
    execFileSync(
      'useradd',
      [
        '--system',
        '--gid',
        USER,
        '--no-create-home',
        '--home-dir',
        '/nonexistent',
        '--shell',
        '/bin/false',
        USER,
      ],
      { stdio: 'pipe' },
    );
  } catch (error) {
    throw new EmbeddedPostgresError(
      `PostgreSQL does not run as root and the system user ${USER} cannot be created ` +
        `(${messageOf(error).split('\n')[0]}): create it, run Muster as an ordinary user, ` +
        'or point MUSTER_DATABASE_URL to a PostgreSQL.',
    );
  }
  return lookUp();
}
