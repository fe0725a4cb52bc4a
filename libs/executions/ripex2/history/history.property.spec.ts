import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import { type DataSource } from 'typeorm';
import { connectDatabase, Database, dataSourceOptions } from '#libs/platform/database/index';
import { createTestDatabase, type TestDatabase } from '#libs/testing/index';
import { AllKindsRepository } from './all-kinds.repository.js';
import { BUDGET, type HistoryFilter, HistoryRepository } from './history.repository.js';
import { type HistoryPage } from './stretch.js';
import { executionsJson, toExecution } from '../run-telling.js';
import { RunNames } from './run-names.js';
import { RUN_STATES, type RunState, toOutcome } from './outcomes.js';
import { type Reach } from './series.js';

/*
 * Pages of random filters over random histories, beside the naive reference: all runs, filtered, sorted, sliced. Once with the budgets as
 * they are and once with such that every way is taken.
 */

const HOSTS = 6;
const TEAM = 2;
const INSTANCES = 5;
const CONTENTS = 4;
const CODES = [0, 0, 0, 1, 2, 126, 255, 100_000, -7];
const SIGNALS = [9, 15, 2];
const HISTORIES = 12;
const PER_HISTORY = 60;

interface Run {
  readonly id: number;
  readonly host: number;
  readonly instance: number;
  readonly content: number;
  readonly state: RunState;
  readonly exitCode: number | null;
}

let testDatabase: TestDatabase;
let dataSource: DataSource;
let history: HistoryRepository;
let allKinds: AllKindsRepository;

beforeAll(async () => {
  Logger.overrideLogger(false);
  testDatabase = await createTestDatabase();
  dataSource = await connectDatabase(dataSourceOptions(testDatabase.url, []));
  history = new HistoryRepository(new Database(dataSource), new RunNames(new Database(dataSource)));
  allKinds = new AllKindsRepository(new Database(dataSource));
  await dataSource.query(`INSERT INTO teams (name) VALUES ('Red'), ('Green')`);
  // Of no team, of the first, of the second, and so on.
  await dataSource.query(
    `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, facts, node_key_hash, team_id)
     SELECT gen_random_uuid(), gen_random_uuid(), '', 'h' || n, '{}', sha256(n::text::bytea), nullif(n % 3, 0) FROM generate_series(1, ${HOSTS}) n`,
  );
  await dataSource.query(
    `INSERT INTO scripts (name, content_sha256) SELECT 's' || n || '.sh', sha256('-') FROM generate_series(1, ${INSTANCES}) n`,
  );
});

afterAll(async () => {
  await dataSource.destroy();
  await testDatabase.drop();
});

/** How a target ends (or stands) in the ledger, and what the history makes of it; null: it is not in it. */
interface Fate {
  readonly state: string;
  readonly exit?: number;
  readonly signal?: number;
  readonly reason?: string;
  readonly told: { state: RunState; exitCode: number | null } | null;
}

const fate: fc.Arbitrary<Fate> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .constantFrom(...CODES)
      .map((exit) => ({ state: 'finished', exit, told: { state: 'finished' as const, exitCode: exit } })),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(...SIGNALS)
      .chain((signal) =>
        fc
          .constantFrom('finished', 'killed', 'timed_out')
          .map((state) => ({ state, signal, told: { state: 'killed' as const, exitCode: -signal } })),
      ),
  },
  fc
    .constantFrom(0, 3)
    .map((exit) => ({ state: 'killed', exit, told: { state: 'killed' as const, exitCode: exit } })),
  fc.constant({ state: 'lost', told: { state: 'killed' as const, exitCode: null } }),
  fc
    .constantFrom('running', 'dispatched')
    .map((state) => ({ state, told: { state: 'running' as const, exitCode: null } })),
  fc.constant({ state: 'terminating', told: { state: 'terminating' as const, exitCode: null } }),
  fc.constantFrom(['not_found', 127] as const, ['bad_cwd', 126] as const).map(([reason, exitCode]) => ({
    state: 'failed_to_start',
    reason,
    told: { state: 'finished' as const, exitCode },
  })),
  fc
    .constantFrom('already_running', 'host_offline')
    .map((reason) => ({ state: 'failed_to_start', reason, told: null })),
  fc.constantFrom('queued', 'expired', 'cancelled', 'denied').map((state) => ({ state, told: null })),
);

const aRun = fc.record({
  host: fc.integer({ min: 1, max: HOSTS }),
  instance: fc.integer({ min: 1, max: INSTANCES }),
  content: fc.integer({ min: 1, max: CONTENTS }),
  fate,
});
const aHistory = fc.record({
  runs: fc.array(aRun, { minLength: 0, maxLength: 120 }),
  /** Content of each script now; 0: another one that never ran. */
  current: fc.array(fc.integer({ min: 0, max: CONTENTS }), { minLength: INSTANCES, maxLength: INSTANCES }),
  /** Scripts that another one is called like, but for its extension. */
  twins: fc.uniqueArray(fc.integer({ min: 1, max: INSTANCES })),
});

const aFilter = fc.record({
  instances: fc.option(fc.uniqueArray(fc.integer({ min: 1, max: INSTANCES }), { maxLength: INSTANCES }), {
    nil: null,
  }),
  outdated: fc.boolean(),
  exitCodes: fc.option(fc.array(fc.constantFrom(...CODES, 127, 3, -9, -15, 77, -2_000), { maxLength: 4 }), {
    nil: null,
    freq: 2,
  }),
  states: fc.option(fc.array(fc.constantFrom(...RUN_STATES), { maxLength: 4 }), { nil: null, freq: 2 }),
  host: fc.option(fc.integer({ min: 1, max: HOSTS }), { nil: null, freq: 2 }),
  inTeam: fc.boolean(),
  /** A host that is called otherwise from now on. */
  renamed: fc.option(fc.integer({ min: 1, max: HOSTS }), { nil: null, freq: 1 }),
});
const aPage = (ids: readonly number[]): fc.Arbitrary<HistoryPage> =>
  fc.record({
    limit: fc.oneof(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: -12, max: -1 }),
      fc.constantFrom(-1_000, 1_000),
    ),
    id: fc.option(fc.oneof(fc.constantFrom(0, ...ids), fc.integer({ min: 0, max: (ids.at(-1) ?? 0) + 5 })), {
      nil: null,
    }),
  });

/** The ledger holds these runs, and nothing else; its triggers make the history. */
async function store({
  runs,
  current,
  twins = [],
}: {
  runs: readonly { host: number; instance: number; content: number; fate: Fate }[];
  current: readonly number[];
  twins?: readonly number[];
}): Promise<Run[]> {
  await dataSource.query(
    'TRUNCATE executions, targets, output_chunks, instance_runs, instance_outcomes, instance_series, rollouts CASCADE',
  );
  const rows: { id: string }[] = await dataSource.query(
    `WITH given AS (SELECT * FROM jsonb_to_recordset($1::jsonb) AS g(n int, host int, instance int, content int, state text, exit int, signal int, reason text)),
       made AS (
         INSERT INTO executions (uuid, kind, requested_by_email, content_sha256, options, timeout_seconds, grace_seconds, output_cap_bytes, lease_seconds)
         SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'instance', 'me@example.com', sha256(content::text::bytea),
           jsonb_build_object('instance', jsonb_build_object('id', instance, 'name', 'i' || instance, 'script_id', instance)), 1, 1, 1, 1 FROM given ORDER BY n RETURNING id, uuid
       )
     INSERT INTO targets (uuid, execution_id, host_id, instance_id, lane, state, attempt_id, exit_code, signal, reason)
     SELECT m.uuid, m.id, g.host, g.instance, 'triggered', g.state, gen_random_uuid(), g.exit, g.signal, g.reason
     FROM given g JOIN made m ON m.uuid = ('00000000-0000-4000-8000-' || lpad(g.n::text, 12, '0'))::uuid ORDER BY g.n RETURNING id`,
    [JSON.stringify(runs.map(({ fate: { told: _, ...ended }, ...run }, n) => ({ n, ...run, ...ended })))],
  );
  await dataSource.query(
    `UPDATE scripts SET content_sha256 = sha256(c::text::bytea) FROM unnest($1::int[]) WITH ORDINALITY AS g(c, n) WHERE scripts.id = g.n`,
    [current],
  );
  // One of another team is none.
  await dataSource.query(`DELETE FROM scripts WHERE name LIKE '%.ps1'`);
  await dataSource.query(
    `INSERT INTO scripts (name, team_id, content_sha256) SELECT 's' || n || '.ps1', NULL, sha256('-') FROM unnest($1::int[]) n
     UNION ALL SELECT 's' || n || '.ps1', 1, sha256('-') FROM generate_series(1, ${INSTANCES}) n`,
    [twins],
  );
  return runs.flatMap(({ host, instance, content, fate: { told } }, n) =>
    told ? [{ id: Number(rows[n]?.id), host, instance, content, ...told }] : [],
  );
}

const NOTHING = { series: null, exitCodes: null, states: null, hostId: null, teams: null };

describe('a page of the history', () => {
  const tiny = { look: () => 3, probe: 2, hostLook: 4, walks: 2, pairs: 3 };
  it.each([
    ['as it is', BUDGET],
    ['with every way taken', tiny],
    ['merged alone', { ...BUDGET, look: () => 1, probe: 1, hostLook: 1, walks: 1, pairs: 1_000 }],
  ])('is what the naive reference says: %s', async (_, budget) => {
    history.budget = budget;
    allKinds.steps = { first: budget === BUDGET ? 1_000 : 2, most: 1_000_000 };
    const histories = fc.sample(aHistory, HISTORIES);
    const hostnames: Record<number, string> = Object.fromEntries(
      (await dataSource.query('SELECT id, hostname FROM hosts')).map(
        ({ id, hostname }: { id: number; hostname: string }) => [id, hostname],
      ),
    );
    let renamings = 0;
    for (const given of histories) {
      const runs = await store(given);
      const teamOf = (host: number): number | null => host % 3 || null;
      const series: (Reach & { instance_id: number; current: boolean })[] = await dataSource.query(
        'SELECT id, instance_id, current, first_run::float8 AS first, last_run::float8 AS last FROM instance_series',
      );
      await fc.assert(
        fc.asyncProperty(aFilter, aPage(runs.map(({ id }) => id)), async (filter, page) => {
          const { instances, outdated, exitCodes, states, host, inTeam, renamed } = filter;
          if (renamed !== null) {
            hostnames[renamed] = `h${renamed}-${++renamings}`;
            await dataSource.query('UPDATE hosts SET hostname = $2 WHERE id = $1', [
              renamed,
              hostnames[renamed],
            ]);
          }
          const isCurrent = ({ instance, content }: Run): boolean => given.current[instance - 1] === content;
          const passing = runs.filter(
            (run) =>
              (outdated || isCurrent(run)) &&
              (instances === null || instances.includes(run.instance)) &&
              (exitCodes === null || (run.exitCode !== null && exitCodes.includes(run.exitCode))) &&
              (states === null || states.includes(run.state)) &&
              (host === null || run.host === host) &&
              (host !== null || !inTeam || teamOf(run.host) === TEAM),
          );
          const sorted = [...passing].sort((a, b) => a.id - b.id).map(({ id }) => id);
          const { limit, id } = page;
          const expected =
            limit > 0
              ? sorted.filter((one) => id === null || one > id).slice(0, limit)
              : sorted.filter((one) => id === null || one < id).slice(limit);
          const asked: HistoryFilter = {
            series:
              instances === null
                ? outdated
                  ? null
                  : 'current'
                : series.filter((one) => instances.includes(one.instance_id) && (outdated || one.current)),
            exitCodes,
            states,
            hostId: host,
            teams: host === null && inTeam ? [TEAM] : null,
          };
          const rows = await history.page(asked, page);
          const ids = rows.map((row) => row.id);
          expect(ids).toEqual(expected.reverse());
          expect(await history.rows(ids)).toEqual(rows);
          expect(
            rows.map(({ outcome, host: on, series: { scriptName, instanceName, current, alike } }) => ({
              ...toOutcome(outcome),
              hostname: on?.hostname,
              ...{ scriptName, instanceName, current, alike },
            })),
          ).toEqual(
            ids.map((id) => {
              const run = passing.find((one) => one.id === id);
              return (
                run && {
                  state: run.state,
                  exitCode: run.exitCode,
                  hostname: hostnames[run.host],
                  scriptName: `s${run.instance}.sh`,
                  instanceName: `i${run.instance}`,
                  current: isCurrent(run),
                  alike: given.twins.includes(run.instance),
                }
              );
            }),
          );
          expect(JSON.parse(executionsJson(rows).toString())).toEqual({ executions: rows.map(toExecution) });
          if (instances !== null) return;
          // All of the ledger's runs are of instances here: looked for among those of every kind they are the same.
          const { hostId, teams } = asked;
          const every = await allKinds.page({ exitCodes, states, hostId, teams, outdated }, page);
          expect(every.map(({ kind: _, ...run }) => run)).toEqual(
            rows.map(toExecution).map((run) => expect.objectContaining({ id: run.id, state: run.state })),
          );
        }),
        { numRuns: PER_HISTORY },
      );
    }
  });

  it('of every kind is refused, saying from where to go on, when too many runs lie there that are not wanted', async () => {
    const run = { host: 1, instance: 1, content: 1 };
    const fates = [7, 0, 0, 0, 0, 0, 0, 0].map((exit) => ({ state: 'finished', exit, told: null }));
    await store({ runs: fates.map((fate) => ({ ...run, fate })), current: [1, 0, 0, 0, 0] });
    const ids = (await history.page(NOTHING, { limit: -10, id: null })).map(({ id }) => id);
    const page = (id: number | null) =>
      allKinds.page({ ...NOTHING, exitCodes: [7], outdated: true }, { limit: -1, id });
    allKinds.steps = { first: 4, most: 4 };
    const reached = ids[3] ?? 0;
    await expect(page(null)).rejects.toMatchObject({
      problems: [{ name: 'filter', reason: expect.stringContaining(`id_exclusive ${reached}`) }],
    });
    expect((await page(reached)).map(({ id }) => id)).toEqual([ids[7]]);
  });

  it('is told with the names of the moment in which it was found', async () => {
    const fate = { state: 'finished', exit: 0, told: null };
    await store({ runs: [{ host: HOSTS, instance: 1, content: 1, fate }], current: [1, 0, 0, 0, 0] });
    const database = new Database(dataSource);
    const changes = [
      `UPDATE hosts SET hostname = 'other' WHERE id = ${HOSTS}`,
      `UPDATE scripts SET content_sha256 = sha256('-') WHERE id = 1`,
      `INSERT INTO scripts (name, content_sha256) VALUES ('s1.ps1', sha256('-'))`,
      `DELETE FROM hosts WHERE id = ${HOSTS}`,
    ];
    const told = async (): Promise<unknown> => {
      const [run] = await history.page(NOTHING, { limit: 1, id: null });
      return { hostname: run?.host?.hostname, current: run?.series.current, alike: run?.series.alike };
    };
    // Between the statement that finds a page and the one that reads its names.
    const late = (change: string): Database =>
      Object.assign(Object.create(database) as Database, {
        query: async (...[statement, values]: Parameters<Database['query']>) => {
          if (statement.name === 'history_names') await dataSource.query(change);
          return database.query(statement, values);
        },
      });
    const seen: unknown[] = [];
    for (const change of changes) {
      await told();
      const others = new HistoryRepository(database, new RunNames(late(change)));
      const [run] = await others.page(NOTHING, { limit: 1, id: null }).catch(() => []);
      // What was kept before is told no longer.
      seen.push(await told());
      if (run) expect(run.host?.hostname).toBe((seen.at(-1) as { hostname: string }).hostname);
    }
    expect(seen).toEqual([
      { hostname: 'other', current: true, alike: false },
      { hostname: 'other', current: false, alike: false },
      { hostname: 'other', current: false, alike: true },
      { hostname: undefined, current: false, alike: true },
    ]);
  });

  it('follows a run from its start to its end', async () => {
    const [run] = await store({
      runs: [{ host: 1, instance: 1, content: 1, fate: { state: 'queued', told: null } }],
      current: [1, 0, 0, 0, 0],
    }).then(() => dataSource.query('SELECT id FROM targets'));
    const told = async (): Promise<unknown> =>
      (
        await dataSource.query(
          'SELECT outcome, started_ms::int8 IS NOT NULL AS started, duration_ms::int, (SELECT term FROM instance_terms WHERE id = stop_term) AS stop FROM instance_runs',
        )
      )[0];
    const set = (change: string): Promise<unknown> =>
      dataSource.query(`UPDATE targets SET ${change} WHERE id = $1`, [run.id]);
    expect(await told()).toBeUndefined();
    await set(`state = 'dispatched', dispatched_at = now()`);
    expect(await told()).toEqual({ outcome: -101, started: true, duration_ms: null, stop: null });
    await set(`state = 'running', started_at = to_timestamp(1743335196)`);
    await set(`stop_by = 'me@example.com', stop_reason = 'cancel_requested'`);
    await set(`state = 'terminating'`);
    expect(await told()).toMatchObject({
      outcome: -102,
      stop: { type: 'manual', username: 'me@example.com' },
    });
    await set(`state = 'killed', signal = 15, duration_ms = 60`);
    expect(await told()).toMatchObject({ outcome: -15, duration_ms: 60, stop: { type: 'manual' } });
    expect((await history.rows([Number(run.id)]))[0]).toMatchObject({
      startedMs: 1_743_335_196_000,
      start: { arguments: [], trigger: { type: 'manual', username: 'me@example.com' } },
    });
    await dataSource.query('DELETE FROM executions');
    expect(await told()).toBeUndefined();
  });
});
