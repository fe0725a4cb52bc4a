import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { commits, requests, socketRoundTrips, stdinSpawns } from './lib/bare-parts.mjs';
import { cpuSeconds, memoryOf, openStand, watchMemory } from './lib/stand.mjs';
import { HEADER, percentile, row } from './lib/stats.mjs';

const RUNS = 200;
/** As for script-run: until the code that a run passes through is compiled. */
const WARM_UP = 2000;
/** Exactly 1,000,000,000 bytes, in lines that differ. */
const LARGE = 'seq 1 111111110; echo; echo';
const GIGABYTE = 1_000_000_000;
const KEEP_ALL = 2 * GIGABYTE;
/** Sessions that write at the same time, two on each host, and bytes of each. */
const HOSTS = 8;
const OF_EACH = 25_000_000;
/** Memory may rise by so much, in MB, from the first quarter of the bytes to the end. */
const RISE = 64;

/**
 * A trivial session from the POST to its stored result; 1 GB of output through one session, kept whole and cut; and through many
 * sessions at once.
 */
export async function run(root) {
  const stand = await openStand(root);
  try {
    const { child, host } = await stand.agent('bench-1');
    const connection = (name, more) =>
      stand.api.post('/api/connections', {
        name,
        type: 'custom',
        command: ['/bin/bash'],
        agent_id: host.uuid,
        ...more,
      });
    await connection('bash');
    await connection('bash-whole', { output_cap_bytes: KEEP_ALL });
    await trivial(stand);
    const pids = { agent: child.pid, server: stand.server.pid };
    await large(stand, pids, 'bash', 'cut to the first and last 32 MiB');
    const whole = await large(stand, pids, 'bash-whole', 'kept whole');
    await readBack(stand, pids, whole);
    await many(stand, connection);
  } finally {
    await stand.close();
  }
}

async function trivial(stand) {
  const times = await storedTimes(stand);
  const parts = {
    'bare: spawn of bash with `echo hello` on stdin': await stdinSpawns(RUNS, '/bin/bash'),
    'bare: one-row insert, committed': await commits(RUNS, stand.postgres.url),
    'bare: Socket.IO message and acknowledgement': await socketRoundTrips(RUNS),
    'bare: HTTP request to this server, no database': await requests(RUNS, `${stand.url}/healthz`),
  };
  console.log(HEADER);
  console.log(row('POST → stored result of `echo hello` through bash', times.total));
  console.log(row(`  the same, of the first ${RUNS} runs after a start`, times.cold));
  console.log(row('POST → answer with the result', times.answered));
  for (const [label, samples] of Object.entries(parts)) console.log(row(label, samples));
  const [spawned, commit, socket, http] = Object.values(parts).map((samples) => percentile(samples, 0.5));
  const p50 = percentile(times.total, 0.5);
  const share = (part) => `${part.toFixed(1)} ms (${Math.round((100 * part) / p50)} %)`;
  // Committed on the way: the request, the claim, the result. On the wire: the request, the order, the report.
  console.log(
    `  of the median: spawn ${share(spawned)}, 3 commits ${share(3 * commit)}, transport ${share(http + 2 * socket)}, ` +
      `the rest ${share(p50 - spawned - 3 * commit - http - 2 * socket)}`,
  );
}

/** From the moment a POST leaves until the commit that holds its result, by PostgreSQL's own commit timestamps. */
async function storedTimes(stand) {
  const began = new Map();
  const answered = [];
  for (let i = 0; i < WARM_UP + RUNS; i++) {
    const start = performance.now();
    const result = await stand.api.post('/api/sessions', { connection: 'bash', script: 'echo hello' });
    if (result.output !== 'hello\n') throw new Error(`unexpected result ${JSON.stringify(result)}`);
    began.set(result.session_id, performance.timeOrigin + start);
    if (i >= WARM_UP) answered.push(performance.now() - start);
  }
  const client = new pg.Client({ connectionString: stand.postgres.url });
  await client.connect();
  const { rows } = await client.query(
    `SELECT e.uuid, extract(epoch FROM pg_xact_commit_timestamp(t.xmin)) * 1000 AS stored
       FROM executions e JOIN targets t ON t.execution_id = e.id WHERE e.uuid = ANY($1)`,
    [[...began.keys()]],
  );
  await client.end();
  const stored = new Map(rows.map((each) => [each.uuid, Number(each.stored) - began.get(each.uuid)]));
  const times = [...began.keys()].map((uuid) => stored.get(uuid));
  return { total: times.slice(WARM_UP), cold: times.slice(0, RUNS), answered };
}

/** @returns the session's id */
async function large(stand, pids, connection, how) {
  const before = memoryOf(pids);
  const cpu = () => Object.values(pids).map(cpuSeconds);
  const spent = cpu();
  const watch = watchMemory(pids);
  const began = performance.now();
  let session = await stand.api.post('/api/sessions?wait=0', { connection, script: LARGE });
  const id = session.session_id;
  for (;;) {
    session = await stand.api.get(`/api/sessions/${id}?wait=300`);
    if (session.status === 'done') break;
  }
  const seconds = (performance.now() - began) / 1000;
  if (session.exit_code !== 0) throw new Error(`the large session failed: ${JSON.stringify(session)}`);
  const written = session.event_size - session.script_size;
  if (written !== GIGABYTE) throw new Error(`${written} bytes were counted instead of ${GIGABYTE}`);
  console.log(
    `  1 GB through one session, ${how}: ${(GIGABYTE / 1e6 / seconds).toFixed(1)} MB/s (${seconds.toFixed(1)} s)`,
  );
  const used = cpu().map((total, i) => `${Object.keys(pids)[i]} ${(total - spent[i]).toFixed(1)} s`);
  console.log(`    CPU: ${used.join(', ')}; the rest is the script and PostgreSQL`);
  tellMemory(watch.stop(), before);
  await delay(1000);
  return id;
}

/** The same out of the ledger again, as one stream of text. */
async function readBack(stand, pids, id) {
  const before = memoryOf({ server: pids.server });
  const watch = watchMemory({ server: pids.server });
  const began = performance.now();
  const bytes = await new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${stand.token}` };
    get(`${stand.url}/api/sessions/${id}/result/stream`, { headers }, (answer) => {
      let length = 0;
      answer.on('data', (part) => (length += part.length));
      answer.once('end', () => resolve(length)).once('error', reject);
    }).once('error', reject);
  });
  const seconds = (performance.now() - began) / 1000;
  if (bytes !== GIGABYTE) throw new Error(`${bytes} bytes came back instead of ${GIGABYTE}`);
  console.log(
    `  the same read as one stream: ${(bytes / 1e6 / seconds).toFixed(1)} MB/s (${seconds.toFixed(1)} s)`,
  );
  tellMemory(watch.stop(), before);
}

/** The server's memory while more comes from many hosts than can be stored at once. */
async function many(stand, connection) {
  const names = [];
  for (let i = 0; i < HOSTS; i++) {
    const { host } = await stand.agent(`bench-many-${i}`);
    await connection(`many-${i}`, { agent_id: host.uuid, output_cap_bytes: KEEP_ALL });
    names.push(`many-${i}`, `many-${i}`);
  }
  const pids = { server: stand.server.pid };
  const before = memoryOf(pids);
  const watch = watchMemory(pids);
  const began = performance.now();
  const script = `seq 1 ${OF_EACH} | head -c ${OF_EACH}`;
  await Promise.all(
    names.map(async (name) => {
      let session = await stand.api.post('/api/sessions?wait=0', { connection: name, script });
      const id = session.session_id;
      do session = await stand.api.get(`/api/sessions/${id}?wait=300`);
      while (session.status !== 'done');
      const written = session.event_size - session.script_size;
      if (written !== OF_EACH) throw new Error(`${written} bytes were counted instead of ${OF_EACH}`);
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  const megabytes = (names.length * OF_EACH) / 1e6;
  console.log(
    `  ${megabytes} MB through ${names.length} sessions on ${HOSTS} hosts at once, kept whole: ${(megabytes / seconds).toFixed(1)} MB/s (${seconds.toFixed(1)} s)`,
  );
  tellMemory(watch.stop(), before);
}

/** The course of each process's memory in ten steps of time, and whether it stays where it was after the first quarter. */
function tellMemory(samples, before) {
  for (const [name, course] of Object.entries(samples)) {
    const step = (i) =>
      course.slice(Math.floor((i * course.length) / 10), Math.ceil(((i + 1) * course.length) / 10));
    const peaks = Array.from({ length: 10 }, (_, i) => Math.max(...step(i)));
    const quarter = Math.max(...course.slice(0, Math.ceil(course.length / 4)));
    const rise = Math.max(...course) - quarter;
    console.log(
      `    ${name.padEnd(8)}${before[name].toFixed(0)} MB before, peak ${Math.max(...course).toFixed(0)}; each tenth of the time: ` +
        `${peaks.map((peak) => peak.toFixed(0)).join(' ')} → flat ${rise < RISE ? 'yes' : `NO: +${rise.toFixed(0)}`}`,
    );
  }
}
