import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startAgent, startServer, temporaryDirectory, until } from '#libs/testing/index';
import { run, sql, startWorld, ended, type World } from './support.js';
import { addTeam } from './teams.js';

/* What agents do by themselves, from the definition to its effect, with a real server and a real agent. */

let world: World;
let team: number;
const directory = temporaryDirectory('standing');
const resultsLog = path.join(directory, 'results.log');
const flag = path.join(directory, 'flag');
const exists = `select 1 from file where path = '${flag}'`;

beforeAll(async () => {
  world = await startWorld({ server: await startServer({ env: { MUSTER_RESULTS_LOG: resultsLog } }) });
  team = await addTeam(world.server, 'Standing');
  await move(world.host.id, team);
}, 60_000);

beforeEach(() => rmSync(flag, { force: true }));

async function post(route: string, body: object, status = 200): Promise<Record<string, unknown>> {
  const answer = await world.client.post(`/api/v1/fleet${route}`, body);
  if (answer.status !== status) throw new Error(`${route}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body as Record<string, unknown>;
}

const move = (host: number, to: number | null) => post('/hosts/transfer', { team_id: to, hosts: [host] });
const setOptions = (options: object) => post(`/teams/${team}/agent_options`, options);

async function addLabel(name: string, query: string): Promise<number> {
  const { label } = await post('/labels', { name, query });
  return (label as { id: number }).id;
}

const apply = (kind: string, ...specs: object[]) => post(`/spec/${kind}`, { specs });

async function addPolicy(name: string, query: string): Promise<number> {
  await apply('policies', { name, query });
  const [row] = await sql(world.server, 'SELECT id FROM policies WHERE name = $1', [name]);
  return row.id as number;
}

const isMember = async (label: number): Promise<boolean> =>
  (
    await sql(world.server, 'SELECT 1 FROM label_membership WHERE label_id = $1 AND host_id = $2', [
      label,
      world.host.id,
    ])
  ).length === 1;
const becomes = (label: number, member: boolean) =>
  until(async () => (await isMember(label)) === member, { what: `membership ${String(member)}` });
const policyIs = (policy: number, passes: boolean | null) =>
  until(
    async () => {
      const rows = await sql(world.server, 'SELECT passes FROM policy_results WHERE policy_id = $1', [
        policy,
      ]);
      return rows[0]?.passes === passes;
    },
    { what: `the policy to be ${String(passes)}` },
  );

const logged = (name: string): Record<string, unknown>[] => {
  try {
    const lines = readFileSync(resultsLog, 'utf8').trim().split('\n');
    return lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter((line) => line['name'] === name);
  } catch {
    return [];
  }
};
const isLogged = (name: string, count = 1) =>
  until(async () => logged(name).length >= count, { what: `${count} results of ${name} in the log` });

describe('a dynamic label', () => {
  it('is answered when it is made, and followed at the interval of the team’s options', async () => {
    const always = await addLabel('always', 'select 1');
    const label = await addLabel('flagged', exists);
    await becomes(always, true);
    expect(await isMember(label)).toBe(false);
    writeFileSync(flag, '');
    await setOptions({ label_interval: 1 });
    await becomes(label, true);
    rmSync(flag);
    await becomes(label, false);
  });

  it('whose SQL is changed is answered anew', async () => {
    const label = await addLabel('changing', 'select 1');
    await becomes(label, true);
    const changed = (query: string) =>
      apply('labels', { name: 'changing', query, label_membership_type: 'dynamic' });
    await changed('select 1 where 0');
    await becomes(label, false);
    await changed('select 1 union select 2');
    await becomes(label, true);
    await changed('select nonsense from nowhere');
    await becomes(label, false);
  });

  it('that is deleted is not asked about any more', async () => {
    const label = await addLabel('short-lived', 'select 1');
    await becomes(label, true);
    expect((await world.client.delete(`/api/v1/fleet/labels/id/${label}`)).status).toBe(200);
    await becomes(await addLabel('next', 'select 1'), true);
    expect(await isMember(label)).toBe(false);
  });

  it('is answered by an agent that was away when it was made', async () => {
    await world.agent.stop();
    const label = await addLabel('while away', 'select 1');
    await world.agent.restart();
    await becomes(label, true);
  });

  it('is not left or joined by a word about labels that nobody asked about', async () => {
    const { label } = await post('/labels', { name: 'by hand', hosts: [] });
    const { id } = label as { id: number };
    await becomes(await addLabel('asked', 'select 1'), true);
    expect(await isMember(id)).toBe(false);
  });
});

describe('a policy', () => {
  it('turns from failing to passing, and is unknown where it cannot be evaluated', async () => {
    await setOptions({ label_interval: 1, policy_interval: 1 });
    const policy = await addPolicy('flagged', exists);
    const broken = await addPolicy('broken', 'select nonsense from nowhere');
    await policyIs(policy, false);
    await policyIs(broken, null);
    writeFileSync(flag, '');
    await policyIs(policy, true);
  });
});

it('what a host found for a team is gone when it leaves, and found again when it is back', async () => {
  await apply('policies', { name: 'of the team', query: 'select 1', team: 'Standing' });
  const [{ id }] = (await sql(world.server, `SELECT id FROM policies WHERE name = 'of the team'`)) as [
    { id: number },
  ];
  await policyIs(id, true);
  await move(world.host.id, null);
  expect(await sql(world.server, 'SELECT 1 FROM policy_results WHERE policy_id = $1', [id])).toEqual([]);
  await move(world.host.id, team);
  await policyIs(id, true);
});

describe('scheduled queries', () => {
  it('are those of saved queries with an interval: the last report is kept, and what automations want is logged', async () => {
    const { query } = await post('/queries', {
      name: 'every second',
      query: 'select 1 as a, null as b',
      interval: 1,
      automations_enabled: true,
    });
    const { id } = query as { id: number };
    const quiet = (await post('/queries', { name: 'quiet', query: 'select 2 as a', interval: 1 }))[
      'query'
    ] as {
      id: number;
    };
    const reported = (queryId: number) =>
      until(
        async () =>
          (await sql(world.server, 'SELECT rows FROM query_results WHERE query_id = $1', [queryId]))[0]
            ?.rows as string,
        { what: 'a report' },
      );
    expect(JSON.parse(await reported(id))).toEqual([{ a: '1', b: '' }]);
    expect(JSON.parse(await reported(quiet.id))).toEqual([{ a: '2' }]);
    await isLogged('pack/Global/every second');
    expect(logged('pack/Global/every second')[0]).toEqual({
      name: 'pack/Global/every second',
      hostIdentifier: world.host.uuid,
      calendarTime: expect.stringMatching(/^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} UTC$/) as string,
      unixTime: expect.any(Number) as number,
      epoch: 0,
      counter: 0,
      numerics: false,
      decorations: { host_uuid: world.host.uuid, hostname: world.agent.hostname },
      action: 'snapshot',
      snapshot: [{ a: '1', b: '' }],
    });
    expect(logged('pack/Global/quiet')).toEqual([]);
    // Whoever rotates logs moves the file away.
    renameSync(resultsLog, `${resultsLog}.1`);
    await isLogged('pack/Global/every second');
  });

  it('of packs reach the hosts of a label, follow its membership, and tell what came and went', async () => {
    await setOptions({ label_interval: 1, policy_interval: 1 });
    await addLabel('packed', exists);
    await post('/queries', {
      name: 'text files',
      query: `select filename from file where directory = '${directory}' and filename like '%.txt'`,
    });
    await apply('packs', {
      name: 'ops',
      targets: { labels: ['packed'] },
      queries: [{ query: 'text files', name: 'q', interval: 1 }],
    });
    writeFileSync(path.join(directory, 'a.txt'), '');
    writeFileSync(flag, '');
    await isLogged('pack/ops/q');
    expect(logged('pack/ops/q')[0]).toMatchObject({
      action: 'added',
      counter: 0,
      columns: { filename: 'a.txt' },
    });
    await world.agent.stop();
    rmSync(path.join(directory, 'a.txt'));
    await world.agent.restart();
    await isLogged('pack/ops/q', 2);
    expect(logged('pack/ops/q')[1]).toMatchObject({
      action: 'removed',
      counter: 1,
      columns: { filename: 'a.txt' },
    });
  });

  it('go on while the server is away', async () => {
    const file = path.join(directory, 'away.txt');
    await world.server.stop();
    writeFileSync(file, '');
    writeFileSync(flag, '');
    const spool = path.join(world.agent.stateDir, 'standing', 'reports');
    const found = () =>
      readdirSync(spool)
        .filter((name) => name.endsWith('.json'))
        .some((name) => readFileSync(path.join(spool, name), 'utf8').includes('away.txt'));
    await until(async () => found(), { what: 'a report on disk' });
    rmSync(file);
    await world.server.restart();
    await until(async () => logged('pack/ops/q').some((line) => JSON.stringify(line).includes('away.txt')), {
      what: 'what was found while the server was away',
      // The agent tries to come back at growing intervals.
      timeout: 40_000,
    });
  });
});

describe('agent options of a team', () => {
  it('reach its agents without a restart, and leave them with the team', async () => {
    await setOptions({ scripts_enabled: false });
    const outcome = async (): Promise<string> => {
      const { target } = await ended(world.client, await run(world.client, world.host.id, 'true'));
      return target.state as string;
    };
    await until(async () => (await outcome()) === 'failed_to_start', { what: 'refused scripts' });
    await move(world.host.id, null);
    await until(async () => (await outcome()) === 'finished', { what: 'scripts that run' });
    await move(world.host.id, team);
  });
});

it('an agent of another team is told nothing of this one’s work', async () => {
  const { query } = await post('/queries', {
    name: 'ours',
    query: 'select 3 as a',
    interval: 1,
    team_id: team,
  });
  const other = startAgent({ server: world.server });
  const { id: otherId } = await other.online();
  const answered = async (host: number): Promise<boolean> =>
    (
      await sql(world.server, 'SELECT 1 FROM query_results WHERE query_id = $1 AND host_id = $2', [
        (query as { id: number }).id,
        host,
      ])
    ).length > 0;
  await until(() => answered(world.host.id), { what: 'the report of the team’s host' });
  await until(
    async () =>
      (await sql(world.server, 'SELECT 1 FROM query_results WHERE host_id = $1', [otherId])).length >= 2,
    { what: 'reports of the other host to global queries' },
  );
  expect(await answered(otherId)).toBe(false);
});
