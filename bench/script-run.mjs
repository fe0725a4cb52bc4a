import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { commits, fileSpawns, requests, socketRoundTrips } from './lib/bare-parts.mjs';
import { HEADER, percentile, row } from './lib/stats.mjs';
import { cpuSeconds, openStand, residentMegabytes } from './lib/stand.mjs';

const RUNS = 200;
/** Until the code that a run passes through is compiled: from run to run the median falls by a fifth on the way there. */
const WARM_UP = 2000;
const IDLE_SECONDS = 10;

/** POST → stored result of `echo hello` on one host, beside the bare parts in the same run. */
export async function run(root) {
  const stand = await openStand(root);
  try {
    const { child, host, ms } = await stand.agent('bench-1');
    const stored = await storedTimes(stand, host.id);
    const parts = {
      'bare: spawn of /bin/sh FILE with `echo hello`': await fileSpawns(RUNS),
      'bare: one-row insert, committed': await commits(RUNS, stand.postgres.url),
      'bare: Socket.IO message and acknowledgement': await socketRoundTrips(RUNS),
      'bare: HTTP request to this server, no database': await requests(RUNS, `${stand.url}/healthz`),
    };
    console.log(HEADER);
    console.log(row('POST → stored result of `echo hello`', stored.total));
    console.log(row(`  the same, of the first ${RUNS} runs after a start`, stored.cold));
    console.log(row('POST → answer with the result', stored.answered));
    for (const [label, samples] of Object.entries(parts)) console.log(row(label, samples));
    const [spawned, commit, socket, http] = Object.values(parts).map((samples) => percentile(samples, 0.5));
    const p50 = percentile(stored.total, 0.5);
    const share = (part) => `${part.toFixed(1)} ms (${Math.round((100 * part) / p50)} %)`;
    // Committed on the way: the request, the claim, the result. On the wire: the request, the order, the report.
    console.log(
      `  of the median: spawn ${share(spawned)}, 3 commits ${share(3 * commit)}, transport ${share(http + 2 * socket)}, ` +
        `the rest ${share(p50 - spawned - 3 * commit - http - 2 * socket)}`,
    );
    console.log(
      `  bars: p50 < 10 ms ${p50 < 10 ? 'met' : 'MISSED'}, p99 < 30 ms ${percentile(stored.total, 0.99) < 30 ? 'met' : 'MISSED'}`,
    );
    const restarted = await restart(stand, child);
    const before = [stand.server.pid, restarted.child.pid].map(cpuSeconds);
    await delay(IDLE_SECONDS * 1000);
    const idle = [stand.server.pid, restarted.child.pid].map((pid, i) =>
      ((100 * (cpuSeconds(pid) - before[i])) / IDLE_SECONDS).toFixed(2),
    );
    console.log(
      `  agent: start to online ${ms.toFixed(0)} ms the first time (enrolment), ${restarted.ms.toFixed(0)} ms again`,
    );
    console.log(
      `  agent: ${residentMegabytes(restarted.child.pid).toFixed(0)} MB resident when idle, ${idle[1]} % CPU`,
    );
    console.log(
      `  server: ${residentMegabytes(stand.server.pid).toFixed(0)} MB resident after the runs, ${idle[0]} % CPU idle`,
    );
  } finally {
    await stand.close();
  }
}

/**
 * From the moment a POST leaves until the commit that holds its result, by PostgreSQL's own commit timestamps; and until
 * the answer with the result is there.
 */
async function storedTimes(stand, hostId) {
  const began = new Map();
  const answered = [];
  for (let i = 0; i < WARM_UP + RUNS; i++) {
    const start = performance.now();
    const result = await stand.api.post('/api/v1/fleet/scripts/run/sync', {
      host_id: hostId,
      script_contents: 'echo hello',
    });
    if (result.output !== 'hello\n') throw new Error(`unexpected result ${JSON.stringify(result)}`);
    began.set(result.execution_id, performance.timeOrigin + start);
    if (i >= WARM_UP) answered.push(performance.now() - start);
  }
  const client = new pg.Client({ connectionString: stand.postgres.url });
  await client.connect();
  const { rows } = await client.query(
    'SELECT uuid, extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000 AS stored FROM targets WHERE uuid = ANY($1)',
    [[...began.keys()]],
  );
  await client.end();
  const stored = new Map(rows.map((row) => [row.uuid, Number(row.stored) - began.get(row.uuid)]));
  const times = [...began.keys()].map((uuid) => stored.get(uuid));
  return { total: times.slice(WARM_UP), cold: times.slice(0, RUNS), answered };
}

async function restart(stand, child) {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
  return stand.agent('bench-1');
}
