import { api, startServer, startSwarm, until, type Api, type ServerFixture } from '#libs/testing/index';
import { sql } from './support.js';

/** More than one order for many holds, and enough that they are written while the ledger is told of them. */
const HOSTS = 160;
/** Of the parallel lane of a simulated host. */
const SLOTS = 8;

let server: ServerFixture;
let client: Api;

beforeAll(async () => {
  server = await startServer();
  client = await api(server).login();
  await startSwarm({
    server,
    hosts: HOSTS,
    args: ['--script-seconds', '3', '--script-failures', '0'],
  }).ready();
});

it('a command on many hosts, one of them busy, runs once on each: there as soon as there is room', async () => {
  const filling = Array.from({ length: SLOTS }, () =>
    client.post('/node/swarm-7/command/exec', { command: 'fill', wait: 20 }),
  );
  await until(async () => (await inFlight('swarm-7')) === SLOTS, { what: 'a host without room' });
  const { body } = await client.post('/node/_all/command/exec', {
    command: 'echo',
    args: ['hello'],
    wait: 20,
  });
  const results = body.results as { hostname: string; status: string; exit_code: number }[];
  expect(results).toHaveLength(HOSTS);
  for (const result of results) expect(result).toMatchObject({ status: 'ok', exit_code: 0 });
  await Promise.all(filling);

  const rows = await sql(
    server,
    `SELECT h.hostname, t.dispatched_at > e.created_at AS waited, count(c.*)::int AS chunks
     FROM targets t JOIN executions e ON e.id = t.execution_id JOIN hosts h ON h.id = t.host_id LEFT JOIN output_chunks c ON c.target_id = t.id
     WHERE e.uuid = $1 GROUP BY 1, 2`,
    [body.job_id],
  );
  expect(rows).toHaveLength(HOSTS);
  expect(rows.filter(({ waited }) => waited)).toEqual([{ hostname: 'swarm-7', waited: true, chunks: 1 }]);
  expect(rows.filter(({ chunks }) => chunks !== 1)).toEqual([]);
});

async function inFlight(hostname: string): Promise<number> {
  const [row] = await sql(
    server,
    `SELECT count(*)::int AS count FROM targets t JOIN hosts h ON h.id = t.host_id WHERE h.hostname = $1 AND t.state IN ('dispatched', 'running')`,
    [hostname],
  );
  return row?.count as number;
}
