import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { leanClient } from './lib/lean-client.mjs';
import { openStand } from './lib/stand.mjs';
import { HEADER, percentile, row, sample } from './lib/stats.mjs';

/*
 * `script_execution_get` over a long history: any filter that the document allows, any page, from the request to the answer's last byte.
 * BENCH_DATABASE names a directory in which the database stays: another run finds it filled. Its files are read before each kind of page: a
 * server that has been running for a while has them in memory.
 */

const RUNS = Number(process.env.BENCH_RUNS ?? 10_000_000);
const HOSTS = 1_000;
const SCRIPTS = 50;
const INSTANCES_PER_SCRIPT = 4;
const CONTENTS = 20;
/** Of the runs, the newest have what the scripts say now. */
const CURRENT = 0.03;
const SAMPLES = 300;
const BAR_MS = 25;
const FIRST_ID = 1;

export async function run(root) {
  const stand = await openStand(root, process.env.BENCH_DATABASE);
  const client = new pg.Client({ connectionString: stand.postgres.superuserUrl });
  try {
    await client.connect();
    const began = performance.now();
    const { rows } = await client.query('SELECT coalesce(max(id), 0)::int AS last FROM instance_runs');
    if (rows[0].last === 0) await fill(client);
    else if (rows[0].last !== RUNS) throw new Error(`BENCH_DATABASE holds ${rows[0].last} runs, not ${RUNS}`);
    console.log(
      `  ${RUNS.toLocaleString('en')} runs on ${HOSTS} hosts, filled in ${((performance.now() - began) / 1_000).toFixed(0)} s`,
    );
    const lean = leanClient(stand.url, stand.token);
    const get = (params) => lean.post('/api/rpc/script_execution_get', params);
    const pages = async (label, params, count) => {
      if (process.env.BENCH_DATABASE) await readAll(process.env.BENCH_DATABASE);
      const samples = await sample(count, () => get(params()));
      console.log(row(label, samples));
      return { label, p99: percentile(samples, 0.99) };
    };
    // Until the code that a page passes through is compiled, and every connection has planned most of its statements.
    await sample(2_000, () => get(anything()), 0);
    console.log(HEADER);
    console.log(row('bare: SELECT * … LIMIT 100 by id, by pg', await bare(client)));
    const outcomes = [];
    for (const [label, params, times = 1] of KINDS)
      outcomes.push(await pages(label, params, SAMPLES * times));
    const missed = outcomes.filter(({ p99 }) => p99 >= BAR_MS);
    console.log(
      `  bar: p99 < ${BAR_MS} ms: ${missed.length === 0 ? 'met' : `MISSED by ${missed.map(({ label }) => label).join('; ')}`}`,
    );
    if (process.env.BENCH_SLOWEST) await slowest(get);
    lean.close();
  } finally {
    await client.end();
    await stand.close();
  }
}

async function slowest(get) {
  const seen = [];
  for (let i = 0; i < 1_000; i++) {
    const params = anything();
    const began = performance.now();
    const read = await get(params);
    const ms = performance.now() - began;
    seen.push({ ms, rows: JSON.parse(read()).executions.length, params });
  }
  for (const { ms, rows, params } of seen.sort((a, b) => b.ms - a.ms).slice(0, 15)) {
    const { filter = {}, pagination, host } = params;
    const instances = filter.instances?.length;
    console.log(
      `  ${ms.toFixed(1)} ms, ${rows} rows: ${JSON.stringify({ ...filter, exit_codes: filter.exit_codes?.length, instances, pagination, host })}`,
    );
  }
}

/** Reads all files there; some systems take memory that was not used for a minute away again. */
async function readAll(folder) {
  const buffer = Buffer.allocUnsafe(1024 * 1024);
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const file = await open(join(entry.parentPath ?? entry.path, entry.name));
    while ((await file.read(buffer, 0, buffer.length)).bytesRead > 0);
    await file.close();
  }
}

const int = (most) => Math.floor(Math.random() * most);
const anyId = () => FIRST_ID + int(RUNS);
const code = () => (Math.random() < 0.3 ? 0 : Math.random() < 0.8 ? 1 + int(255) : -(1 + int(15)));
const some = (count, one) => Array.from({ length: count }, one);
function instance() {
  const script_name = `script-${1 + int(SCRIPTS)}`;
  return {
    script_name,
    ...(Math.random() < 0.7 && { instance_names: [`instance-${1 + int(INSTANCES_PER_SCRIPT)}`] }),
  };
}
const page = (limit) => ({ limit });
const STATES = ['running', 'terminating', 'finished', 'killed'];

/** A filter of any part of the document's, and a page of any size anywhere. */
function anything() {
  const half = () => Math.random() < 0.5;
  const filter = {
    ...(half() && { exit_codes: some(1 + int(20), code) }),
    ...(half() && { include_outdated: half() }),
    ...(half() && { instances: some(1 + int(20), instance) }),
    ...(half() && { states: STATES.filter(half) }),
  };
  return {
    ...(half() && { filter }),
    pagination: { limit: (half() ? 1 : -1) * (1 + int(1_000)), ...(half() && { id_exclusive: anyId() }) },
    ...(Math.random() < 0.2 && { host: `host-${1 + int(HOSTS)}` }),
  };
}

/** What is asked for: name, params, and how many times the samples. */
export const KINDS = [
  ['any filter, any page', anything, 5],
  ['no filter: the newest 10', () => ({ pagination: page(-10) })],
  [
    'no filter: any page of 100',
    () => ({
      pagination: { limit: 100, id_exclusive: anyId() },
    }),
  ],
  ['no filter: the newest 1,000', () => ({ pagination: page(-1_000) })],
  [
    'outdated too: any page of 1,000',
    () => ({
      filter: { include_outdated: true },
      pagination: { limit: -1_000, id_exclusive: anyId() },
    }),
  ],
  [
    'one instance, outdated too: any page of 1,000',
    () => ({
      filter: { include_outdated: true, instances: [instance()] },
      pagination: { limit: -1_000, id_exclusive: anyId() },
    }),
  ],
  [
    '20 exit codes: any page of 1,000',
    () => ({
      filter: { exit_codes: some(20, code) },
      pagination: { limit: 1_000, id_exclusive: anyId() },
    }),
  ],
  [
    'killed, of 50 instances: the newest 1,000',
    () => ({
      filter: { states: ['killed'], instances: some(50, instance) },
      pagination: page(-1_000),
    }),
  ],
  [
    'what nobody has: exit code 77,777',
    () => ({
      filter: { exit_codes: [77_777], include_outdated: true },
      pagination: page(-100),
    }),
  ],
  ['running, nobody is', () => ({ filter: { states: ['running'] }, pagination: page(1_000) })],
  [
    'one host, 5 exit codes: any page of 1,000',
    () => ({
      host: `host-${1 + int(HOSTS)}`,
      filter: { exit_codes: some(5, code), include_outdated: true },
      pagination: { limit: -1_000, id_exclusive: anyId() },
    }),
  ],
];

async function bare(client) {
  const statement = {
    name: 'bare',
    text: 'SELECT * FROM instance_runs WHERE id < $1 ORDER BY id DESC LIMIT 100',
  };
  return sample(SAMPLES, () => client.query({ ...statement, values: [anyId()] }));
}

/**
 * As the ledger's triggers would have left it. The ledger's own rows are not there: no statement of this method reads them. Each instance has had
 * many contents, one after the other; only the newest runs are of the present ones, and of a tenth of the instances the contents take turns.
 */
export async function fill(client) {
  const run = (text) => client.query(text);
  await run(`SET synchronous_commit = off`);
  await run(`SET maintenance_work_mem = '512MB'`);
  await run(`SET session_replication_role = replica`);
  await run(`INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, facts, node_key_hash)
    SELECT gen_random_uuid(), gen_random_uuid(), 'bench', 'host-' || n, '{"platform": "debian"}', sha256(n::text::bytea) FROM generate_series(1, ${HOSTS}) n`);
  await run(
    `INSERT INTO scripts (name, content_sha256) SELECT 'script-' || n || '.sh', sha256('${CONTENTS}') FROM generate_series(1, ${SCRIPTS}) n`,
  );
  await run(`INSERT INTO script_instances (script_id, name, start_trigger, stop_trigger)
    SELECT s.id, 'instance-' || n, '{"type": "manual"}', '{"type": "manual"}' FROM scripts s, generate_series(1, ${INSTANCES_PER_SCRIPT}) n ORDER BY s.id, n`);
  await run(`INSERT INTO instance_series (instance_id, script_id, script_name, instance_name, content_sha256, current, first_run, last_run)
    SELECT i.id, s.id, s.name, i.name, sha256(c::text::bytea), c = ${CONTENTS}, 0, 0
    FROM script_instances i JOIN scripts s ON s.id = i.script_id, generate_series(1, ${CONTENTS}) c ORDER BY i.id, c`);
  await run(`INSERT INTO instance_terms (digest, term) VALUES
    ('1', '{"arguments": ["-v", "--arg1", "value1"], "trigger": {"type": "xpath", "setting": "/networking/eth0"}}'),
    ('2', '{"arguments": [], "trigger": {"type": "manual", "username": "somebody@example.com"}}'),
    ('3', '{"type": "system"}'), ('4', '{"type": "manual", "username": "somebody@example.com"}')`);
  const { rows } = await client.query(
    `SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'instance_runs' AND indexname <> 'instance_runs_pkey'`,
  );
  for (const { indexname } of rows) await run(`DROP INDEX ${indexname}`);
  await run(`ALTER TABLE instance_runs DROP CONSTRAINT instance_runs_pkey`);
  const turn = `least(${CONTENTS - 1}, 1 + (n * ${CONTENTS - 1} / ${Math.ceil(RUNS * (1 - CURRENT))})::int)`;
  await run(`INSERT INTO instance_runs (id, host_id, series_id, outcome, started_ms, duration_ms, start_term, stop_term)
    SELECT n, 1 + abs(hashint8(n)) % ${HOSTS}, (i - 1) * ${CONTENTS} + CASE WHEN n > ${RUNS * (1 - CURRENT)} THEN ${CONTENTS}
        WHEN i % 10 = 0 THEN 1 + (r * 1000000)::int % ${CONTENTS - 1} ELSE ${turn} END,
      CASE WHEN r < 0.88 THEN 0 WHEN r < 0.98 THEN 1 + (r * 1000000)::int % 255 WHEN r < 0.995 THEN -(1 + (r * 1000000)::int % 15) ELSE -103 END,
      1743335196000 + n * 100, (r * 100000)::int, 1 + (r * 1000)::int % 2, CASE WHEN r >= 0.98 THEN 3 + (r * 10000)::int % 2 END
    FROM (SELECT n, 1 + abs(hashint8(n + 77)) % ${SCRIPTS * INSTANCES_PER_SCRIPT} AS i, random() AS r FROM generate_series(1::bigint, ${RUNS}) n) x`);
  await run(`ALTER TABLE instance_runs ADD CONSTRAINT instance_runs_pkey PRIMARY KEY (id)`);
  for (const { indexdef } of rows) await run(indexdef);
  await run(`INSERT INTO instance_outcomes SELECT DISTINCT series_id, outcome FROM instance_runs`);
  await run(`UPDATE instance_series s SET first_run = x.first, last_run = x.last + 5000
    FROM (SELECT series_id, min(id) AS first, max(id) AS last FROM instance_runs GROUP BY 1) x WHERE x.series_id = s.id`);
  for (const table of [
    'instance_runs',
    'instance_outcomes',
    'instance_series',
    'instance_terms',
    'hosts',
    'scripts',
    'script_instances',
  ])
    await run(`VACUUM ANALYZE ${table}`);
  // What was written in one go here was written over months elsewhere: nothing of it is still to be put on disk.
  await run('CHECKPOINT');
}
