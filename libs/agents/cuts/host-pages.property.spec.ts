import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import { type DataSource } from 'typeorm';
import { connectDatabase, Database, dataSourceOptions } from '#libs/platform/database/index';
import { type ListOptions } from '#libs/platform/http/index';
import { createTestDatabase, type TestDatabase } from '#libs/testing/index';
import { HostListRepository } from '../host-list.repository.js';
import { HostTotals } from '../host-totals.repository.js';
import { HostCuts } from './host-cuts.repository.js';
import { HostCutsService } from './host-cuts.service.js';
import { LIST_KEYS } from './list-keys.js';

/** 0 stands alone. Most hosts are of team 1, more than would be sorted: it is walked, with others or alone. */
const TEAMS = [null, [0], [1], [1, 2], [2, 3], [1, 2, 3]];
const HOSTS = 4_500;
/** The least offset at which a walk begins at a cut. */
const DEEP = 200;
const ORDERS = {
  id: 'id',
  hostname: 'hostname',
  uuid: 'uuid',
  created_at: 'created_at',
  last_enrolled_at: 'enrolled_at',
};

const KEYS = Object.keys(ORDERS) as (keyof typeof ORDERS)[];

let testDatabase: TestDatabase;
let dataSource: DataSource;
let database: Database;
let cuts: HostCuts;

/** Changes by random, of many hosts or few; each leaves the number of them about as it is. */
const CHANGES: Record<string, (tx: Pick<DataSource, 'query'>, seed: number) => Promise<unknown>> = {
  enrol: (tx, seed) => enrol(tx, 1 + (seed % 40), seed),
  remove: (tx, seed) => tx.query('DELETE FROM hosts WHERE id % 151 = $1 % 151', [seed]),
  rename: (tx, seed) =>
    tx.query(`UPDATE hosts SET hostname = 'host-' || (id * $1) % 90 WHERE id % 97 = $1 % 97`, [seed]),
  reenrol: (tx, seed) =>
    tx.query(
      `UPDATE hosts SET enrolled_at = now() - make_interval(mins => $1 % 50), hostname = 'again-' || id % 7, team_id = nullif($1 % 4, 0) WHERE id % 83 = $1 % 83`,
      [seed],
    ),
  move: (tx, seed) =>
    tx.query('UPDATE hosts SET team_id = nullif($1 % 4, 0) WHERE id % 31 = $1 % 31', [seed]),
  come: (tx, seed) =>
    tx.query('UPDATE hosts SET online = NOT online, hostname = hostname WHERE id % 41 = $1 % 41', [seed]),
};

beforeAll(async () => {
  Logger.overrideLogger(false);
  testDatabase = await createTestDatabase();
  dataSource = await connectDatabase(dataSourceOptions(testDatabase.url, []));
  database = new Database(dataSource);
  cuts = new HostCuts(database);
  await dataSource.query(`INSERT INTO teams (name) VALUES ('Red'), ('Green'), ('Blue')`);
});
beforeEach(async () => {
  await dataSource.query('TRUNCATE hosts CASCADE');
  await enrol(dataSource, HOSTS, 7);
  await dataSource.query('VACUUM ANALYZE hosts');
});
afterAll(async () => {
  await dataSource.destroy();
  await testDatabase.drop();
});

/** Many share a hostname and a time, so that the id has to decide. */
function enrol(tx: Pick<DataSource, 'query'>, count: number, seed: number): Promise<unknown> {
  return tx.query(
    `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, facts, node_key_hash, team_id, created_at, enrolled_at)
     SELECT u, u, '', 'host-' || (n * $2) % 90, '{}', sha256(u::text::bytea), nullif(greatest((n + $2) % 7 - 3, (n % 7 > 0)::int), 0),
       now() - make_interval(mins => n * $2 % 100), now() - make_interval(mins => n * $2 % 50)
     FROM (SELECT n, gen_random_uuid() AS u FROM generate_series(1, $1::int) n) made`,
    [count, seed],
  );
}

interface Page {
  /** null: all. */
  readonly teams: readonly number[] | null;
  readonly offset: number;
  readonly limit: number;
}

/** The page in these orders, all by default, up and down is what plain SQL says, both seen in one snapshot. */
async function expectExact(
  { teams, offset, limit }: Page,
  orders: readonly (keyof typeof ORDERS)[] = KEYS,
): Promise<void> {
  const all = { status: null, match: '', labelId: null, teams };
  await database.transaction(async (tx) => {
    await tx.query({ text: 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ' });
    const here = tx as unknown as Database;
    const rows = new HostListRepository(here, new HostTotals(here), cuts);
    for (const orderKey of orders) {
      const column = ORDERS[orderKey];
      for (const direction of ['ASC', 'DESC']) {
        const options: ListOptions = {
          limit,
          offset,
          page: 0,
          orderKey,
          descending: direction === 'DESC',
          after: null,
          match: '',
        };
        const page = await rows.page(all, options);
        const expected = await tx.query<{ id: number }>(
          {
            text: `SELECT id FROM hosts WHERE $1::int[] IS NULL OR coalesce(team_id, 0) = ANY($1) ORDER BY ${column} ${direction}, id ${direction} LIMIT $2 OFFSET $3`,
          },
          [teams, limit, offset],
        );
        expect({ orderKey, direction, ids: page.map(({ id }) => id) }).toEqual({
          orderKey,
          direction,
          ids: expected.map(({ id }) => id),
        });
      }
    }
  });
}

async function cutAll(every: number): Promise<void> {
  for (const key of LIST_KEYS) expect(await cuts.cut(key, every)).toBe(true);
}

const pageArbitrary = fc.record({
  teams: fc.constantFrom(...TEAMS),
  // The end of the list, and what lies behind it, are among them.
  offset: fc.integer({ min: DEEP, max: HOSTS + 300 }),
  limit: fc.constantFrom(1, 20, 137),
  order: fc.constantFrom(...KEYS),
});

describe('pages of the list of hosts', () => {
  it('are what plain SQL says, whatever was changed, folded and cut in whatever order', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constantFrom(...Object.keys(CHANGES)), seed: fc.integer({ min: 1, max: 9_999 }) }),
      fc.record({ kind: fc.constant('fold'), seed: fc.constant(0) }),
      fc.record({
        kind: fc.constant('cut'),
        seed: fc.constantFrom(1, 13, 100, 700),
        key: fc.constantFrom(...LIST_KEYS),
      }),
    );
    await cutAll(250);
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 6 }),
        fc.array(pageArbitrary, { minLength: 1, maxLength: 3 }),
        async (steps, pages) => {
          for (const taken of steps) {
            if (taken.kind === 'fold') await cuts.fold();
            else if ('key' in taken) await cuts.cut(taken.key, taken.seed);
            else await CHANGES[taken.kind]?.(dataSource, taken.seed);
          }
          for (const page of pages) await expectExact(page, [page.order]);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('are exact at every moment while many change, fold, cut and read at once', async () => {
    await cutAll(100);
    let changing = true;
    const changers = Object.keys(CHANGES).map(async (kind, n) => {
      for (let step = 1; step <= 12; step++) {
        await database.transaction(async (tx) => {
          const query = (text: string, values: unknown[]): Promise<unknown> => tx.query({ text }, values);
          await CHANGES[kind]?.({ query } as unknown as DataSource, step * 31 + n);
        });
      }
    });
    const keepers = [1, 2].map(async (n) => {
      let done = 0;
      for (let step = n; changing; step++) {
        const key = LIST_KEYS[step % LIST_KEYS.length] ?? 'id';
        if (step % 3 === 0 ? await cuts.cut(key, 100 + (step % 400)) : await cuts.fold()) done += 1;
      }
      return done;
    });
    const readers = [null, [1, 2]].map(async (teams) => {
      for (let step = 0; changing; step++)
        await expectExact({ teams, offset: DEEP + ((step * 977) % HOSTS), limit: 20 });
    });
    await Promise.all(changers).finally(() => (changing = false));
    await Promise.all([...keepers, ...readers]);
    await expectExact({ teams: null, offset: HOSTS / 2, limit: 20 });
  });

  it('begin at a cut near the page, once the list is looked after', async () => {
    await new HostCutsService(cuts, new HostTotals(database)).look();
    const cuttings = await cuts.cuttings();
    expect(cuttings.map(({ key }) => key).sort()).toEqual([...LIST_KEYS].sort());
    for (const { cuts: count, largest, counted } of cuttings) {
      expect(count).toBe(HOSTS / 500);
      expect(largest).toBe(500);
      expect(counted).toBe(HOSTS);
    }
    expect(await cuts.unfolded()).toBe(0);
  });

  it('leave no cuts in a list that has become short', async () => {
    const service = new HostCutsService(cuts, new HostTotals(database));
    await service.look();
    await dataSource.query('DELETE FROM hosts WHERE id > (SELECT min(id) + 300 FROM hosts)');
    await service.look();
    expect((await cuts.cuttings()).map(({ cuts: count }) => count)).toEqual(LIST_KEYS.map(() => 0));
    await expectExact({ teams: null, offset: DEEP, limit: 20 });
  });
});
