import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { digestOfHosts } from '#libs/agents/selectors/digest';
import { type AgentFixture, until } from '#libs/testing/index';
import { addTeamUser, sql } from '../e2e/support.js';
import {
  counterFile,
  exec,
  expectRefusal,
  type Fleet,
  type Item,
  itemsOf,
  shell,
  startFleet,
} from './osapi.support.js';

/* Targets, on three hosts: which of them run it, and what is said of those that do not. */

let fleet: Fleet;

beforeAll(async () => {
  fleet = await startFleet(
    [['group=web.dev.us-east'], ['group=web.prod', 'role=front'], ['group=db']],
    // Silence is noticed soon, and a lost run soon after that.
    { env: { MUSTER_HEARTBEAT_SECONDS: '1', MUSTER_LEASE_SECONDS: '5' } },
  );
});

const lines = (file: string): string[] =>
  existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
const agent = (i: number): AgentFixture => {
  const found = fleet.agents[i];
  if (!found) throw new Error(`there is no agent ${i}`);
  return found;
};
const namesOf = (items: readonly Item[]): string[] => items.map(({ hostname }) => hostname);

/** Resolves when the server has noticed that the host is away. */
async function offline(i: number): Promise<void> {
  const id = fleet.hosts[i]?.id;
  await until(
    async () =>
      (await sql(fleet.server, 'SELECT 1 FROM hosts WHERE id = $1 AND NOT online', [id])).length > 0,
    { what: `web-${i} offline` },
  );
}

async function stopped<T>(i: number, work: () => Promise<T>): Promise<T> {
  await agent(i).stop();
  await offline(i);
  try {
    return await work();
  } finally {
    await agent(i).restart();
    await agent(i).online();
  }
}

describe('many', () => {
  it.each([
    ['_all', ['web-0', 'web-1', 'web-2']],
    ['group:web', ['web-0', 'web-1']],
    ['group%3Aweb', ['web-0', 'web-1']],
    ['group:web.dev', ['web-0']],
    ['group:web.dev.us-east', ['web-0']],
    ['group:db', ['web-2']],
    ['role:front', ['web-1']],
  ])('%s runs on each of %j, once', async (target, expected) => {
    const file = counterFile();
    const items = itemsOf(
      await shell(fleet.client, target, `echo $MUSTER_HOST >> ${file}; echo $MUSTER_HOST`),
    );
    expect(namesOf(items)).toEqual(expected);
    expect(items.map(({ stdout }) => stdout?.trim())).toEqual(expected);
    expect(lines(file).sort()).toEqual(expected);
  });

  it.each(['group:we', 'group:dev', 'group:web.d', 'role:none'])('%s is nobody', async (target) => {
    expectRefusal(await shell(fleet.client, target, 'true'), 400, /not found/, /target/);
  });

  it('keeps hosts apart that end in different ways', async () => {
    const items = itemsOf(
      await shell(
        fleet.client,
        '_all',
        'case $MUSTER_HOST in web-0) exit 0;; web-1) exit 5;; *) sleep 60;; esac',
        { timeout: 1 },
      ),
    );
    expect(items).toMatchObject([
      { hostname: 'web-0', status: 'ok', exit_code: 0 },
      { hostname: 'web-1', status: 'ok', exit_code: 5 },
      { hostname: 'web-2', status: 'failed', reason: 'timeout' },
    ]);
  });

  it('names one host by its hostname, uuid and id', async () => {
    for (const target of ['web-1', fleet.hosts[1]?.uuid, fleet.hosts[1]?.id])
      expect(namesOf(itemsOf(await exec(fleet.client, String(target), { command: 'true' })))).toEqual([
        'web-1',
      ]);
  });

  it('cuts the output of all hosts together, the long ones first', async () => {
    const items = itemsOf(
      await shell(fleet.client, '_all', 'head -c 3000000 /dev/zero | tr "\\0" x; echo few >&2'),
    );
    for (const item of items) {
      expect(item).toMatchObject({ status: 'ok', stdout_truncated: true, stderr: 'few\n' });
      expect(item.stdout).toHaveLength(1024 * 1024);
    }
  });
});

describe('_any', () => {
  it('runs on exactly one host, and not always on the same', async () => {
    const file = counterFile();
    const hosts = new Set<string>();
    for (let i = 1; i <= 12; i++) {
      const items = itemsOf(await shell(fleet.client, '_any', `echo x >> ${file}`));
      expect(items).toMatchObject([{ status: 'ok' }]);
      hosts.add(items[0]?.hostname ?? '');
      expect(lines(file)).toHaveLength(i);
    }
    expect(hosts.size).toBeGreaterThan(1);
  });

  it('never runs again what failed by itself', async () => {
    const file = counterFile();
    const [item] = itemsOf(await shell(fleet.client, '_any', `echo x >> ${file}; exit 3`));
    expect(item).toMatchObject({ status: 'ok', exit_code: 3 });
    const answer = await exec(fleet.client, '_any', { command: 'no-such-command' });
    expect(itemsOf(answer)).toMatchObject([{ status: 'failed', reason: 'not_found' }]);
    expect(lines(file)).toEqual(['x']);
    const { body } = await fleet.client.get(`/api/v1/executions/${answer.body.job_id}`);
    expect(body.targets).toHaveLength(1);
  });

  it('passes over hosts that are away', async () => {
    await stopped(0, () =>
      stopped(1, async () => {
        for (let i = 0; i < 4; i++)
          expect(namesOf(itemsOf(await exec(fleet.client, '_any', { command: 'true' })))).toEqual(['web-2']);
      }),
    );
  });

  it('goes to another host when the first went away while it was queued there, once', async () => {
    const file = counterFile();
    // All slots of the hosts are taken by what ends when the file is there; the command waits on one of them.
    const gate = counterFile();
    for (let i = 0; i < 12; i++)
      await shell(fleet.client, '_any', `until [ -e ${gate} ]; do sleep 0.1; done`, { timeout: 60, wait: 0 });
    const answer = await shell(fleet.client, '_any', `echo $MUSTER_HOST >> ${file}; echo $MUSTER_HOST`, {
      wait: 0,
    });
    const id = answer.body.job_id as string;
    const [{ hostname: first, host_id }] = itemsOf(answer) as [Item];
    const i = fleet.hosts.findIndex((host) => host.id === host_id);
    const [before] = (await fleet.client.get(`/api/v1/executions/${id}`)).body.targets;
    expect(before.state).toBe('queued');
    await agent(i).kill();
    await offline(i);
    // It has moved: to a host that is there.
    await until(async () => (await fleet.client.get(`/api/v1/executions/${id}`)).body.targets.length > 1, {
      what: 'a further target',
    });
    writeFileSync(gate, '');
    const { body } = await fleet.client.get(`/api/v1/executions/${id}?wait=50`);
    expect(body.targets).toMatchObject([
      { host: { hostname: first }, state: 'expired', reason: 'host_offline' },
      { state: 'finished', exit_code: 0 },
    ]);
    expect(body.targets[1].host.hostname).not.toBe(first);
    await agent(i).restart();
    await agent(i).online();
    // The host that came back has nothing to run; what it has is known when a later command has run there.
    itemsOf(await exec(fleet.client, first, { command: 'true' }));
    expect(lines(file)).toEqual([body.targets[1].host.hostname]);
    const job = (await fleet.client.get(`/api/job/${id}`)).body;
    expect(job).toMatchObject({ status: 'completed', hostname: body.targets[1].host.hostname });
  });

  it('says so when nobody is there', async () => {
    await stopped(0, () =>
      stopped(1, () =>
        stopped(2, async () => {
          expectRefusal(await exec(fleet.client, '_any', { command: 'true' }), 400, /online/);
        }),
      ),
    );
  });
});

describe('a host that is away', () => {
  it('has an item that says so at once, and does not run it when it is back', async () => {
    const file = counterFile();
    const answer = await stopped(2, () => shell(fleet.client, '_all', `echo $MUSTER_HOST >> ${file}`));
    expect(itemsOf(answer)).toMatchObject([
      { hostname: 'web-0', status: 'ok' },
      { hostname: 'web-1', status: 'ok' },
      { hostname: 'web-2', status: 'failed', error: 'host offline', reason: 'host_offline', changed: false },
    ]);
    itemsOf(await exec(fleet.client, 'web-2', { command: 'true' }));
    expect(lines(file).sort()).toEqual(['web-0', 'web-1']);
  });

  it('is answered for at once also when it is the only one', async () => {
    const answer = await stopped(2, () => exec(fleet.client, 'web-2', { command: 'true' }));
    expect(itemsOf(answer)).toMatchObject([{ hostname: 'web-2', status: 'failed', error: 'host offline' }]);
    expect(answer.body.job_id).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('runs it at its return with queue', async () => {
    const file = counterFile();
    const answer = await stopped(2, () =>
      shell(fleet.client, 'web-2', `echo x >> ${file}`, { queue: true, wait: 0 }),
    );
    expect(itemsOf(answer)).toMatchObject([{ status: 'queued', reason: 'queued' }]);
    const { body } = await fleet.client.get(`/api/v1/executions/${answer.body.job_id}?wait=50`);
    expect(body.targets).toMatchObject([{ state: 'finished', exit_code: 0 }]);
    expect(lines(file)).toEqual(['x']);
  });

  it('does not run it when it expired before', async () => {
    const file = counterFile();
    const answer = await stopped(2, async () => {
      const queued = await shell(fleet.client, 'web-2', `echo x >> ${file}`, {
        queue: true,
        expires_in: 1,
        wait: 60,
      });
      return queued;
    });
    expect(itemsOf(answer)).toMatchObject(
      [{ status: 'failed', reason: 'expired', error: /expired/ }].map((item) => ({
        ...item,
        error: expect.stringMatching(item.error),
      })),
    );
    itemsOf(await exec(fleet.client, 'web-2', { command: 'true' }));
    expect(lines(file)).toEqual([]);
  });
});

describe('a host that falls silent', () => {
  it('is an item when the wait is over, and the others have theirs', async () => {
    await agent(1).kill('SIGSTOP');
    try {
      const items = itemsOf(await shell(fleet.client, '_all', 'echo here', { wait: 2, timeout: 2 }));
      expect(items).toMatchObject([
        { hostname: 'web-0', status: 'ok' },
        { hostname: 'web-1' },
        { hostname: 'web-2', status: 'ok' },
      ]);
      expect(['running', 'queued', 'failed']).toContain(items[1]?.status);
    } finally {
      await agent(1).kill('SIGCONT');
    }
    await agent(1).online();
    await until(
      async () =>
        itemsOf(await exec(fleet.client, 'web-1', { command: 'true', wait: 5 }))[0]?.status === 'ok',
      {
        what: 'web-1 runs things again',
      },
    );
  });

  it('is lost when its agent died in mid-run', async () => {
    const file = counterFile();
    const running = shell(fleet.client, 'web-1', `echo x >> ${file}; echo so far; sleep 30`);
    await until(() => lines(file).length > 0, { what: 'the command runs' });
    await agent(1).kill();
    await agent(1).restart();
    const [item] = itemsOf(await running);
    expect(item).toMatchObject({
      hostname: 'web-1',
      status: 'failed',
      error: expect.stringMatching(/^lost: .*unknown/),
      reason: 'agent_died',
    });
    expect(item).not.toHaveProperty('exit_code');
    await agent(1).online();
    expect(lines(file)).toEqual(['x']);
  });

  it('is lost when its state is gone with it', async () => {
    const file = counterFile();
    const running = shell(fleet.client, 'web-1', `echo x >> ${file}; sleep 3`);
    await until(() => lines(file).length > 0, { what: 'the command runs' });
    await agent(1).kill();
    rmSync(agent(1).stateDir, { recursive: true });
    await fleet.client.post(`/api/v1/fleet/hosts/${fleet.hosts[1]?.id}/reenroll`);
    await agent(1).restart();
    expect(itemsOf(await running)).toMatchObject([
      {
        hostname: 'web-1',
        status: 'failed',
        error: expect.stringMatching(/^lost: /),
        reason: 'journal_replaced',
      },
    ]);
    await agent(1).online();
    expect(lines(file)).toEqual(['x']);
  });
});

describe('rights and previews', () => {
  it('leaves out hosts that the caller does not know, and refuses those by name', async () => {
    const { body } = await fleet.client.post('/api/v1/fleet/teams', { name: 'front' });
    const team = body.team.id as number;
    await fleet.client.post('/api/v1/fleet/hosts/transfer', { team_id: team, hosts: [fleet.hosts[1]?.id] });
    const maintainer = await addTeamUser(fleet.server, 'front@example.com', { [team]: 'maintainer' });
    expect(namesOf(itemsOf(await shell(maintainer, '_all', 'true')))).toEqual(['web-1']);
    expect(namesOf(itemsOf(await shell(maintainer, 'group:web', 'true')))).toEqual(['web-1']);
    expectRefusal(await shell(maintainer, 'web-0', 'true'), 400, /target agent "web-0" not found/);
    expectRefusal(await shell(maintainer, 'group:db', 'true'), 400, /not found/);
    await fleet.client.post('/api/v1/fleet/hosts/transfer', { team_id: null, hosts: [fleet.hosts[1]?.id] });
  });

  it('runs where it may, and says which rule denies the others', async () => {
    const { body } = await fleet.client.post('/api/v1/tokens', {
      name: 'dbs',
      rights: ['command:execute', 'shell:execute'],
      scope: { labels: ['group:db'] },
    });
    const program = fleet.client.as(body.token);
    const items = itemsOf(await shell(program, '_all', 'true'));
    expect(items).toMatchObject([
      {
        hostname: 'web-0',
        status: 'failed',
        reason: 'denied',
        error: expect.stringMatching(/^denied: .*group:db/),
      },
      { hostname: 'web-1', status: 'failed', reason: 'denied' },
      { hostname: 'web-2', status: 'ok' },
    ]);
    expectRefusal(await shell(program, 'group:web', 'true'), 403, /group:db/);
  });

  it('refuses when other hosts are meant than in the preview', async () => {
    const ids = fleet.hosts.map((host) => host.id);
    itemsOf(await shell(fleet.client, '_all', 'true', { preview: digestOfHosts(ids) }));
    expectRefusal(
      await shell(fleet.client, '_all', 'true', { preview: digestOfHosts(ids.slice(1)) }),
      409,
      /preview/,
      /preview/,
    );
  });

  it('goes in waves, and holds back the rest when too many fail', async () => {
    const file = counterFile();
    const answer = await shell(fleet.client, '_all', `echo x >> ${file}; exit 1`, {
      batch: 1,
      max_failures: 0,
    });
    const statuses = itemsOf(answer).map(({ status }) => status);
    expect(statuses.sort()).toEqual(['ok', 'queued', 'queued']);
    expect(lines(file)).toEqual(['x']);
    const { body } = await fleet.client.get(`/api/v1/executions/${answer.body.job_id}`);
    expect(body.rollout.state).toBe('halted');
    await fleet.client.delete(`/api/job/${answer.body.job_id}`);
  });
});
