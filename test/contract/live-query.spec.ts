import {
  type Connect,
  EVERY_TRANSPORT,
  type LiveClientFixture,
  type Message,
} from '../../src/live-gateway/testing/clients.js';
import { startAgent, type AgentFixture, type HostRef } from '#libs/testing/index';
import { startWorld, type World } from '../e2e/support.js';
import { differences } from './shape.js';

/*
 * "Run live query", "Run live query by name" and "Retrieve live query results" of Fleet's document: each example's request, an
 * answer of its shape, and the conversation over every transport, with real agents.
 */

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- messages of every shape
type Loose = any;

let world: World;
let other: AgentFixture;
let otherHost: HostRef;

beforeAll(async () => {
  world = await startWorld();
  other = startAgent({ server: world.server, hostname: 'macbook-pro.local' });
  otherHost = await other.online();
}, 60_000);

const CAMPAIGN = {
  campaign: {
    created_at: '0001-01-01T00:00:00Z',
    updated_at: '0001-01-01T00:00:00Z',
    Metrics: { TotalHosts: 1, OnlineHosts: 0, OfflineHosts: 1, MissingInActionHosts: 0, NewHosts: 1 },
    id: 1,
    query_id: 3,
    status: 0,
    user_id: 1,
  },
};

describe('run live query', () => {
  it.each([
    ['one host by id', () => ({ hosts: [otherHost.id] }), 1],
    ['hosts by label id', () => ({ labels: [1] }), 2],
  ])('%s', async (_, selected, count) => {
    const { status, body } = await world.client.post('/api/v1/fleet/queries/run', {
      query: 'select instance_id from system_info',
      selected: selected(),
    });
    expect(status).toBe(200);
    expect(differences(CAMPAIGN, body)).toEqual([]);
    expect(body.campaign.Metrics).toMatchObject({ TotalHosts: count, OnlineHosts: count });
  });
});

describe('run live query by name', () => {
  it('one host by hostname, a saved query', async () => {
    const created = await world.client.post('/api/v1/fleet/queries', {
      name: 'time',
      query: 'select 1 as one',
    });
    const { status, body } = await world.client.post('/api/v1/fleet/queries/run_by_names', {
      query_id: created.body.query.id,
      selected: { hosts: ['macbook-pro.local'] },
    });
    expect(status).toBe(200);
    expect(differences(CAMPAIGN, body)).toEqual([]);
    expect(body.campaign).toMatchObject({
      query_id: created.body.query.id,
      Metrics: { TotalHosts: 1 },
    });
  });

  it.each(['run_by_names', 'run_by_identifiers'])('hosts by label name (%s)', async (name) => {
    const { status, body } = await world.client.post(`/api/v1/fleet/queries/${name}`, {
      query: 'select instance_id from system_info',
      selected: { labels: ['All Hosts'] },
    });
    expect(status).toBe(200);
    expect(body.campaign.Metrics).toMatchObject({ TotalHosts: 2, OnlineHosts: 2 });
  });

  it('takes both flags of a client that has only one to say', async () => {
    const { status, body } = await world.client.post('/api/latest/fleet/queries/run_by_identifiers', {
      query: 'select 1 as one',
      query_id: null,
      selected: { hosts: ['macbook-pro.local'], labels: [''] },
    });
    expect(status).toBe(200);
    expect(body.campaign.Metrics).toMatchObject({ TotalHosts: 1 });
  });
});

const TOTALS = { count: 24, online: 6, offline: 18, missing_in_action: 0 };
const STATUS = { expected_results: 6, actual_results: 0, status: 'pending' };
const RESULT = {
  distributed_query_execution_id: 39,
  host: { id: 42, hostname: 'foobar', display_name: 'foobar' },
  rows: [{ host_hostname: 'foobar', one: '1' }],
};

describe.each(EVERY_TRANSPORT)('results over %s', (_, connect: Connect) => {
  const start = async (sql: string): Promise<number> => {
    const { body } = await world.client.post('/api/v1/fleet/queries/run', {
      query: sql,
      selected: { labels: [1] },
    });
    return body.campaign.id as number;
  };
  const follow = (campaign: number, after?: number): Promise<LiveClientFixture> =>
    connect(world.server.url, {
      token: world.client.bearer ?? '',
      campaign,
      ...(after !== undefined && { after }),
    });
  const isFinished = ({ type, data }: Message): boolean =>
    type === 'status' && (data as Loose).status === 'finished';

  it('totals, status, a result from each host, finished', async () => {
    const client = await follow(await start('select 1 as one'));
    await client.first(isFinished);
    const types = client.messages.map(({ type }) => type);
    expect(types.slice(0, 2)).toEqual(['totals', 'status']);
    expect(differences(TOTALS, client.messages[0]?.data)).toEqual([]);
    expect(differences(STATUS, client.messages[1]?.data)).toEqual([]);
    const results = client.messages.filter(({ type }) => type === 'result');
    expect(results.map(({ seq }) => seq)).toEqual([1, 2]);
    for (const { data } of results) expect(differences(RESULT, data)).toEqual([]);
    client.hangUp();
  });

  it('goes on after the cursor', async () => {
    const id = await start('select 1 as one');
    const first = await follow(id);
    await first.first(isFinished);
    first.hangUp();
    const second = await follow(id, 1);
    await second.first(isFinished);
    expect(second.results).toEqual([2]);
    second.hangUp();
  });

  it('brings the hosts’ own error', async () => {
    const client = await follow(await start('select * from nowhere'));
    await client.first(isFinished);
    const errors = client.messages
      .filter(({ type }) => type === 'result')
      .map(({ data }) => (data as Loose).error as string);
    expect(errors).toEqual(['no such table: nowhere', 'no such table: nowhere']);
    client.hangUp();
  });

  it('brings an aggregate over all answers, the last one exact, before it says finished', async () => {
    const { body } = await world.client.post('/api/v1/fleet/queries/run', {
      query: "select 'a' as name, 1 as n union all select 'b', 2",
      selected: { labels: [1] },
      aggregate: 'select name, count(*) hosts, sum(n) total from results group by name order by name desc',
    });
    const client = await follow(body.campaign.id as number);
    await client.first(isFinished);
    const last = client.messages.filter(({ type }) => type === 'aggregate').at(-1);
    expect(last?.data).toMatchObject({
      columns: ['name', 'hosts', 'total'],
      rows: [
        { name: 'b', hosts: '2', total: '4' },
        { name: 'a', hosts: '2', total: '2' },
      ],
      hosts_answered: 2,
      hosts_targeted: 2,
    });
    client.hangUp();
  });
});
