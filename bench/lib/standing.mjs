import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { cpuSeconds, openStand, residentMegabytes } from './stand.mjs';
import { percentile } from './stats.mjs';
import { startSwarm } from './swarm.mjs';

const HOSTS = Number(process.env.BENCH_HOSTS ?? 10_000);
const ROUNDS = 6;
const SETTLED_WITHIN_MS = 60_000;
/** What a host of an ordinary fleet does in an hour. */
const LABELS = 20;
const POLICIES = 30;
const SCHEDULES = 5;
/** Seconds between two evaluations while the steady cost is measured; an hour's share of it is reported. */
const INTERVAL = 120;
const STEADY_SECONDS = 120;
const HOUR = 3600;
const BAR_MS = 10_000;

/** Standing work of 10,000 hosts: how long a changed label takes to settle, and what an hour of it costs the server. */
export async function standing(root) {
  const stand = await openStand(root);
  const client = new pg.Client({ connectionString: stand.postgres.url });
  try {
    await client.connect();
    const swarm = await startSwarm(root, stand, HOSTS, ['--answer-delay', '0ms']);
    console.log(`  ${HOSTS} hosts: connected in ${swarm.arrival.connect_seconds.toFixed(1)} s`);
    const settled = await changedLabels(stand, client);
    await steady(stand, client, swarm);
    await swarm.stop();
    const worst = Math.max(...settled);
    console.log(
      `  bar: a changed label settles for ${HOSTS} hosts < ${BAR_MS} ms: ${worst < BAR_MS ? 'met' : 'MISSED'} (worst ${worst.toFixed(0)} ms)`,
    );
  } finally {
    await client.end();
    await stand.close();
  }
}

/** A label that is changed again and again: from the POST of its spec to the commit of the last host that joins or leaves. */
async function changedLabels(stand, client) {
  const { pid } = stand.server;
  const took = [];
  const cpu = cpuSeconds(pid);
  for (let i = 0; i < ROUNDS; i++) {
    // The share of simulated hosts on which it is true.
    const share = i % 2 === 0 ? 100 : 0;
    const specs = [{ name: 'changing', query: `select 1 -- ${share}%` }];
    const began = performance.now();
    await stand.api.post('/api/v1/fleet/spec/labels', { specs });
    await until(async () => (await members(client, 'changing')) === (HOSTS * share) / 100);
    took.push(performance.now() - began);
    await delay(500);
  }
  const each = (((cpuSeconds(pid) - cpu) / ROUNDS / HOSTS) * 1e6).toFixed(0);
  console.log(
    `  changed label → membership of all committed: median ${percentile(took, 0.5).toFixed(0)} ms, worst ${Math.max(...took).toFixed(0)} ms; ` +
      `server ${each} µs CPU per host`,
  );
  return took;
}

/** @returns how many hosts are in the label */
async function members(client, name) {
  const { rows } = await client.query(
    'SELECT count(*)::int AS count FROM label_membership WHERE label_id = (SELECT id FROM labels WHERE name = $1)',
    [name],
  );
  return rows[0].count;
}

/** The cost of evaluating and reporting again and again, with nothing new, as one host's share of a core over an hour. */
async function steady(stand, client, swarm) {
  const { pid } = stand.server;
  const before = cpuSeconds(pid);
  await delay(10_000);
  const idle = (cpuSeconds(pid) - before) / 10;
  await client.query(
    `INSERT INTO policies (name, query) SELECT 'policy ' || i, 'select 1 -- ' || i || '%' FROM generate_series(1, $1::int) i`,
    [POLICIES],
  );
  await client.query(
    `INSERT INTO queries (name, query, saved, "interval") SELECT 'scheduled ' || i, 'select 1', true, $2 FROM generate_series(1, $1::int) i`,
    [SCHEDULES, INTERVAL],
  );
  const rest = LABELS - 1;
  await client.query(
    `INSERT INTO labels (name, query) SELECT 'label ' || i, 'select 1 -- 50%' FROM generate_series(1, $1::int) i`,
    [rest],
  );
  const { team } = await stand.api.post('/api/v1/fleet/teams', { name: 'Bench' });
  await client.query('UPDATE hosts SET team_id = $1', [team.id]);
  // Tells the server that everything is to be read again.
  await stand.api.post(`/api/v1/fleet/teams/${team.id}/agent_options`, {
    label_interval: INTERVAL,
    policy_interval: INTERVAL,
  });
  const began = performance.now();
  const results = async () =>
    (
      await client.query(
        'SELECT (SELECT count(*) FROM policy_results) + (SELECT count(*) FROM query_results) AS n',
      )
    ).rows[0].n;
  await until(async () => Number(await results()) === HOSTS * (POLICIES + SCHEDULES), 180_000);
  console.log(
    `  ${POLICIES} new policies and ${SCHEDULES} new schedules: first results of all in ${((performance.now() - began) / 1000).toFixed(1)} s (schedules begin within their interval)`,
  );
  await swarm.reset();
  const cpu = cpuSeconds(pid);
  await delay(STEADY_SECONDS * 1000);
  const used = (cpuSeconds(pid) - cpu) / STEADY_SECONDS - idle;
  const { counts, latencies_ms } = await swarm.stats();
  const perFinding = (used * STEADY_SECONDS) / counts.findings;
  console.log(
    `  steady, every ${INTERVAL} s: ${LABELS} labels, ${POLICIES} policies and ${SCHEDULES} snapshots of one row: server ${(used * 100).toFixed(0)} % of a core over its idle ${(idle * 100).toFixed(0)} %, ` +
      `${residentMegabytes(pid).toFixed(0)} MB; ${counts.findings} messages, ${(perFinding * 1e6).toFixed(0)} µs CPU each, acknowledged in ${latencies_ms.findings.p50} ms (p99 ${latencies_ms.findings.p99})`,
  );
  // A host's hour: labels once, policies once, each schedule once.
  const share = (used * INTERVAL) / HOSTS;
  console.log(
    `  once each per hour: ${(share * 1000).toFixed(1)} ms CPU of the server per host and hour (${(((share * HOSTS) / HOUR) * 100).toFixed(1)} % of a core for ${HOSTS} hosts)`,
  );
}

async function until(question, ms = SETTLED_WITHIN_MS) {
  for (const end = Date.now() + ms; ;) {
    if (await question()) return;
    if (Date.now() > end) throw new Error(`waited ${ms / 1000} s in vain`);
    await delay(20);
  }
}
