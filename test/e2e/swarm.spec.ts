import { api, startServer, startSwarm, until, type Api, type ServerFixture } from '#libs/testing/index';
import { chunksOf, logLines, sql } from './support.js';
import { saveScript } from './teams.js';

const HOSTS = 200;

let server: ServerFixture;
let client: Api;

beforeAll(async () => {
  server = await startServer();
  client = await api(server).login();
});

const online = async (): Promise<{ id: number; hostname: string; platform: string }[]> =>
  (await client.get(`/api/v1/fleet/hosts?status=online&per_page=1000`)).body.hosts;

/** Runs a saved script on all of them; the batch's id. */
async function batch(name: string): Promise<string> {
  const script_id = await saveScript(server, name, 'echo hello');
  const host_ids = (await online()).map(({ id }) => id);
  const { status, body } = await client.post('/api/v1/fleet/scripts/run/batch', { script_id, host_ids });
  expect([status, host_ids.length]).toEqual([200, HOSTS]);
  return body.batch_execution_id as string;
}

/** How many targets of a batch are in each state. */
async function states(id: string): Promise<Record<string, number>> {
  const rows = await sql(
    server,
    `SELECT t.state, count(*)::int FROM targets t JOIN executions e ON e.id = t.execution_id WHERE e.uuid = $1 GROUP BY t.state`,
    [id],
  );
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
}

const allFinished = (id: string) =>
  until(async () => (await states(id)).finished === HOSTS, { timeout: 50_000, what: 'the end of all runs' });

describe('200 simulated hosts', () => {
  it('appear, run scripts with output and a share of failures, and come back with nothing lost when the server is killed', async () => {
    const swarm = startSwarm({
      server,
      hosts: HOSTS,
      args: [
        '--script-seconds',
        '1',
        '--script-failures',
        '0.2',
        '--script-output-bytes',
        '20',
        '--label',
        'env=load',
      ],
    });
    await swarm.ready();
    const hosts = await online();
    expect(new Set(hosts.map(({ hostname }) => hostname)).size).toBe(HOSTS);
    expect(hosts[0]).toMatchObject({ hostname: expect.stringMatching(/^swarm-\d+$/), platform: 'debian' });

    const first = await batch('first.sh');
    await allFinished(first);
    const chunks = await chunksOf(client, first);
    expect(chunks.map(({ data }) => data)).toEqual(Array(HOSTS).fill(`${'x'.repeat(19)}\n`));
    const [{ failed }] = await sql(server, 'SELECT count(*)::int AS failed FROM targets WHERE exit_code = 1');
    expect(failed).toBeGreaterThan(HOSTS * 0.05);
    expect(failed).toBeLessThan(HOSTS * 0.5);

    const second = await batch('second.sh');
    await until(async () => (await states(second)).running);
    await server.kill();
    await server.restart();
    await until(async () => (await online()).length === HOSTS, {
      timeout: 30_000,
      what: 'all hosts online again',
    });
    await allFinished(second);

    expect(await swarm.stop()).toEqual({ code: 0, signal: null });
    await until(async () => (await online()).length === 0, { what: 'all hosts offline' });
    const { counts, ever_connected } = logLines(swarm).find(({ event }) => event === 'summary');
    expect(ever_connected).toBe(HOSTS);
    expect(counts).toMatchObject({ enrolled: HOSTS, runs_accepted: 2 * HOSTS, runs_stale: 0, malformed: 0 });
    expect(counts.connects).toBeGreaterThanOrEqual(2 * HOSTS);
    expect(counts.runs_finished + counts.runs_failed).toBe(2 * HOSTS);
  }, 120_000);
});

it('a swarm of the same seed is the same hosts, though it has kept nothing', async () => {
  const known = async () =>
    (await sql(server, `SELECT id FROM hosts WHERE hostname LIKE 'kept-%' ORDER BY id`)).map(
      ({ id }) => id as number,
    );
  const args = ['--prefix', 'kept-'];
  const first = startSwarm({ server, hosts: 3, args });
  await first.ready();
  const before = await known();
  await first.stop();
  const second = startSwarm({ server, hosts: 3, args });
  await second.ready();
  expect(await known()).toEqual(before);
  await second.stop();
});

describe('the command', () => {
  it('says that its enroll secret is wrong', async () => {
    const swarm = startSwarm({ server: { url: server.url, enrollSecret: 'guessed' }, hosts: 3 });
    expect(await swarm.exited).toEqual({ code: 1, signal: null });
    expect(swarm.log()).toContain(
      'muster swarm: the server refused to enroll a host: the enroll secret is not',
    );
  });

  it('says that it may not open enough files', async () => {
    const swarm = startSwarm({ server, hosts: 1_000_000 });
    expect(await swarm.exited).toEqual({ code: 1, signal: null });
    expect(swarm.log()).toMatch(/--hosts 1000000 needs 1000128 open files, .*ulimit -n 1000128/);
  });

  it('says what was typed wrongly', async () => {
    const swarm = startSwarm({ server, hosts: 3, args: ['--rows', 'many'] });
    expect(await swarm.exited).toEqual({ code: 2, signal: null });
    expect(swarm.log()).toBe('muster swarm: --rows "many" must be a whole number of 0 to 1000000\n');
  });

  it('explains itself on one screen, with an example', async () => {
    const swarm = startSwarm({ server, hosts: 3, args: ['--help'] });
    expect(await swarm.exited).toEqual({ code: 0, signal: null });
    expect(swarm.log()).toContain('Example:\n  muster swarm --server');
    expect(swarm.log().split('\n').length).toBeLessThanOrEqual(32);
    for (const line of swarm.log().split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});
