import { randomUUID } from 'node:crypto';
import pg from 'pg';

export interface TestDatabase {
  readonly url: string;
  /** Removes it, connections included. */
  drop(): Promise<void>;
}

/** A fresh, empty database in the PostgreSQL that global set-up started; nobody else knows its name. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const url = new URL(clusterUrl());
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await inCluster(`CREATE DATABASE ${name}`);
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
