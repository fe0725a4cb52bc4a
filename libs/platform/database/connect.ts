import { Logger } from '@nestjs/common';
import type pg from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { MIGRATIONS } from './migrations/index.js';

/** Key of the advisory lock under which migrations run: two servers that start together take turns. */
const MIGRATION_LOCK = 0x6d757374;

/**
 * Every statement finds its rows by an index and is written so that one plan is right for all its values. Planning the
 * hot ones anew took longer than running them (claim: 0.7 ms against 0.1 ms); and a plan made while a table was still
 * small read it from end to end until the next ANALYZE, slower with every row.
 */
const SESSION_OPTIONS = [
  'plan_cache_mode=force_generic_plan',
  'enable_seqscan=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
  'jit=off',
  // PostgreSQL's own functions and types first, whatever was set for this role or database: who can set that must not
  // decide what the server's statements mean.
  'search_path="$user",public,pg_temp',
];

/** Options of every connection to Muster's database; the entities come from the domains. `options` of the URL come after ours, and win. */
export function dataSourceOptions(url: string, entities: DataSourceOptions['entities']): DataSourceOptions {
  const { rest, options } = withoutOptions(url);
  return {
    type: 'postgres',
    url: rest,
    ...(entities && { entities }),
    migrations: MIGRATIONS,
    migrationsTableName: 'migrations',
    synchronize: false,
    logging: false,
    poolSize: 20,
    applicationName: 'muster',
    connectTimeoutMS: 5_000,
    extra: {
      idleTimeoutMillis: 60_000,
      keepAlive: true,
      // Statements of a transaction that do not need each other's results go out together.
      pipeline: true,
      options: [...SESSION_OPTIONS.map((option) => `-c ${option}`), ...options].join(' '),
    },
    poolErrorHandler: (error: Error) =>
      new Logger('Database').warn('connection lost', { reason: error.message }),
  };
}

/** The driver would take the URL's `options` instead of ours. */
function withoutOptions(url: string): { rest: string; options: string[] } {
  if (!url.includes('options=') || !URL.canParse(url)) return { rest: url, options: [] };
  const parsed = new URL(url);
  const options = parsed.searchParams.getAll('options');
  parsed.searchParams.delete('options');
  return { rest: parsed.href, options };
}

/**
 * Connects, brings the schema up to date, and returns the ready data source.
 * @throws Error with one clear line when the database cannot be reached
 */
export async function connectDatabase(options: DataSourceOptions): Promise<DataSource> {
  const dataSource = new DataSource(options);
  try {
    await dataSource.initialize();
  } catch (error) {
    throw new Error(
      `cannot connect to PostgreSQL: ${(error as Error).message || (error as { code?: string }).code || 'unknown error'}`,
      { cause: error },
    );
  }
  surviveLostConnections(dataSource);
  try {
    await checkSchema(dataSource);
    await migrate(dataSource);
  } catch (error) {
    await dataSource.destroy();
    throw error;
  }
  return dataSource;
}

/** Tables in a schema that only a setting of the role or of the database leads to would be passed over, and new ones made elsewhere. */
async function checkSchema(dataSource: DataSource): Promise<void> {
  const [found] = await dataSource.query<{ setting: string }[]>(
    `SELECT setting FROM pg_db_role_setting s, unnest(s.setconfig) setting
     WHERE s.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = current_user))
       AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
       AND setting LIKE 'search_path=%' AND to_regclass('migrations') IS NULL LIMIT 1`,
  );
  if (found)
    throw new Error(
      `the database is set to ${found.setting}, which Muster does not follow: name the schema of its tables in MUSTER_DATABASE_URL (?options=-c%20search_path%3DSCHEMA)`,
    );
}

/**
 * A connection that is lost while it is in use is told twice: to the statement under way, which fails, and by an event
 * that would end the process when nobody listens. The pool listens only while a connection is idle.
 */
function surviveLostConnections(dataSource: DataSource): void {
  const { master } = dataSource.driver as unknown as { master: pg.Pool };
  const unheard = (): void => undefined;
  // At once when it is handed out: whoever awaits it would listen too late.
  master.on('acquire', (client) => client.off('error', unheard).on('error', unheard));
}

async function migrate(dataSource: DataSource): Promise<void> {
  const runner = dataSource.createQueryRunner();
  const client = (await runner.connect()) as pg.PoolClient;
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const applied = await dataSource.runMigrations({ transaction: 'each' });
    if (applied.length > 0)
      new Logger('Database').log('migrations applied', { migrations: applied.map((m) => m.name) });
  } finally {
    await client.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]).catch(() => undefined);
    await runner.release();
  }
}
