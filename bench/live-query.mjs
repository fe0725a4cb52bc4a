import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { clearTimeout, setTimeout } from 'node:timers';
import { setTimeout as delay } from 'node:timers/promises';
import WebSocket from 'ws';
import { cpuSeconds, openStand, residentMegabytes } from './lib/stand.mjs';
import { percentile } from './lib/stats.mjs';
import { startSwarm } from './lib/swarm.mjs';

const HOSTS = 10_000;
const SQL = 'select name, version from os_version';
/** Id of the built-in label. */
const ALL_HOSTS = 1;
const WARM_UP = 3;
const ROUNDS = 9;
const IDLE_SECONDS = 10;
/** Between rounds: what the last one left is done. */
const PAUSE_MS = 500;
const ROUND_WITHIN_MS = 60_000;
/** The hosts answer at once, all with one row: nothing but the server decides how long it takes. */
const BEHAVIOUR = ['--answer-delay', '0ms', '--answer-failures', '0', '--rows', '1', '--row-bytes', '60'];
const BARS = { finishedMs: 1500, firstMs: 50, ratio: 3, kilobytesPerAgent: 30 };

/** One live query to 10,000 hosts, from the POST to the last row at a subscriber, beside bare Socket.IO in the same run. */
export async function run(root) {
  const muster = await throughMuster(root);
  const bare = await throughBareSocketIo(root);
  const bars = [['memory per idle agent', muster.kilobytesPerAgent, BARS.kilobytesPerAgent, 'KB']];
  if (muster.rounds !== null) {
    const finished = median(muster.rounds, 'finished');
    bars.push(
      ['first row, median', median(muster.rounds, 'first'), BARS.firstMs, 'ms'],
      ['finished, median', finished, BARS.finishedMs, 'ms'],
      ['finished, ratio to bare', finished / median(bare, 'finished'), BARS.ratio, '×'],
    );
  }
  for (const [label, value, bar, unit] of bars)
    console.log(
      `  bar: ${label} < ${bar} ${unit}: ${value < bar ? 'met' : 'MISSED'} (${value.toFixed(1)} ${unit})`,
    );
}

async function throughMuster(root) {
  const stand = await openStand(root);
  try {
    const { pid } = stand.server;
    // What the first requests load belongs to the server, not to its agents.
    await delay(2000);
    const before = residentMegabytes(pid);
    const swarm = await startSwarm(root, stand, HOSTS, BEHAVIOUR);
    const { enroll_seconds: enrolled, connect_seconds: connected } = swarm.arrival;
    console.log(
      `  ${HOSTS} hosts: enrolled in ${enrolled.toFixed(1)} s, connected in ${connected.toFixed(1)} s`,
    );
    const kilobytesPerAgent = await idle(pid, swarm, before);
    const rounds = await liveQueries(stand, pid);
    await swarm.stop();
    return { kilobytesPerAgent, rounds };
  } finally {
    await stand.close();
  }
}

/** @returns resident kilobytes of the server for each agent that is connected and does nothing */
async function idle(pid, swarm, before) {
  const cpu = [cpuSeconds(pid), cpuSeconds(swarm.pid)];
  await delay(IDLE_SECONDS * 1000);
  const percent = (seconds) => `${((seconds / IDLE_SECONDS) * 100).toFixed(1)} %`;
  const after = residentMegabytes(pid);
  const each = ((after - before) * 1024) / HOSTS;
  console.log(
    `  idle: server ${before.toFixed(0)} MB → ${after.toFixed(0)} MB, ${each.toFixed(1)} KB per agent, ${percent(cpuSeconds(pid) - cpu[0])} CPU; ` +
      `swarm ${residentMegabytes(swarm.pid).toFixed(0)} MB, ${percent(cpuSeconds(swarm.pid) - cpu[1])} CPU`,
  );
  return each;
}

async function liveQueries(stand, pid) {
  const body = { query: SQL, selected: { labels: [ALL_HOSTS] } };
  const rounds = [];
  for (let i = -WARM_UP; i < ROUNDS; i++) {
    const cpu = cpuSeconds(pid);
    const round = await liveQuery(stand, body).catch((error) => error);
    if (round instanceof Error) {
      if (!/: 404 /.test(round.message)) throw round;
      console.log('  Muster: this server has no live queries yet');
      return null;
    }
    if (i >= 0) rounds.push({ ...round, cpu: (cpuSeconds(pid) - cpu) * 1000 });
    await delay(PAUSE_MS);
  }
  console.log(line('Muster: POST → first row', rounds, 'first'));
  console.log(line(`Muster: POST → finished, ${HOSTS} results counted`, rounds, 'finished'));
  console.log(line('  CPU of the server', rounds, 'cpu'));
  console.log(`  server afterwards: ${residentMegabytes(pid).toFixed(0)} MB`);
  return rounds;
}

/** One campaign and one subscriber, whose connection is open and signed in already, as a browser's would be. */
async function liveQuery(stand, body) {
  const socket = new WebSocket(`${stand.url.replace(/^http/, 'ws')}/api/v1/fleet/results/websocket`, {
    handshakeTimeout: 5000,
  });
  try {
    // Refused where there are no live queries, which the POST will say.
    await new Promise((resolve) => socket.once('open', resolve).once('error', resolve));
    const send = (type, data) =>
      socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify({ type, data }));
    send('auth', { token: stand.token });
    const began = performance.now();
    const { campaign } = await stand.api.post('/api/v1/fleet/queries/run', body);
    send('select_campaign', { campaign_id: campaign.id });
    return await results(socket, began);
  } finally {
    socket.terminate();
  }
}

function results(socket, began) {
  return new Promise((resolve, reject) => {
    const hosts = new Set();
    let first = 0;
    let finished = false;
    const fail = (why) => reject(new Error(`live query: ${why} after ${hosts.size} of ${HOSTS} results`));
    const timer = setTimeout(() => fail('no end'), ROUND_WITHIN_MS);
    socket.once('close', () => fail('connection closed')).once('error', (error) => fail(error.message));
    socket.on('message', (text) => {
      const { type, data } = JSON.parse(text);
      if (type === 'error') return fail(String(data));
      if (type === 'result') {
        if (hosts.size === 0) first = performance.now() - began;
        hosts.add(data.host.id);
      } else if (type === 'status') finished = data.status === 'finished';
      if (!finished || hosts.size < HOSTS) return;
      clearTimeout(timer);
      resolve({ first, finished: performance.now() - began });
    });
  });
}

/** The same hosts and the same messages; the server does nothing but pass them. */
async function throughBareSocketIo(root) {
  const child = spawn(process.execPath, [join(root, 'bench/lib/bare-query-server.mjs')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value);
  try {
    const { port } = await next();
    const swarm = await startSwarm(
      root,
      { url: `http://127.0.0.1:${port}`, secret: 'any' },
      HOSTS,
      BEHAVIOUR,
    );
    const rounds = [];
    for (let i = -WARM_UP; i < ROUNDS; i++) {
      const cpu = cpuSeconds(child.pid);
      child.stdin.write('go\n');
      const round = await next();
      if (i >= 0) rounds.push({ ...round, cpu: (cpuSeconds(child.pid) - cpu) * 1000 });
      await delay(PAUSE_MS);
    }
    await swarm.stop();
    console.log(line('bare Socket.IO: order → first answer', rounds, 'first'));
    console.log(line(`bare Socket.IO: order → ${HOSTS} answers acknowledged`, rounds, 'finished'));
    console.log(line('  CPU of the bare server', rounds, 'cpu'));
    return rounds;
  } finally {
    child.kill();
  }
}

function median(rounds, name) {
  return percentile(
    rounds.map((round) => round[name]),
    0.5,
  );
}

function line(label, rounds, name) {
  const samples = rounds.map((round) => round[name]);
  return `  ${label.padEnd(56)} median ${percentile(samples, 0.5).toFixed(0)} ms, p90 ${percentile(samples, 0.9).toFixed(0)} ms`;
}
