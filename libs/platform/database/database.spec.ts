import { type DataSource } from 'typeorm';
import { createTestDatabase, type TestDatabase } from '#libs/testing/index';
import { connectDatabase, dataSourceOptions } from './connect.js';
import { Database, refusal, type Transaction, violated } from './database.js';

const INSERT = { name: 'noted_insert', text: 'INSERT INTO noted (id) VALUES ($1) RETURNING id' };
const REFUSE = { text: `SELECT refuse('full: ' || id) FROM noted WHERE id = $1` };

let testDatabase: TestDatabase;
let dataSource: DataSource;
let database: Database;
const told: number[] = [];

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  dataSource = await connectDatabase(dataSourceOptions(testDatabase.url, []));
  database = new Database(dataSource);
  await dataSource.query('CREATE TABLE noted (id int PRIMARY KEY)');
});
afterAll(async () => {
  await dataSource.destroy();
  await testDatabase.drop();
});
beforeEach(async () => {
  told.length = 0;
  await dataSource.query('TRUNCATE noted');
});

/** Notes the numbers in one go, COMMIT along with them, unless `refusedBy` is there. */
function note(ids: readonly number[], refusedBy = -1): Promise<unknown> {
  return database.transaction(async (tx: Transaction) => {
    const said = Promise.all([
      tx.query(REFUSE, [refusedBy]),
      // Not two of a name at once.
      ...ids.map((id) => tx.query({ text: INSERT.text }, [id])),
    ]);
    tx.commitAlong();
    tx.afterCommit(() => told.push(...ids));
    return said;
  });
}

async function noted(): Promise<number[]> {
  const rows = await database.query<{ id: number }>({ text: 'SELECT id FROM noted ORDER BY id' });
  return rows.map(({ id }) => id);
}

describe('a transaction whose COMMIT leaves along with its statements', () => {
  it('is committed when it resolves, and tells afterwards', async () => {
    await note([1, 2]);
    expect(await noted()).toEqual([1, 2]);
    expect(told).toEqual([1, 2]);
  });

  it('is nothing at all when a statement refuses, and says why', async () => {
    await note([1]);
    const error: unknown = await note([2, 3], 1).catch((reason: unknown) => reason);
    expect(refusal(error)).toBe('full: 1');
    expect(await noted()).toEqual([1]);
    expect(told).toEqual([1]);
  });

  it('is nothing at all when its last statement fails', async () => {
    await note([1]);
    const error: unknown = await note([2, 1]).catch((reason: unknown) => reason);
    expect(violated(error)).toBe('noted_pkey');
    expect(refusal(error)).toBeUndefined();
    expect(await noted()).toEqual([1]);
  });

  it('leaves its connection fit for the next one', async () => {
    for (let i = 0; i < 30; i += 1) await note([1, 1]).catch(() => undefined);
    await Promise.all(Array.from({ length: 30 }, (_, i) => note([i])));
    expect(await noted()).toHaveLength(30);
  });

  it('takes no statement after it, which would be outside', async () => {
    const late = database.transaction(async (tx) => {
      tx.commitAlong();
      await tx.query(INSERT, [7]);
    });
    await expect(late).rejects.toThrow('after its COMMIT was sent');
    expect(await noted()).toEqual([]);
  });
});

describe('the schema of the tables', () => {
  const pathOf = async (url: string): Promise<string[]> => {
    const other = await connectDatabase(dataSourceOptions(url, []));
    try {
      const [row] = await other.query<{ settings: string[] }[]>(
        `SELECT ARRAY[current_setting('search_path'), current_setting('plan_cache_mode'), to_regclass('migrations')::text] AS settings`,
      );
      return row?.settings ?? [];
    } finally {
      await other.destroy();
    }
  };

  it('is not a matter of what is set for the role or the database', async () => {
    const set = await createTestDatabase('empty');
    try {
      const name = new URL(set.url).pathname.slice(1);
      await dataSource.query(`ALTER DATABASE ${name} SET search_path = other`);
      await expect(pathOf(set.url)).rejects.toThrow(/set to search_path=other, .* MUSTER_DATABASE_URL/);
      await dataSource.query(`ALTER DATABASE ${name} RESET search_path`);
      const ours = ['"$user",public,pg_temp', 'force_generic_plan', 'migrations'];
      expect(await pathOf(set.url)).toEqual(ours);
      await dataSource.query(`ALTER DATABASE ${name} SET search_path = other`);
      expect(await pathOf(set.url)).toEqual(ours);
    } finally {
      await set.drop();
    }
  });

  it('can be named in the URL, which keeps the other settings', async () => {
    const named = await createTestDatabase('empty');
    try {
      const first = await connectDatabase(dataSourceOptions(named.url, []));
      await first.query('CREATE SCHEMA other');
      await first.destroy();
      const url = `${named.url}?options=-c%20search_path%3Dother`;
      expect(await pathOf(url)).toEqual(['other', 'force_generic_plan', 'migrations']);
    } finally {
      await named.drop();
    }
  });
});
