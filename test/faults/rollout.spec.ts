import { writeFileSync } from 'node:fs';
import { type ExecutionDto } from '#libs/executions/executions.dto';
import { startAgent, startServer, until } from '#libs/testing/index';
import { countIn, countOf, Lab } from './support/lab.js';
import { ending, RawAgent } from './support/raw-agent.js';
import {
  expectLawfulTransitions,
  inDatabase,
  seenTransitions,
  waitingForLocks,
} from './support/transitions.js';

let lab: Lab;

async function begin(script: string, more: object): Promise<string> {
  const form = new FormData();
  form.set('script', new Blob([script]), `${Math.random()}.sh`);
  const { body: saved } = await lab.api.post('/api/v1/fleet/scripts', form);
  const { status, body } = await lab.api.post('/api/v1/fleet/scripts/run/batch', {
    script_id: saved.script_id,
    ...more,
  });
  if (status !== 200) throw new Error(`the batch answered ${status}: ${JSON.stringify(body)}`);
  return body.batch_execution_id as string;
}

async function look(uuid: string): Promise<ExecutionDto> {
  return (await lab.api.get(`/api/v1/executions/${uuid}`)).body as ExecutionDto;
}

const done = (uuid: string): Promise<ExecutionDto> =>
  until(
    async () => {
      const execution = await look(uuid);
      return execution.rollout?.state === 'done' ? execution : undefined;
    },
    { timeout: 30_000, what: `the end of ${uuid}` },
  );

describe('a server that dies between two waves', () => {
  beforeAll(async () => {
    lab = await Lab.open();
  });
  afterAll(() => expectLawfulTransitions(lab.databaseUrl));

  async function twoHosts(): Promise<number[]> {
    const agents = [startAgent({ server: lab.server }), startAgent({ server: lab.server })];
    const ids = [];
    for (const agent of agents) ids.push((await agent.online()).id);
    return ids.sort((a, b) => a - b);
  }

  it('goes on when it is back: the wave ended while it was down', async () => {
    const hosts = await twoHosts();
    const [counter, go] = [lab.counter('down'), lab.counter('down-go')];
    const uuid = await begin(`${countIn(counter)}until [ -e '${go}' ]; do sleep 0.02; done\n`, {
      host_ids: hosts,
      batch: 1,
    });
    await until(() => countOf(counter) === 1, { what: 'the first run' });
    await lab.server.kill();
    writeFileSync(go, '');
    await lab.server.restart();
    expect((await done(uuid)).counts).toEqual({ finished: 2 });
    expect(countOf(counter)).toBe(2);
  });

  it.each([
    ['it failed: nothing more is sent', 'failed', 'halted', { finished: 1, ready: 1 }],
    ['it went well: the next wave begins', 'well', 'done', { finished: 2 }],
  ])('the end of the wave was stored, and nothing else: %s', async (_, how, state, counts) => {
    const hosts = await twoHosts();
    const [counter, go] = [lab.counter(how), lab.counter(`${how}-go`)];
    const script = `${countIn(counter)}until [ -e '${go}' ]; do sleep 0.02; done\n`;
    const uuid = await begin(script, { host_ids: hosts, batch: 1, max_failures: 0 });
    await until(() => countOf(counter) === 1, { what: 'the first run' });
    await lab.server.kill();
    // As a settlement leaves it that was the last thing the server did.
    await inDatabase(lab.databaseUrl, (client) =>
      client.query(
        `UPDATE targets SET state = 'finished', exit_code = $2, finished_at = now()
         WHERE state IN ('dispatched', 'running') AND execution_id = (SELECT id FROM executions WHERE uuid = $1)`,
        [uuid, how === 'failed' ? 1 : 0],
      ),
    );
    writeFileSync(go, '');
    await lab.server.restart();
    const { counts: seen } = await until(
      async () => {
        const execution = await look(uuid);
        return execution.rollout?.state === state ? execution : undefined;
      },
      { timeout: 30_000, what: state },
    );
    expect(seen).toEqual(counts);
    expect(countOf(counter)).toBe(how === 'failed' ? 1 : 2);
  });

  it('in a pause: the next wave begins in its time, by whichever server is there', async () => {
    const uuid = await begin('true\n', { host_ids: await twoHosts(), batch: 1, pause_between: 1 });
    await until(async () => (await look(uuid)).rollout?.state === 'pausing');
    await lab.server.kill();
    await lab.server.restart();
    expect((await done(uuid)).counts).toEqual({ finished: 2 });
  });
});

describe('two servers', () => {
  const WAVE = 20;
  beforeAll(async () => {
    lab = await Lab.open();
  });
  afterAll(() => expectLawfulTransitions(lab.databaseUrl));

  it('release a wave once, when twenty results come at the same moment', async () => {
    const second = await startServer({
      databaseUrl: lab.databaseUrl,
      env: { MUSTER_ENROLL_SECRET: lab.server.enrollSecret },
    });
    const agents: RawAgent[] = [];
    for (let i = 0; i < 2 * WAVE; i += 1) {
      const agent = await RawAgent.connect({
        url: i % 2 === 0 ? lab.server.url : second.url,
        enrollSecret: lab.server.enrollSecret,
      });
      await agent.hello();
      agents.push(agent);
    }
    const hosts = agents.map(({ hostId }) => hostId);
    await inDatabase(lab.databaseUrl, (client) =>
      client.query(`UPDATE hosts SET facts = facts || '{"platform":"debian"}' WHERE id = ANY($1)`, [hosts]),
    );
    const uuid = await begin('true\n', { host_ids: hosts, batch: '50%', max_failures: WAVE });
    const ordered = (some: RawAgent[]) =>
      until(() => some.every(({ orders }) => orders.length === 1), { timeout: 20_000, what: 'the orders' });
    const report = (some: RawAgent[]) =>
      Promise.all(
        some.map((agent, i) =>
          agent.report({ attempt_id: agent.orders[0]!.attempt_id, ending: ending({ exit_code: i % 2 }) }),
        ),
      );
    const [first, last] = [agents.slice(0, WAVE), agents.slice(WAVE)];
    await ordered(first);
    await inDatabase(lab.databaseUrl, async (client) => {
      // Whoever wants to release the next wave has to wait for us: both do.
      await client.query('BEGIN');
      await client.query('SELECT 1 FROM rollouts FOR UPDATE');
      await report(first);
      await until(async () => (await waitingForLocks(client)) === 2, {
        timeout: 20_000,
        what: 'both servers',
      });
      await client.query('COMMIT');
    });
    await ordered(last);
    expect((await look(uuid)).rollout).toMatchObject({ wave: 2, released: 2 * WAVE, failures: WAVE / 2 });
    await report(last);
    expect((await done(uuid)).rollout).toMatchObject({ wave: 2, waves: 2, failures: WAVE });
    const released = (await seenTransitions(lab.databaseUrl)).filter(({ was }) => was === 'ready');
    expect(released).toHaveLength(WAVE);
    expect(agents.every(({ orders }) => orders.length === 1)).toBe(true);
  });
});
