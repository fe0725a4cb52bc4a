/**
 * A process that owns an embedded PostgreSQL: for specs that kill such a process, and for jest's global set-up.
 * Compiled and run by them. Arguments: compiled index.js, and `OwnerOptions` as JSON. Prints one JSON line, with
 * the superuser's url when ready or the error. Stops PostgreSQL cleanly at SIGTERM and at the end of its standard input, so
 * that nothing outlives whoever started it.
 */
import { rmSync } from 'node:fs';

export interface OwnerOptions {
  dataDir: string;
  flags?: string[];
  /** For root: run as this user. */
  user?: { uid: number; gid: number };
  /** A directory to remove at the end. */
  remove?: string;
  /** A database to make, with the schema as it is now, for tests to copy. */
  template?: Template;
}

interface Template {
  name: string;
  /** The built module with `connectDatabase`. */
  module: string;
}

/** What is used of it; as below. */
interface Schema {
  connectDatabase: (options: unknown) => Promise<{ destroy(): Promise<void> }>;
  dataSourceOptions: (url: string, entities: []) => unknown;
}

/** What is used of the embedded database; the compiled module is given by its path, so nothing is imported here. */
interface Embedded {
  startEmbeddedPostgres: (options: {
    dataDir: string;
    flags?: string[];
    log: (level: string, message: string) => void;
  }) => Promise<{ superuserUrl: string; stop(): Promise<void> }>;
}

const [index = '', json = ''] = process.argv.slice(2);
const { dataDir, flags, user, remove, template } = JSON.parse(json) as OwnerOptions;
const { startEmbeddedPostgres } = (await import(index)) as Embedded;
if (user !== undefined) {
  process.setgroups?.([user.gid]);
  process.setgid?.(user.gid);
  process.setuid?.(user.uid);
}
// Ctrl-C is for everyone in the terminal's group; our end comes when the one who started us has ended.
process.on('SIGINT', () => undefined);
const asked = new Promise((resolve) => {
  process.once('SIGTERM', resolve);
  process.stdin.once('end', resolve).resume();
});
try {
  const database = await startEmbeddedPostgres({
    dataDir,
    flags,
    log: (level, message) => {
      if (level === 'error') process.stderr.write(`${level} ${message}\n`);
    },
  });
  if (template !== undefined) await makeTemplate(database.superuserUrl, template);
  process.stdout.write(JSON.stringify({ url: database.superuserUrl }) + '\n');
  await asked;
  await database.stop();
} catch (error) {
  process.stdout.write(JSON.stringify({ error: (error as Error).message }) + '\n');
  process.exitCode = 1;
} finally {
  if (remove !== undefined) rmSync(remove, { recursive: true, force: true });
  process.stdin.destroy();
}

async function makeTemplate(superuserUrl: string, { name, module }: Template): Promise<void> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: superuserUrl });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  const url = new URL(superuserUrl);
  url.pathname = `/${name}`;
  // Standard output has one line, for whoever started us.
  (await import('@nestjs/common')).Logger.overrideLogger(false);
  const { connectDatabase, dataSourceOptions } = (await import(module)) as Schema;
  const migrated = await connectDatabase(dataSourceOptions(url.href, []));
  await migrated.destroy();
  // Nobody may be connected to what is copied.
  await client.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
  await client.end();
}
