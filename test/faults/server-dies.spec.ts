import { readFileSync, writeFileSync } from 'node:fs';
import { startAgent, startServer, until } from '#libs/testing/index';
import { embeddedUrl, killPostgres, postgresPids } from './support/embedded.js';
import { readJournal } from './support/journals.js';
import { countIn, countOf, Lab } from './support/lab.js';
import { expectLawfulTransitions, inDatabase, waitingForLocks } from './support/transitions.js';

/** Counts, says a little, waits for a file and ends. */
function waitingFor(file: string, counter: string): string {
  return `${countIn(counter)}echo begun\nuntil [ -e '${file}' ]; do sleep 0.02; done\necho end\nexit 5\n`;
}

describe('a server that is killed', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.open();
  });
  afterAll(() => expectLawfulTransitions(lab.databaseUrl));

  it('hears of a result that came while it was starting again; the script ran once', async () => {
    const agent = startAgent({ server: lab.server });
    const { id } = await agent.online();
    const [counter, go] = [lab.counter('mid-run'), lab.counter('mid-run-go')];
    const uuid = await lab.run(id, waitingFor(go, counter));
    await lab.reaches(uuid, ['running']);
    await lab.server.kill();
    await lab.server.restart();
    expect(await lab.target(uuid)).toMatchObject({ state: 'running' });
    await agent.online();
    writeFileSync(go, '');
    expect(await lab.reaches(uuid, ['finished'])).toMatchObject({ exit_code: 5 });
    expect((await lab.output(uuid)).stdout).toBe('begun\nend\n');
    expect(countOf(counter)).toBe(1);
  });

  it('hears of a result that came while it was down', async () => {
    const agent = startAgent({ server: lab.server });
    const { id } = await agent.online();
    const [counter, go] = [lab.counter('down'), lab.counter('down-go')];
    const uuid = await lab.run(id, waitingFor(go, counter));
    await lab.reaches(uuid, ['running']);
    await lab.server.kill();
    writeFileSync(go, '');
    await until(() => readJournal(agent.stateDir).ended.size === 1, { what: 'the end in the journal' });
    await lab.server.restart();
    expect(await lab.reaches(uuid, ['finished'])).toMatchObject({ exit_code: 5 });
    expect((await lab.output(uuid)).stdout).toBe('begun\nend\n');
    expect(countOf(counter)).toBe(1);
  });

  it('still has 300 scripts that wait for a host, and runs them in the order asked for', async () => {
    const agent = startAgent({ server: lab.server });
    const { id } = await agent.online();
    await agent.stop();
    const order = lab.counter('order');
    const uuids: string[] = [];
    for (let i = 1; i <= 300; i++) {
      if (i === 150) {
        await lab.server.kill();
        await lab.server.restart();
      }
      uuids.push(await lab.run(id, `echo ${i} >> '${order}'\n`));
    }
    await lab.server.kill();
    await lab.server.restart();
    await agent.restart();
    await lab.reaches(uuids.at(-1)!, ['finished'], 90_000);
    const numbers = readFileSync(order, 'utf8').trim().split('\n').map(Number);
    expect(numbers).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
    for (const uuid of uuids) expect(await lab.target(uuid)).toMatchObject({ state: 'finished' });
  }, 180_000);
});

describe('a server with its own PostgreSQL', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.open({ databaseUrl: 'embedded' });
  });
  afterAll(() => expectLawfulTransitions(lab.databaseUrl));

  it.each(['restarted', 'left alone'] as const)(
    'acknowledges a result only after the commit: PostgreSQL killed at that moment, the agent %s',
    async (agentIs) => {
      const agent = startAgent({ server: lab.server });
      const { id } = await agent.online();
      const [counter, go] = [lab.counter(`commit-${agentIs}`), lab.counter(`commit-go-${agentIs}`)];
      const uuid = await lab.run(id, waitingFor(go, counter));
      await until(async () => (await lab.output(uuid)).stdout === 'begun\n', { what: 'its first output' });
      await inDatabase(embeddedUrl(lab.server), async (client) => {
        // Whoever wants to write the end has to wait for us.
        await client.query('BEGIN');
        await client.query('SELECT 1 FROM targets WHERE uuid = $1 FOR UPDATE', [uuid]);
        writeFileSync(go, '');
        await until(async () => (await waitingForLocks(client)) > 0, { what: 'the end is being written' });
        expect(readJournal(agent.stateDir).ended.size).toBe(1);
        if (agentIs === 'restarted') await agent.kill();
        expect(killPostgres(lab.server)).toBeGreaterThan(1);
      });
      if (agentIs === 'restarted') await agent.restart();
      expect(await lab.reaches(uuid, ['finished'])).toMatchObject({ exit_code: 5 });
      expect((await lab.output(uuid)).stdout).toBe('begun\nend\n');
      expect(countOf(counter)).toBe(1);
      expect(lab.server.log()).not.toContain('Unhandled');
    },
  );

  it('lives through the death of PostgreSQL in the middle of many requests', async () => {
    const { pid } = lab.server;
    const postgres = postgresPids(lab.server)[0];
    const requests = Array.from({ length: 40 }, () => lab.api.get('/api/v1/executions?limit=1000'));
    await Promise.race(requests);
    killPostgres(lab.server);
    for (const { status } of await Promise.all(requests)) expect([200, 503]).toContain(status);
    await until(async () => (await lab.api.get('/api/v1/executions')).status === 200);
    expect(lab.server.pid).toBe(pid);
    expect(postgresPids(lab.server)[0]).not.toBe(postgres);
  });

  it('shares its data directory with no other', async () => {
    await expect(startServer({ databaseUrl: 'embedded', dataDir: lab.server.dataDir })).rejects.toThrow(
      `is already in use by process ${lab.server.pid}`,
    );
    expect((await lab.api.get('/readyz')).status).toBe(200);
  });
});
