import { randomUUID } from 'node:crypto';
import pg from 'pg';

export interface TestDatabase {
  readonly url: string;
  /** Removes it, connections included. */
  drop(): Promise<void>;
}

/**
 * A fresh database in the PostgreSQL that global set-up started; nobody else knows its name.
 * @param state `migrated`: with the schema as it is now, where that is at hand; otherwise it is empty, and whoever connects migrates it
 */
export async function createTestDatabase(state: 'migrated' | 'empty' = 'migrated'): Promise<TestDatabase> {
  const url = new URL(clusterUrl());
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const template = process.env.MUSTER_TEST_DATABASE_TEMPLATE;
  const from = state === 'empty' || template === undefined ? '' : ` TEMPLATE ${template}`;
  await inCluster(`CREATE DATABASE ${name}${from}`);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => inCluster(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

async function inCluster(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: clusterUrl() });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function clusterUrl(): string {
  const url = process.env.MUSTER_TEST_DATABASE_URL;
  if (!url) throw new Error('MUSTER_TEST_DATABASE_URL is not set: jest global set-up did not run');
  return url;
}
