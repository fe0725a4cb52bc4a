import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { leanClient } from './lib/lean-client.mjs';
import { openStand } from './lib/stand.mjs';
import { HEADER, percentile, row, sample } from './lib/stats.mjs';

const HOSTS = 100_000;
const SCRIPTS = 10_000;
const TEAMS = 20;
const PER_PAGE = 20;
const SAMPLES = 300;
/** Of what has no index, because presence changes all the time. */
const FEW = 10;
const BAR_MS = 25;
const ORDER_KEYS = ['id', 'hostname', 'uuid', 'created_at', 'last_enrolled_at'];

/** Pages of long lists over HTTP, wherever they lie, from the request to the last byte, beside a bare indexed SELECT of as many rows in the same run. */
export async function run(root) {
  const stand = await openStand(root);
  const lean = leanClient(stand.url, stand.token);
  const client = new pg.Client({ connectionString: stand.postgres.superuserUrl });
  try {
    await client.connect();
    await fill(client);
    await settled(client);
    // Until the code that a page passes through is compiled.
    await sample(500, () => lean.get(`/api/v1/fleet/hosts?page=0`));
    console.log(HEADER);
    console.log(row(`bare: SELECT * … ORDER BY id LIMIT ${PER_PAGE}, by pg`, await bare(client)));
    const bars = [];
    const judge = async (label, path) => {
      const samples = await sample(SAMPLES, () => lean.get(path()), SAMPLES / 10);
      console.log(row(label, samples));
      bars.push({ label, p99: percentile(samples, 0.99) });
    };
    await hosts(stand, judge);
    await scripts(stand, judge);
    const missed = bars.filter(({ p99 }) => p99 >= BAR_MS);
    console.log(
      `  bar: p99 < ${BAR_MS} ms for any page of ${PER_PAGE}: ${missed.length === 0 ? 'met' : `MISSED by ${missed.map(({ label }) => label.trim()).join('; ')}`}`,
    );
    await others(lean, client);
    await reset(stand, root);
  } finally {
    lean.close();
    await client.end();
    await stand.close();
  }
}

/** The server has cut its list of hosts: within seconds of 100,000 enrolments at once. */
async function settled(client) {
  for (const end = Date.now() + 60_000; ;) {
    const { rows } = await client.query(
      `SELECT (SELECT count(*) FROM host_list_changes) < 100 AND (SELECT count(DISTINCT key) = 5 FROM host_list_cuts) AS done`,
    );
    if (rows[0].done) return;
    if (Date.now() > end) throw new Error('the list of hosts was not cut within a minute');
    await delay(100);
  }
}

async function hosts(stand, judge) {
  const filters = ['', 'team_id=7', 'team_id=0'];
  for (const filter of filters) {
    const { count } = await stand.api.get(`/api/v1/fleet/hosts/count?${filter}`);
    for (const key of ORDER_KEYS) {
      const path = `/api/v1/fleet/hosts?${filter}${key === 'id' ? '' : `&order_key=${key}`}`;
      await pages(stand, judge, `hosts ${filter} by ${key}`, path, 'hosts', count, filter === '');
    }
  }
}

async function scripts(stand, judge) {
  const path = '/api/v1/fleet/scripts?';
  const there = await stand.api.get(`${path}page=0`).catch(() => null);
  if (!there) return console.log('  scripts: this server has no list of them');
  await pages(stand, judge, 'scripts by name', path, 'scripts', SCRIPTS, true);
}

/** @param each first, middle and last page apart; otherwise the last, and any */
async function pages(stand, judge, label, path, list, count, each) {
  const last = Math.ceil(count / PER_PAGE) - 1;
  const of = (page) => `${path}&page=${page}&per_page=${PER_PAGE}`;
  for (const page of [0, last]) {
    const { length } = (await stand.api.get(of(page)))[list];
    if (length === 0) throw new Error(`${of(page)} is empty`);
  }
  if (each) {
    await judge(`${label}: first page`, () => of(0));
    await judge(`${label}: middle page`, () => of(last >> 1));
  }
  await judge(`${label}: last page`, () => of(last));
  await judge(`${label}: any page`, () => of(Math.floor(Math.random() * (last + 1))));
}

/** What has no bar. */
async function others(lean, client) {
  const any = (count) => Math.floor(Math.random() * count);
  const show = async (label, path, count = SAMPLES) =>
    console.log(row(label, await sample(count, () => lean.get(`/api/v1/fleet/hosts${path()}`))));
  await show('hosts by id: any page of 100', () => `?per_page=100&page=${any(HOSTS / 100)}`);
  await show(
    'hosts by hostname: any page of 100',
    () => `?order_key=hostname&per_page=100&page=${any(HOSTS / 100)}`,
  );
  await show('hosts status=online: first page', () => '?status=online&page=0', FEW);
  await show('hosts status=online: page 3,900', () => '?status=online&page=3900', FEW);
  await show('hosts by seen_time: any page', () => `?order_key=seen_time&page=${any(HOSTS / PER_PAGE)}`, FEW);
  await show('hosts/count', () => '/count');
  await show('hosts/count?status=online', () => '/count?status=online');
  await show('hosts?query=…: a text that few have', () => `?page=0&query=1.${any(200)}.${any(200)}`);
  await show(
    'hosts?query=…: a text that all have, any page',
    () => `?query=example.com&page=${any(HOSTS / PER_PAGE)}`,
  );
  // As much as autovacuum leaves alone: a hundredth of the hosts has come or gone since.
  await client.query(`UPDATE hosts SET online = NOT online WHERE id % 100 = 0`);
  await show(
    'hosts by hostname, 1 % changed: last page',
    () => `?order_key=hostname&page=${HOSTS / PER_PAGE - 1}`,
  );
}

/** What a server does first when the one before it had no time to say who has gone. */
async function reset(stand, root) {
  const { connectDatabase, Database, dataSourceOptions } = await import(
    join(root, 'dist/libs/platform/database/index.js')
  );
  const { PresenceService } = await import(join(root, 'dist/libs/agents/index.js'));
  const dataSource = await connectDatabase(dataSourceOptions(stand.postgres.url, []));
  try {
    const began = performance.now();
    await new PresenceService(new Database(dataSource)).onApplicationBootstrap();
    console.log(
      `  all hosts go offline, as at a start of the server: ${(performance.now() - began).toFixed(0)} ms`,
    );
  } finally {
    await dataSource.destroy();
  }
}

async function bare(client) {
  const statement = { name: 'bare', text: `SELECT * FROM hosts WHERE id > $1 ORDER BY id LIMIT ${PER_PAGE}` };
  return sample(SAMPLES, () => client.query({ ...statement, values: [Math.floor(Math.random() * HOSTS)] }));
}

/** As enrolled hosts would have left them; four fifths online, one in 21 of no team. */
async function fill(client) {
  await client.query(`INSERT INTO teams (name) SELECT 'Team ' || n FROM generate_series(1, ${TEAMS}) n`);
  await client.query(
    `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, hardware_serial, facts, labels, agent_version, scripts_enabled,
       node_key_hash, online, connection_id, team_id, seen_at, enrolled_at, created_at)
     SELECT uuid, uuid, 'bench', name, serial, jsonb_build_object(
         'hostname', name, 'platform', 'debian', 'os_version', 'Debian GNU/Linux 12 (bookworm)', 'arch', 'x86_64',
         'platform_like', '', 'code_name', 'bookworm', 'build', '', 'kernel_version', '6.1.0-18-amd64', 'computer_name', name,
         'memory', 16777216000, 'cpu_type', 'x86_64', 'cpu_brand', 'Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz',
         'cpu_physical_cores', 4, 'cpu_logical_cores', 8, 'hardware_vendor', 'QEMU', 'hardware_model', 'Standard PC',
         'hardware_version', 'pc-i440fx-7.2', 'hardware_serial', serial, 'primary_ip', ip, 'primary_mac', '52:54:00:12:34:56',
         'addresses', jsonb_build_array(
           jsonb_build_object('interface', 'lo', 'address', '127.0.0.1', 'family', 'IPv4', 'mac', '00:00:00:00:00:00', 'internal', true),
           jsonb_build_object('interface', 'eth0', 'address', ip, 'family', 'IPv4', 'mac', '52:54:00:12:34:56', 'internal', false)),
         'uptime_seconds', 123456.78, 'disk_total_bytes', 500000000000, 'disk_available_bytes', 200000000000),
       '{"role": "web"}', '0.1.0', true, sha256(convert_to(name, 'UTF8')), n % 5 > 0, CASE WHEN n % 5 > 0 THEN n::text END,
       nullif(n % ${TEAMS + 1}, 0), now() - make_interval(secs => n * 7919 % 86400), now() - make_interval(secs => n * 104729 % 8640000),
       now() - make_interval(secs => n * 1299709 % 86400000)
     FROM (
       SELECT n, md5('uuid' || n)::uuid AS uuid, 'host-' || substr(md5('name' || n), 1, 10) || '.example.com' AS name,
         upper(substr(md5('serial' || n), 1, 12)) AS serial, '10.' || n / 65536 || '.' || n / 256 % 256 || '.' || n % 256 AS ip
       FROM generate_series(1::bigint, ${HOSTS}) n
     ) host`,
  );
  await client.query(`INSERT INTO contents (sha256, bytes) VALUES (sha256('true'), 'true')`);
  await client.query(
    `INSERT INTO scripts (name, content_sha256) SELECT 'script-' || md5(n::text) || '.sh', sha256('true') FROM generate_series(1, ${SCRIPTS}) n`,
  );
  // As autovacuum does within minutes.
  for (const table of ['hosts', 'teams', 'scripts', 'contents'])
    await client.query(`VACUUM ANALYZE ${table}`);
  // What was written in one go here was written over months elsewhere: nothing of it is still to be put on disk.
  await client.query('CHECKPOINT');
}
