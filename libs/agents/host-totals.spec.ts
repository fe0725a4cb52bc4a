import { type DataSource } from 'typeorm';
import { connectDatabase, Database, dataSourceOptions } from '#libs/platform/database/index';
import { createTestDatabase, type TestDatabase } from '#libs/testing/index';
import { HostTotals } from './host-totals.repository.js';

const TEAMS = [1, 2, 3];
/** Enough single changes for several folds at the same moment. */
const STEPS = 900;

let testDatabase: TestDatabase;
let dataSource: DataSource;
let totals: HostTotals;
let made = 0;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  dataSource = await connectDatabase(dataSourceOptions(testDatabase.url, []));
  totals = new HostTotals(new Database(dataSource));
  await dataSource.query(`INSERT INTO teams (name) VALUES ('Red'), ('Green'), ('Blue')`);
});
beforeEach(() => dataSource.query('DELETE FROM hosts'));
afterAll(async () => {
  await dataSource.destroy();
  await testDatabase.drop();
});

/** @param team 0: none */
async function enrol(count: number, team: number): Promise<void> {
  const from = made;
  made += count;
  await dataSource.query(
    `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, facts, node_key_hash, team_id)
     SELECT gen_random_uuid(), gen_random_uuid(), '', 'host-' || n, '{}', sha256(n::text::bytea), nullif($3::int, 0)
     FROM generate_series($1::int + 1, $1::int + $2::int) n`,
    [from, count, team],
  );
}

async function expectExact(): Promise<void> {
  const counted = await dataSource.query<{ team: number; hosts: number }[]>(
    'SELECT coalesce(team_id, 0) AS team, count(*)::int AS hosts FROM hosts GROUP BY 1',
  );
  const of = (teams: readonly number[]): number =>
    counted.filter(({ team }) => teams.includes(team)).reduce((sum, { hosts }) => sum + hosts, 0);
  for (const teams of [[0], ...TEAMS.map((id) => [id]), [0, 1, 3], [99]]) {
    expect(await totals.of(teams)).toBe(of(teams));
  }
  expect(await totals.of(null)).toBe(of([0, ...TEAMS]));
}

describe('HostTotals', () => {
  it('follows hosts that come, move, and go', async () => {
    await enrol(20, 1);
    await enrol(7, 0);
    await expectExact();
    await dataSource.query(`UPDATE hosts SET team_id = 2 WHERE team_id = 1 AND id % 3 = 0`);
    await dataSource.query(`UPDATE hosts SET online = true, team_id = team_id`);
    await expectExact();
    await dataSource.query(`DELETE FROM hosts WHERE id % 2 = 0`);
    await expectExact();
  });

  it('counts what was rolled back as never been, and a removed team’s hosts as of none', async () => {
    await enrol(5, 3);
    const undone = dataSource.transaction(async (tx) => {
      await tx.query('DELETE FROM hosts WHERE team_id = 3');
      throw new Error('taken back');
    });
    await expect(undone).rejects.toThrow('taken back');
    await expectExact();
    const [team] = await dataSource.query<{ id: number }[]>(
      `INSERT INTO teams (name) VALUES ('Gone') RETURNING id`,
    );
    await enrol(4, team?.id ?? 0);
    await dataSource.query(`DELETE FROM teams WHERE name = 'Gone'`);
    await expectExact();
    expect(await totals.of([0])).toBe(4);
  });

  it('is right at every moment while many change it and many read it', async () => {
    await enrol(50, 1);
    const writers = Array.from({ length: 6 }, async (_, writer) => {
      for (let step = 0; step < STEPS / 6; step++) {
        // From one team to the next: never more, never fewer hosts.
        await dataSource.query(
          'UPDATE hosts SET team_id = team_id % 3 + 1 WHERE id = (SELECT min(id) + $1 FROM hosts)',
          [(writer * 7 + step) % 50],
        );
      }
    });
    let writing = true;
    const readers = Array.from({ length: 4 }, async () => {
      const seen = new Set<number>();
      while (writing) seen.add(await totals.of(null));
      return seen;
    });
    await Promise.all(writers);
    writing = false;
    for (const seen of await Promise.all(readers)) expect([...seen]).toEqual([50]);
    await expectExact();
    const [left] = await dataSource.query<{ rows: number }[]>(
      'SELECT count(*)::int AS rows FROM host_changes',
    );
    expect(left?.rows).toBeLessThan(STEPS);
  });

  it('knows of none after a TRUNCATE', async () => {
    await enrol(3, 1);
    await dataSource.query('TRUNCATE hosts CASCADE');
    await expectExact();
  });
});
