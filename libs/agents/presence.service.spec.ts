import { type DataSource } from 'typeorm';
import { connectDatabase, Database, dataSourceOptions } from '#libs/platform/database/index';
import { createTestDatabase, type TestDatabase } from '#libs/testing/index';
import { LabelMembership } from './labels/label-membership.service.js';
import { PresenceService } from './presence.service.js';

/** More than are reset together, and no multiple of anything. */
const HOSTS = 5_003;

let testDatabase: TestDatabase;
let dataSource: DataSource;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  dataSource = await connectDatabase(dataSourceOptions(testDatabase.url, []));
  await dataSource.query(
    `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, facts, node_key_hash, online, connection_id, seen_at)
     SELECT u, u, '', 'host-' || n, '{}', sha256(u::text::bytea), n % 11 > 0, CASE WHEN n % 11 > 0 THEN 'c-' || n END, now() - interval '1 day'
     FROM (SELECT n, gen_random_uuid() AS u FROM generate_series(1, ${HOSTS}) n) made`,
  );
});
afterAll(async () => {
  await dataSource.destroy();
  await testDatabase.drop();
});

describe('a server that starts', () => {
  it('finds nobody connected; who was online was last seen now, the others when they were', async () => {
    const database = new Database(dataSource);
    await new PresenceService(database, new LabelMembership(database)).onApplicationBootstrap();
    const hosts = await dataSource.query<{ was_online: boolean; is_reset: boolean; seen_now: boolean }[]>(
      `SELECT substr(hostname, 6)::int % 11 > 0 AS was_online, bool_and(NOT online AND connection_id IS NULL) AS is_reset,
         CASE WHEN bool_and(seen_at > now() - interval '1 hour') THEN true WHEN bool_and(seen_at < now() - interval '1 hour') THEN false END AS seen_now
       FROM hosts GROUP BY 1 ORDER BY 1`,
    );
    expect(hosts).toEqual([
      { was_online: false, is_reset: true, seen_now: false },
      { was_online: true, is_reset: true, seen_now: true },
    ]);
  });
});
