import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { startSshd } from './lib/sshd.mjs';
import { cpuSeconds, openStand } from './lib/stand.mjs';
import { HEADER, percentile, row, sample } from './lib/stats.mjs';
import { startSwarm } from './lib/swarm.mjs';

const HOSTS = 10_000;
const WARM_UP = 2;
const ROUNDS = 7;
const SETTLED_PER_SECOND = 5_000;
const SEQUENTIAL = 2_000;
const SSH = 200;
/** Every host answers at once: nothing but the server and its database decides how long it takes. */
const BEHAVIOUR = ['--script-seconds', '0', '--script-output-bytes', '6', '--script-failures', '0'];

/** One command on 10,000 hosts, from the POST to the last answer; and 2,000 commands on one real agent, one after another. */
export async function run(root) {
  await everywhere(root);
  await oneByOne(root);
}

async function everywhere(root) {
  const stand = await openStand(root);
  const client = new pg.Client({ connectionString: stand.postgres.url });
  try {
    await client.connect();
    const swarm = await startSwarm(root, stand, HOSTS, BEHAVIOUR);
    const postmaster = await postmasterOf(client);
    const rounds = [];
    for (let i = -WARM_UP; i < ROUNDS; i++) {
      const round = await onAll(stand, client, [stand.server.pid, swarm.pid], postmaster);
      if (i >= 0) rounds.push(round);
      await delay(500);
    }
    await swarm.stop();
    const median = (name) =>
      percentile(
        rounds.map((round) => round[name]),
        0.5,
      );
    const worst = (name) => Math.max(...rounds.map((round) => round[name]));
    console.log(`  _all, ${HOSTS} hosts in one process of their own, median of ${ROUNDS} (worst):`);
    const say = (label, name, unit) =>
      console.log(
        `    ${label.padEnd(58)}${median(name).toFixed(0)} ${unit} (${worst(name).toFixed(0)} ${unit})`,
      );
    say('POST → job is in the ledger', 'stored', 'ms');
    say('POST → last target settled, by its commit', 'settled', 'ms');
    say('POST → answer with all results and their output', 'answered', 'ms');
    say('CPU of the server', 'server', 'ms');
    say('CPU of PostgreSQL', 'postgres', 'ms');
    say('CPU of the hosts', 'swarm', 'ms');
    const rate = (HOSTS * 1000) / median('settled');
    console.log(
      `  bar: settled per second ≥ ${SETTLED_PER_SECOND}: ${rate >= SETTLED_PER_SECOND ? 'met' : 'MISSED'} (${rate.toFixed(0)})`,
    );
  } finally {
    await client.end();
    await stand.close();
  }
}

async function onAll(stand, client, [server, swarm], postmaster) {
  const cpu = () => [cpuSeconds(server), postgresSeconds(postmaster), cpuSeconds(swarm)];
  const before = cpu();
  const began = performance.now();
  const { job_id: job, results } = await stand.api.post('/node/_all/command/exec', {
    command: 'echo',
    args: ['hello'],
  });
  const answered = performance.now() - began;
  const failed = results.filter(({ status, exit_code }) => status !== 'ok' || exit_code !== 0);
  if (results.length !== HOSTS || failed.length > 0)
    throw new Error(
      `${results.length} results, ${failed.length} not as they should be: ${JSON.stringify(failed[0])}`,
    );
  const after = cpu();
  const {
    rows: [{ stored, settled, open }],
  } = await client.query(
    `SELECT extract(epoch FROM min(pg_xact_commit_timestamp(e.xmin))) * 1000 AS stored,
       extract(epoch FROM max(pg_xact_commit_timestamp(t.xmin))) * 1000 AS settled, count(*) FILTER (WHERE t.state <> 'finished')::int AS open
     FROM executions e JOIN targets t ON t.execution_id = e.id WHERE e.uuid = $1`,
    [job],
  );
  if (open > 0) throw new Error(`${open} targets have not finished`);
  const since = performance.timeOrigin + began;
  const [serverMs, postgresMs, swarmMs] = after.map((seconds, i) => (seconds - before[i]) * 1000);
  return {
    // The execution's row is written again with its output: the targets of the first claim are older.
    stored: Math.min(Number(stored), Number(settled)) - since,
    settled: Number(settled) - since,
    answered,
    server: serverMs,
    postgres: postgresMs,
    swarm: swarmMs,
  };
}

async function oneByOne(root) {
  const stand = await openStand(root);
  try {
    await stand.agent('bench-1');
    const exec = async () => {
      const { results } = await stand.api.post('/node/bench-1/command/exec', {
        command: 'echo',
        args: ['hello'],
      });
      if (results[0].stdout !== 'hello\n') throw new Error(`unexpected result ${JSON.stringify(results[0])}`);
    };
    console.log(HEADER);
    console.log(row(`echo hello on one agent, ${SEQUENTIAL} one by one`, await sample(SEQUENTIAL, exec)));
    const sshd = await startSshd();
    if (!sshd) return console.log('  ssh: no sshd on this machine');
    try {
      console.log(
        row('ssh over a kept connection, the same', await sample(SSH, () => sshd.run('echo hello'))),
      );
    } finally {
      await sshd.stop();
    }
  } finally {
    await stand.close();
  }
}

async function postmasterOf(client) {
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
  return statOf(rows[0].pid).parent;
}

/** Seconds of CPU of the postmaster and all its children, those that have ended included. */
function postgresSeconds(postmaster) {
  const own = statOf(postmaster);
  let ticks = own.ticks + own.childTicks;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = statOf(name);
      if (stat.parent === postmaster) ticks += stat.ticks;
    } catch {
      // Ended meanwhile.
    }
  }
  return ticks / 100;
}

function statOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ').map(Number);
  return { parent: fields[1], ticks: fields[11] + fields[12], childTicks: fields[13] + fields[14] };
}
