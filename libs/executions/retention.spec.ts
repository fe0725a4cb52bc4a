import { Logger } from '@nestjs/common';
import { type DataSource } from 'typeorm';
import { connectDatabase, Database, dataSourceOptions } from '#libs/platform/database/index';
import { createTestDatabase, type TestDatabase } from '#libs/testing/index';
import { RetentionService } from './retention.service.js';

let testDatabase: TestDatabase;
let dataSource: DataSource;

beforeAll(async () => {
  Logger.overrideLogger(false);
  testDatabase = await createTestDatabase();
  dataSource = await connectDatabase(dataSourceOptions(testDatabase.url, []));
  await dataSource.query(
    `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, facts, node_key_hash)
     SELECT gen_random_uuid(), gen_random_uuid(), '', 'h' || n, '{}', sha256(n::text::bytea) FROM generate_series(1, 2) n`,
  );
});
afterAll(async () => {
  await dataSource.destroy();
  await testDatabase.drop();
});

/** Executions, the oldest first: their age in days, host and state. @returns which of them a pass leaves, counted from 0 */
async function left(
  executions: readonly (readonly [days: number, host: number, state?: string])[],
  settings: { historyDays: number; historyRuns: number; historyRunsPerHost: number },
): Promise<number[]> {
  await dataSource.query('TRUNCATE executions, targets, output_chunks CASCADE');
  const ids: string[] = [];
  for (const [days, host, state = 'finished'] of executions) {
    const [{ id }] = await dataSource.query(
      `WITH made AS (
         INSERT INTO executions (uuid, kind, requested_by_email, content_sha256, timeout_seconds, grace_seconds, output_cap_bytes, lease_seconds, created_at)
         VALUES (gen_random_uuid(), 'script', '', sha256('x'), 1, 1, 1, 1, now() - make_interval(days => $1)) RETURNING id, uuid)
       , run AS (
         INSERT INTO targets (uuid, execution_id, host_id, lane, state) SELECT uuid, id, $2, 'serial', $3 FROM made RETURNING id, execution_id)
       INSERT INTO output_chunks (execution_id, seq, target_id, chunk_no, stream, at, data)
       SELECT execution_id, 1, id, 0, 'stdout', now(), 'x' FROM run RETURNING execution_id AS id`,
      [days, host, state],
    );
    ids.push(id as string);
  }
  await new RetentionService(new Database(dataSource), settings).pass();
  const rows: { id: string }[] = await dataSource.query('SELECT id FROM executions ORDER BY id');
  // Its targets and its output go with it, and nobody else's.
  for (const table of ['targets', 'output_chunks'])
    expect(await dataSource.query(`SELECT DISTINCT execution_id AS id FROM ${table} ORDER BY 1`)).toEqual(
      rows,
    );
  return rows.map(({ id }) => ids.indexOf(id));
}

describe('RetentionService', () => {
  it('forgets by age what has ended, but the newest of each host', async () => {
    const settings = { historyDays: 30, historyRuns: 0, historyRunsPerHost: 1 };
    expect(
      await left(
        [
          [90, 1],
          [80, 1, 'queued'],
          [70, 2],
          [60, 2],
          [10, 1],
        ],
        settings,
      ),
    ).toEqual([1, 3, 4]);
  });

  it('forgets by number, but so many of each host', async () => {
    const runs = [2, 2, 1, 1, 1, 1].map((host) => [1, host] as const);
    expect(await left(runs, { historyDays: 0, historyRuns: 2, historyRunsPerHost: 1 })).toEqual([1, 4, 5]);
    expect(await left(runs, { historyDays: 0, historyRuns: 2, historyRunsPerHost: 3 })).toEqual([
      0, 1, 3, 4, 5,
    ]);
    expect(await left(runs, { historyDays: 0, historyRuns: 0, historyRunsPerHost: 0 })).toEqual([
      0, 1, 2, 3, 4, 5,
    ]);
  });
});
