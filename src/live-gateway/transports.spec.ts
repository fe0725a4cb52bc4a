import { until } from '#libs/testing/index';
import { EVERY_TRANSPORT } from './testing/clients.js';
import { type LiveServer, startLiveServer } from './testing/live-server.js';

let server: LiveServer;
let campaigns = 0;

beforeAll(async () => {
  server = await startLiveServer({ pollMs: 1_000 });
});

afterAll(() => server.close());

function newCampaign(): number {
  campaigns += 1;
  server.campaigns.create(campaigns);
  return campaigns;
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

describe.each(EVERY_TRANSPORT)('%s', (_name, connect) => {
  it('tells everything in order, what was there before and what comes, until the campaign is over', async () => {
    const id = newCampaign();
    const campaign = server.campaigns.campaigns.get(id)!;
    campaign.add(120);
    const client = await connect(server.url, { campaign: id });
    await client.result(120);
    campaign.add(3, 100_000);
    const last = await client.result(123);
    expect(last.data).toMatchObject({ n: 123 });
    expect(client.messages.slice(0, 2).map(({ type }) => type)).toEqual(['totals', 'status']);
    expect(client.results).toEqual(upTo(123));
    expect(await server.subscribers()).toBe(1);
    campaign.end();
    await until(async () => (await server.subscribers()) === 0);
    client.hangUp();
    await client.closed;
  });

  it('goes on after a cut where the client says', async () => {
    const id = newCampaign();
    const campaign = server.campaigns.campaigns.get(id)!;
    campaign.add(40);
    const first = await connect(server.url, { campaign: id });
    await first.result(25);
    first.hangUp();
    await first.closed;
    campaign.add(40);
    const second = await connect(server.url, { campaign: id, after: 25 });
    await second.result(80);
    expect(second.results).toEqual(upTo(80).slice(25));
    second.hangUp();
    campaign.end();
    await until(async () => (await server.subscribers()) === 0);
  });

  it('ends with the server', async () => {
    const own = await startLiveServer({ pollMs: 500 });
    own.campaigns.create(1).add(1);
    const client = await connect(own.url, { campaign: 1 });
    await client.result(1);
    await own.close();
    await client.closed;
    expect(own.campaigns.subscribers.size).toBe(0);
    client.hangUp();
  });
});
