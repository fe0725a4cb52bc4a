import { setTimeout as delay } from 'node:timers/promises';
import { type ExecutionDto } from '#libs/executions/executions.dto';
import { isFinal, type TargetState } from '#libs/executions/states';
import { startAgent, startProxy, until } from '#libs/testing/index';
import { type AgentKill, Chaos, type Victim } from './support/chaos.js';
import { countOf, Lab } from './support/lab.js';
import { Random } from './support/random.js';
import { expectLawfulTransitions, inDatabase, PolledStates } from './support/transitions.js';
import { type Accepted, drawJob, eventually, type Job, submitUntilAccepted } from './support/workload.js';

const RUNS = Number(process.env.FAULT_RUNS ?? 210);
const AGENTS = 3;
const SEED = Number(process.env.FAULT_SEED ?? Date.now() % 1_000_000);

interface Row {
  uuid: string;
  host_id: number;
  state: TargetState;
  reason: string | null;
  exit_code: number | null;
  attempt_id: string;
  dispatched_at: Date;
  finished_at: Date;
  stdout_bytes: string;
  stderr_bytes: string;
  dropped_bytes: string;
}

/*
 * The promise, as a whole: at most one start, exactly one end, and nothing that an agent knew is lost, while everything
 * is killed, frozen and cut at moments that nobody chose. FAULT_SEED repeats a sequence of faults (not their timing to
 * the microsecond), FAULT_RUNS asks for more.
 */
describe(`${RUNS} scripts, and everything dies (seed ${SEED})`, () => {
  it('start at most once, end exactly once, and tell all that they said', async () => {
    const began = Date.now();
    const random = new Random(SEED);
    const lab = await Lab.open({ databaseUrl: 'embedded', env: { MUSTER_HEARTBEAT_SECONDS: '1' } });
    const victims = await startVictims(lab);
    const hosts = await Promise.all(victims.map(({ agent }) => lab.online(agent)));
    const victimOf = new Map(hosts.map((host, i) => [host.id, victims[i]]));
    const chaos = new Chaos(new Random(SEED + 1), lab.server, victims);
    const odd: string[] = [];

    const over = new AbortController();
    const raging = [chaos.rage(over.signal, [50, 600]), chaos.rage(over.signal, [100, 1500])];
    const watching = watch(lab, over.signal);
    const jobs = Array.from({ length: RUNS }, (_, i) =>
      drawJob(random, i, hosts[random.between(0, AGENTS - 1)]!.id, lab.counter(`counter-${i}`)),
    );
    const accepted = await submitAll(lab, random, jobs, odd).finally(() => over.abort());
    await Promise.all(raging);
    await chaos.heal();
    await eventually('all ends', 90_000, async () => (await countEnded(lab)) === RUNS);
    const polled = await watching;

    const rows = await readRows(lab);
    const lost = rows.filter((row) => row.state === 'lost');
    const kills = Object.entries(chaos.counts).map(([name, count]) => `${name} ${count}`);
    process.stdout.write(
      `at-most-once: seed ${SEED}, ${rows.length} runs, ${lost.length} lost, ${kills.join(', ')}, ` +
        `server gave up ${chaos.serverGaveUp}, ${polled.looks} looks, ${Math.round((Date.now() - began) / 1000)} s\n`,
    );

    expect(odd).toEqual([]);
    expect(polled.wrong).toEqual([]);
    await expectLawfulTransitions(lab.databaseUrl);
    expect(new Set(accepted.map(({ uuid }) => uuid)).size).toBe(RUNS);
    expect(rows).toHaveLength(RUNS);
    expect(await disagreements(lab, rows)).toEqual([]);
    const wrong = await Promise.all(
      jobs.map(async (job, i) => {
        const row = rows.find(({ uuid }) => uuid === accepted[i]?.uuid);
        if (row === undefined) return [`${job.key} is not in the ledger`];
        const what = await wrongAbout(lab, job, row, victimOf.get(row.host_id)?.kills ?? []);
        return what.map((text) => `${job.key}, attempt ${row.attempt_id}: ${text}`);
      }),
    );
    expect(wrong.flat()).toEqual([]);
    expect(wrongAboutJournals(rows, victims)).toEqual([]);
  }, 360_000);
});

/** The first agent dials the server itself; between the others and it, connections can be broken. */
async function startVictims(lab: Lab): Promise<Victim[]> {
  return Promise.all(
    Array.from({ length: AGENTS }, async (_, i) => {
      const proxy = i === 0 ? null : await startProxy(lab.server.url);
      const { enrollSecret, admin, url } = lab.server;
      const agent = startAgent({
        server: { url: proxy?.url ?? url, enrollSecret, admin },
        hostname: `victim-${i}`,
      });
      return { agent, proxy, kills: [] };
    }),
  );
}

/** A few at a time, so that requests meet the faults too. */
async function submitAll(lab: Lab, random: Random, jobs: readonly Job[], odd: string[]): Promise<Accepted[]> {
  const accepted: Promise<Accepted>[] = [];
  for (const job of jobs) {
    await delay(random.between(0, 300));
    accepted.push(submitUntilAccepted(lab.api, job, odd));
  }
  return Promise.all(accepted);
}

async function list(lab: Lab): Promise<ExecutionDto[]> {
  const { status, body } = await lab.api.get('/api/v1/executions?limit=1000');
  if (status !== 200) throw new Error(`list: ${status}`);
  return (body as { executions: ExecutionDto[] }).executions;
}

async function countEnded(lab: Lab): Promise<number> {
  const executions = await list(lab);
  return executions.filter(({ targets }) => targets.every(({ state }) => isFinal(state))).length;
}

/** Looks at everything again and again, whatever happens. */
async function watch(lab: Lab, over: AbortSignal): Promise<PolledStates> {
  const seen = new PolledStates();
  while (!over.aborted) {
    const executions = await list(lab).catch(() => []);
    for (const { targets } of executions) for (const { uuid, state } of targets) seen.see(uuid, state);
    await delay(150);
  }
  return seen;
}

function readRows(lab: Lab): Promise<Row[]> {
  return inDatabase(
    lab.databaseUrl,
    async (client) => (await client.query<Row>('SELECT * FROM targets ORDER BY id')).rows,
  );
}

/** Where the API says something else than the database. */
async function disagreements(lab: Lab, rows: readonly Row[]): Promise<string[]> {
  const told = new Map((await list(lab)).flatMap(({ targets }) => targets.map((t) => [t.uuid, t] as const)));
  return rows
    .filter(({ uuid, state, exit_code, reason }) => {
      const target = told.get(uuid);
      return target?.state !== state || target.exit_code !== exit_code || target.reason !== reason;
    })
    .map(({ uuid, state }) => `${uuid}: ${state} in the database, ${told.get(uuid)?.state} in the API`);
}

/** What one run is accused of. */
async function wrongAbout(lab: Lab, job: Job, row: Row, kills: readonly AgentKill[]): Promise<string[]> {
  const wrong: string[] = [];
  const count = countOf(job.counter);
  if (count > 1) wrong.push(`started ${count} times`);
  if (row.state === 'lost') {
    if (row.reason !== 'agent_died') wrong.push(`lost because of ${row.reason}`);
    const inFlight = kills.some(
      ({ from, to, journal }) =>
        to >= row.dispatched_at.getTime() &&
        from <= row.finished_at.getTime() &&
        journal.accepted.has(row.attempt_id) &&
        !journal.ended.has(row.attempt_id),
    );
    if (!inFlight) wrong.push('lost, though its agent was not killed between its start and its end');
    return wrong;
  }
  if (row.state !== 'finished') return [...wrong, `${row.state} (${row.reason})`];
  if (count !== 1) wrong.push(`finished, but its counter is ${count}`);
  if (row.exit_code !== job.exitCode) wrong.push(`exit code ${row.exit_code} instead of ${job.exitCode}`);
  const { stdout, stderr, seqs } = await until(() => lab.output(row.uuid), { what: 'its output' });
  if (stdout !== job.stdout) wrong.push(`stdout has ${stdout.length} bytes instead of ${job.stdout.length}`);
  if (stderr !== job.stderr) wrong.push(`stderr has ${stderr.length} bytes instead of ${job.stderr.length}`);
  if (seqs.some((seq, i) => seq !== i + 1)) wrong.push(`output is numbered ${seqs.join(' ')}`);
  if (Number(row.stdout_bytes) !== job.stdout.length || Number(row.stderr_bytes) !== job.stderr.length)
    wrong.push(`${row.stdout_bytes} and ${row.stderr_bytes} bytes are said to have been written`);
  if (row.dropped_bytes !== '0') wrong.push(`${row.dropped_bytes} bytes were dropped`);
  return wrong;
}

/** Results that an agent had written down when it was killed, and that are not in the ledger. */
function wrongAboutJournals(rows: readonly Row[], victims: readonly Victim[]): string[] {
  const byAttempt = new Map(rows.map((row) => [row.attempt_id, row]));
  const wrong: string[] = [];
  for (const { agent, kills } of victims) {
    for (const { journal } of kills) {
      for (const [attempt, ending] of journal.ended) {
        const row = byAttempt.get(attempt);
        if (row?.state !== ending.outcome || row.exit_code !== ending.exit_code)
          wrong.push(`${agent.hostname} had ${attempt} ${ending.outcome}, the ledger says ${row?.state}`);
      }
    }
  }
  return wrong;
}
