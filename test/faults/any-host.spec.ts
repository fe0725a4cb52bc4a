import { setTimeout as delay } from 'node:timers/promises';
import { isFinal, type TargetState } from '#libs/executions/states';
import { startAgent } from '#libs/testing/index';
import { countOf, Lab } from './support/lab.js';
import { Random } from './support/random.js';
import { expectLawfulTransitions, inDatabase } from './support/transitions.js';
import { eventually } from './support/workload.js';

const ROUNDS = Number(process.env.FAULT_RUNS ?? 6);
const SEED = Number(process.env.FAULT_SEED ?? Date.now() % 1_000_000);
/** Per round; twice as many as three hosts run at once, so that every host has a queue. */
const COMMANDS = 24;

interface Row {
  uuid: string;
  host_id: number;
  state: TargetState;
  reason: string | null;
}

/*
 * `_any` is on one host after another while nothing has started, and never on two: agents are killed with full queues, the
 * server while it moves what was in them. Each command writes a byte into a file of its own.
 */
describe(`${ROUNDS * COMMANDS} commands on any host, and hosts and server die (seed ${SEED})`, () => {
  it('start at most once, on whichever host', async () => {
    const random = new Random(SEED);
    const lab = await Lab.open({ env: { MUSTER_HEARTBEAT_SECONDS: '1', MUSTER_LEASE_SECONDS: '5' } });
    const agents = Array.from({ length: 3 }, (_, i) =>
      startAgent({ server: lab.server, hostname: `any-${i}` }),
    );
    await Promise.all(agents.map((agent) => lab.online(agent)));

    const odd: string[] = [];
    const commands: { uuid: string; counter: string }[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const counters = Array.from({ length: COMMANDS }, (_, i) => lab.counter(`any-${round}-${i}`));
      const accepted = counters.map(async (counter, i) => {
        commands.push({ uuid: await submit(lab, `key-${round}-${i}`, counter, odd), counter });
      });
      await delay(random.between(100, 600));
      const victim = random.pick(agents);
      await victim.kill();
      if (round % 2 === 1) {
        await delay(random.between(0, 2_500));
        await lab.server.kill();
        await lab.server.restart();
      }
      await delay(random.between(500, 2_500));
      await victim.restart();
      await Promise.all(accepted);
    }
    await eventually('all ends', 120_000, async () =>
      (await rowsOf(lab)).every(({ state }) => isFinal(state)),
    );

    const rows = await rowsOf(lab);
    const count = (is: (row: Row) => boolean): number => rows.filter(is).length;
    process.stdout.write(
      `any-host: seed ${SEED}, ${commands.length} commands, ${count(({ reason }) => reason === 'host_offline')} moves, ` +
        `${count(({ state }) => state === 'finished')} finished, ${count(({ state }) => state === 'lost')} lost\n`,
    );
    expect(odd).toEqual([]);
    await expectLawfulTransitions(lab.databaseUrl);
    expect(new Set(commands.map(({ uuid }) => uuid)).size).toBe(ROUNDS * COMMANDS);
    expect(commands.flatMap(({ uuid, counter }) => wrongAbout(uuid, countOf(counter), rows))).toEqual([]);
  }, 300_000);
});

function wrongAbout(uuid: string, starts: number, rows: readonly Row[]): string[] {
  const own = rows.filter((row) => row.uuid === uuid);
  const ran = own.filter((row) => row.state === 'finished').length;
  const lost = own.filter((row) => row.state === 'lost').length;
  const hosts = new Set(own.map((row) => row.host_id)).size;
  const known = starts === ran || (starts <= 1 && lost === 1);
  return known && ran + lost <= 1 && hosts === own.length
    ? []
    : [`${uuid}: ${starts} starts, ${JSON.stringify(own)}`];
}

/** Asks again with the same key until the answer is 202. Answers that a fault does not explain go to `odd`. */
async function submit(lab: Lab, key: string, counter: string, odd: string[]): Promise<string> {
  const body = { command: `printf x >> ${counter}; sleep 0.5`, wait: 0, expires_in: 30 };
  for (;;) {
    const answer = await lab.api
      .post('/node/_any/command/shell', body, { 'idempotency-key': key })
      .catch(() => null);
    if (answer?.status === 202) return (answer.body as { job_id: string }).job_id;
    // Nobody is online right after the server's start.
    const explained = answer === null || answer.status === 503 || /online/.test(JSON.stringify(answer.body));
    if (!explained) odd.push(`${key}: ${answer.status} ${JSON.stringify(answer.body)}`);
    await delay(100);
  }
}

/** All targets, each with its execution's uuid. */
function rowsOf(lab: Lab): Promise<Row[]> {
  const text = `SELECT e.uuid, t.host_id, t.state, t.reason FROM targets t JOIN executions e ON e.id = t.execution_id ORDER BY t.id`;
  return inDatabase(lab.databaseUrl, async (client) => (await client.query<Row>(text)).rows);
}
