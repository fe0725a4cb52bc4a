import { Logger } from '@nestjs/common';
import { type DataSource } from 'typeorm';
import { ReasonCode, type RefusedMessage } from '#libs/protocol/index';
import { Audit } from '#libs/platform/audit/index';
import { connectDatabase, Database, dataSourceOptions } from '#libs/platform/database/index';
import { createTestDatabase, type TestDatabase } from '#libs/testing/index';
import { RefusalRecord, ROWS_PER_HOUR } from './refusal-record.js';

Logger.overrideLogger(false);

let empty: TestDatabase;
let dataSource: DataSource;
let record: RefusalRecord;

beforeAll(async () => {
  empty = await createTestDatabase();
  dataSource = await connectDatabase(dataSourceOptions(empty.url, []));
  const database = new Database(dataSource);
  record = new RefusalRecord(new Audit(database), database);
});
afterAll(async () => {
  await dataSource.destroy();
  await empty.drop();
});

const host = (hostId: number): Parameters<RefusalRecord['add']>[0] => ({
  hostId,
  hostUuid: '',
  hostname: `host-${hostId}`,
  address: '192.0.2.1',
});

function refusals(length: number, code: RefusedMessage['code']): RefusedMessage[] {
  const one = {
    code,
    type: 'run',
    message: 'no',
    attempt_id: null,
    digest: null,
    key: null,
    at: 0,
    count: 3,
  };
  return Array.from({ length }, () => one);
}

async function rowsOf(hostId: number): Promise<Record<string, unknown>[]> {
  const rows = await dataSource.query<{ details: Record<string, unknown> }[]>(
    `SELECT details FROM audit WHERE act = 'refused_order' AND outcome = 'denied' AND host_id = $1 ORDER BY id`,
    [hostId],
  );
  return rows.map(({ details }) => details);
}

it('has a row for each, up to so many of one host, and one for all that came beyond', async () => {
  for (let i = 0; i < 5; i++) await record.add(host(1), refusals(50, ReasonCode.badSignature));
  await record.add(host(1), refusals(2, ReasonCode.replayed));
  await record.add(host(2), refusals(1, ReasonCode.replayed));
  expect(await rowsOf(1)).toHaveLength(ROWS_PER_HOUR);
  const [first] = await rowsOf(1);
  expect(first).toEqual({
    code: 'bad_signature',
    type: 'run',
    message: 'no',
    attempt_id: null,
    digest: null,
    key: null,
    count: 3,
    hostname: 'host-1',
    refused_at: '1970-01-01T00:00:00.000Z',
  });
  await record.beforeApplicationShutdown();
  expect((await rowsOf(1)).slice(ROWS_PER_HOUR)).toEqual([
    {
      counted: { bad_signature: 150, replayed: 6 },
      message: 'more than 200 refusals in an hour',
      hostname: 'host-1',
    },
  ]);
  expect(await rowsOf(2)).toHaveLength(1);
});
