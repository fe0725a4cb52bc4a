import { api, startServer, type Api, type ServerFixture } from '#libs/testing/index';
import { sql } from './support.js';

const HOSTS = 731;
let server: ServerFixture;
let client: Api;

beforeAll(async () => {
  server = await startServer();
  client = await api(server).login();
  await sql(server, "INSERT INTO teams (name) VALUES ('one'), ('two')");
  // Many share a hostname and a time, so that the id has to decide.
  await sql(
    server,
    `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, facts, node_key_hash, team_id, created_at)
     SELECT u, u, 'test', 'host-' || n % 50, '{"hostname":"x","platform":"debian","os_version":"12","arch":"x86_64"}', sha256(u::text::bytea),
       nullif(n % 3, 0), now() - make_interval(hours => n % 7)
     FROM (SELECT n, gen_random_uuid() AS u FROM generate_series(1, ${HOSTS}) n) made`,
  );
});

describe.each(['id', 'hostname', 'uuid', 'created_at'])('pages by %s', (key) => {
  it.each(['asc', 'desc'])('are, put together, the whole list (%s)', async (direction) => {
    for (const filter of ['', '&team_id=1', '&team_id=0']) {
      const path = `/api/v1/fleet/hosts?order_key=${key}&order_direction=${direction}${filter}`;
      const ids = async (query: string): Promise<number[]> =>
        (await client.get(`${path}${query}`)).body.hosts.map((host: { id: number }) => host.id) as number[];
      const whole = await ids('');
      expect(whole.length).toBeGreaterThan(HOSTS / 4);
      const pages: number[] = [];
      const perPage = 37;
      for (let page = 0; page * perPage < whole.length; page++)
        pages.push(...(await ids(`&per_page=${perPage}&page=${page}`)));
      expect(pages).toEqual(whole);
      expect(await ids(`&per_page=${perPage}&page=${Math.ceil(whole.length / perPage)}`)).toEqual([]);
    }
  });
});
