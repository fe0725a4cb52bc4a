import { type Api } from '#libs/testing/index';
import { addTeamUser } from '../e2e/support.js';
import { exec, expectRefusal, type Fleet, itemsOf, startFleet } from './osapi.support.js';

/* What a preview says is what a run does: who runs it, who is denied and by which rule, whoever asks, whatever the target. */

interface PreviewedHost {
  hostname: string;
  online: boolean;
  allowed: boolean;
  rule?: string;
}

let fleet: Fleet;
const callers = new Map<string, Api>();

beforeAll(async () => {
  fleet = await startFleet([
    ['group=web.eu'],
    ['group=web.us', 'tier=1'],
    ['group=db', 'tier=1'],
    ['group=db'],
  ]);
  const { client, hosts, server } = fleet;
  const { body } = await client.post('/api/v1/fleet/teams', { name: 'front' });
  const team = body.team.id as number;
  await client.post('/api/v1/fleet/hosts/transfer', { team_id: team, hosts: [hosts[0]?.id, hosts[1]?.id] });
  const token = async (name: string, scope: object): Promise<Api> =>
    client.as(((await client.post('/api/v1/tokens', { name, scope })).body as { token: string }).token);
  callers.set('an admin', client);
  callers.set(
    'a maintainer of a team',
    await addTeamUser(server, 'front@example.com', { [team]: 'maintainer' }),
  );
  callers.set('a token for databases', await token('dbs', { labels: ['group:db'] }));
  callers.set('a token for two commands', await token('two', { commands: ['hostname', 'echo **'] }));
});

const TARGETS = [
  '_all',
  'web-0',
  'group:web',
  'tier:1',
  'group:web.* or group:db',
  'not tier:1',
  `os.platform != 'none', not host in (web-3)`,
  'group:db, sample 50 %',
  '_all, limit 2',
];

describe.each(['an admin', 'a maintainer of a team', 'a token for databases', 'a token for two commands'])(
  '%s',
  (who) => {
    const caller = (): Api => callers.get(who) as Api;

    it.each(TARGETS)('is told of %s what a run will do', async (target) => {
      const preview = await caller().post('/api/v1/targets/preview', {
        target,
        kind: 'command',
        command: ['hostname'],
      });
      const run = await exec(caller(), encodeURIComponent(target), {
        command: 'hostname',
        ...(preview.status === 200 && { preview: preview.body.digest as string }),
      });
      if (preview.status !== 200) {
        expect(preview.status).toBe(404);
        return expectRefusal(run, 400, /not found|matches no host/);
      }
      const hosts = preview.body.hosts as PreviewedHost[];
      const denied = hosts.filter(({ allowed }) => !allowed);
      if (denied.length === hosts.length) return expectRefusal(run, 403, denied[0]?.rule ?? '');
      const items = itemsOf(run);
      expect(items.map(({ hostname }) => hostname)).toEqual(hosts.map(({ hostname }) => hostname).sort());
      for (const { hostname, allowed, rule } of hosts)
        expect(items.find((item) => item.hostname === hostname)).toMatchObject(
          allowed ? { status: 'ok', exit_code: 0 } : { status: 'failed', error: `denied: ${rule}` },
        );
    });
  },
);

it('a token for two commands runs them, with whatever arguments its list allows, and nothing else', async () => {
  const two = callers.get('a token for two commands') as Api;
  expect(
    itemsOf(await exec(two, 'web-0', { command: 'echo', args: ['a b', '$(id)', ';reboot'] })),
  ).toMatchObject([{ status: 'ok', stdout: 'a b $(id) ;reboot\n' }]);
  for (const body of [
    { command: 'hostname', args: ['-i'] },
    { command: '/bin/hostname' },
    { command: 'id' },
    { command: 'hostname', env: { LD_PRELOAD: '/tmp/x.so' } },
    { command: 'echo', cwd: '/tmp' },
    { command: 'echo', user: 'nobody' },
  ])
    expectRefusal(
      await exec(two, 'web-0', body),
      403,
      /the token "two" (allows only|runs its commands as they are listed)/,
    );
});
