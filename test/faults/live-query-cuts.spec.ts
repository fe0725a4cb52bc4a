import { setTimeout } from 'node:timers/promises';
import { startServer, startSwarm, api, type Api, type ServerFixture } from '#libs/testing/index';
import { ask, listen, results } from '../e2e/live.support.js';
import { sql } from '../e2e/support.js';

const HOSTS = 150;
const CUT_EVERY_MS = 500;

let server: ServerFixture;
let client: Api;

beforeAll(async () => {
  server = await startServer();
  client = await api(server).login();
  // They answer over ten seconds, so that there is something to cut.
  const args = ['--answer-delay', '0..10000ms', '--rows', '3'];
  await startSwarm({ server, hosts: HOSTS, args }).ready();
}, 90_000);

it('is told whole, in order and once to a client that is cut all the time, while the server dies twice', async () => {
  const { id } = await ask(client, 'select 1', { labels: [1] });
  const told: { seq: number; text: string }[] = [];
  const died = [false, false];
  for (let cuts = 0; told.length < HOSTS; cuts++) {
    const after = told.at(-1)?.seq ?? 0;
    const stream = listen(server, client, id as number, after);
    await Promise.race([stream.closed, setTimeout(CUT_EVERY_MS)]);
    stream.close();
    told.push(...results(stream.messages));
    for (const [i, share] of [0.2, 0.6].entries()) {
      if (died[i] || told.length < HOSTS * share) continue;
      died[i] = true;
      await server.kill();
      await server.restart();
    }
    if (cuts > 240) throw new Error(`only ${told.length} results after ${cuts} cuts`);
  }
  expect(died).toEqual([true, true]);
  expect(told.map(({ seq }) => seq)).toEqual(Array.from({ length: HOSTS }, (_, i) => i + 1));
  const stored = await sql(
    server,
    'SELECT seq::int AS seq, data FROM campaign_results WHERE campaign_id = $1 ORDER BY seq',
    [id],
  );
  expect(told.map(({ text }) => text)).toEqual(
    stored.map(({ seq, data }) => `{"type":"result","data":${data},"seq":${seq}}`),
  );
}, 180_000);
