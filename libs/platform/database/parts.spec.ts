import { createHash, randomBytes } from 'node:crypto';
import { type DataSource } from 'typeorm';
import { createTestDatabase, type TestDatabase } from '#libs/testing/index';
import { connectDatabase, dataSourceOptions } from './connect.js';
import { Database } from './database.js';
import { Parts } from './parts.js';

let testDatabase: TestDatabase;
let dataSource: DataSource;
let database: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  dataSource = await connectDatabase(dataSourceOptions(testDatabase.url, []));
  database = new Database(dataSource);
});
afterAll(async () => {
  await dataSource.destroy();
  await testDatabase.drop();
});

const DIGEST = `SELECT $1::text AS text, $2::int[] AS ints, encode(sha256($3::bytea), 'hex') AS digest`;

describe('a last value in parts', () => {
  it.each([
    ['of any size', [70_000, 1, 0, 1_000_000, 17, 65_536]],
    ['all empty', [0, 0]],
    ['of no parts', []],
    ['larger than any buffer on the way', [5_000_000]],
  ])('arrives whole: %s', async (_, sizes) => {
    const parts = sizes.map((size) => randomBytes(size));
    const digest = createHash('sha256').update(Buffer.concat(parts)).digest('hex');
    for (const statement of [{ text: DIGEST }, ...Array(2).fill({ name: 'digest', text: DIGEST })]) {
      const rows = await database.query(statement, [null, [1, 2], new Parts(parts)]);
      expect(rows).toEqual([{ text: null, ints: [1, 2], digest }]);
    }
  });

  it('may be the only one, and stand between others of a transaction', async () => {
    const rows = await database.transaction((tx) =>
      Promise.all([
        tx.query({ text: 'SELECT 1 AS n' }),
        tx.query({ text: 'SELECT length($1::bytea) AS n' }, [new Parts([randomBytes(100_000)])]),
        tx.query({ text: 'SELECT $1::int AS n' }, [3]),
      ]),
    );
    expect(rows.flat()).toEqual([{ n: 1 }, { n: 100_000 }, { n: 3 }]);
  });

  it('leaves the connection usable when the statement fails', async () => {
    const failed = database.transaction(async (tx) => {
      const value = [0, new Parts([randomBytes(100_000)])];
      await expect(tx.query({ text: 'SELECT 1 / $1::int, $2::bytea' }, value)).rejects.toThrow('division');
      await tx.query({ text: 'ROLLBACK' });
      return tx.query({ text: 'SELECT 1 AS n' });
    });
    expect(await failed).toEqual([{ n: 1 }]);
  });
});
