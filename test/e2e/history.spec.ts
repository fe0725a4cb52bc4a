import { startServer } from '#libs/testing/index';
import { sql, startWorld } from './support.js';
import { saveScript } from './teams.js';

/** What PostgreSQL has read so far: live rows of tables, and entries of indexes, which may be of dead row versions. */
const READS = `
  SELECT (SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables) AS rows,
         (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes) AS entries`;

/** Runs so many scripts on one host of a new server; what is read per run. @param analyzed after so many, statements are planned anew */
async function readPerRun(runs: number, analyzed = 0): Promise<{ rows: number; entries: number }> {
  const server = await startServer();
  const { client, host, agent } = await startWorld({ server });
  const script_id = await saveScript(server, 'hello.sh', 'echo hello');
  // Statements are planned now, while the tables are empty.
  for (let i = 0; i < runs; i++) {
    const script = i % 2 === 0 ? { script_id } : { script_contents: 'echo hello' };
    const { status } = await client.post('/api/v1/fleet/scripts/run/sync', { host_id: host.id, ...script });
    if (status !== 200) throw new Error(`run ${i} answered ${status}`);
    if (i + 1 === analyzed) await sql(server, 'ANALYZE');
  }
  await agent.stop();
  // Its connections hand in their counters when they end.
  await server.stop();
  const [{ rows, entries }] = await sql(server, READS);
  return { rows: Number(rows) / runs, entries: Number(entries) / runs };
}

/** What a run costs while there is no history: the same for all of them. */
let firstRuns: ReturnType<typeof readPerRun> | undefined;
const readPerFirstRun = (): ReturnType<typeof readPerRun> => (firstRuns ??= readPerRun(30));

/** Hundreds of runs, one after another, on a machine that others use too. */
const LONG = 300_000;

it(
  'reads no more rows for a run when the host has a long history',
  async () => {
    const first = await readPerFirstRun();
    const later = await readPerRun(400);
    // Starting costs some reads too.
    expect(later.rows).toBeLessThan(first.rows * 1.5);
    // Entries of dead row versions are met until they are cleaned up, on a busy machine some dozens per run: those do not add up. A
    // statement that reads the host's history meets two more with every run: 400 more on average.
    expect(later.rows + later.entries).toBeLessThan((first.rows + first.entries) * 4);
  },
  LONG,
);

it(
  'reads no more rows for a run when its statements are planned anew, by what a few hundred runs have left',
  async () => {
    const first = await readPerFirstRun();
    const later = await readPerRun(300, 150);
    expect(later.rows).toBeLessThan(first.rows * 1.5);
  },
  LONG,
);

it(
  'reads no more rows for a run when its statements are planned anew, by what the first two runs have left',
  async () => {
    const first = await readPerFirstRun();
    const later = await readPerRun(100, 2);
    expect(later.rows).toBeLessThan(first.rows * 1.5);
  },
  LONG,
);
