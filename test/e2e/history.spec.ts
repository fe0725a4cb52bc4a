import { startServer } from '#libs/testing/index';
import { sql, startWorld } from './support.js';
import { saveScript } from './teams.js';

/** Rows that PostgreSQL has read so far, from tables and from indexes, dead ones included. */
const READS = `
  SELECT (SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables)
       + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes) AS rows`;

/** Runs so many scripts on one host of a new server; rows read per run. */
async function rowsReadPerRun(runs: number): Promise<number> {
  const server = await startServer();
  const { client, host, agent } = await startWorld({ server });
  const script_id = await saveScript(server, 'hello.sh', 'echo hello');
  // Statements are planned now, while the tables are empty.
  for (let i = 0; i < runs; i++) {
    const script = i % 2 === 0 ? { script_id } : { script_contents: 'echo hello' };
    const { status } = await client.post('/api/v1/fleet/scripts/run/sync', { host_id: host.id, ...script });
    if (status !== 200) throw new Error(`run ${i} answered ${status}`);
  }
  await agent.stop();
  // Its connections hand in their counters when they end.
  await server.stop();
  const [{ rows }] = await sql(server, READS);
  return Number(rows) / runs;
}

it('reads no more rows for a run when the host has a long history', async () => {
  const first = await rowsReadPerRun(30);
  const later = await rowsReadPerRun(400);
  // Dead row versions are met until they are cleaned up, on a busy machine some dozens of them per run: those do not add up. A
  // statement that reads the host's history reads two rows more with every run: 400 more on average.
  expect(later).toBeLessThan(first * 4);
});
