import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import { type DataSource } from 'typeorm';
import { type Act, agentLabel, type Caller, type Role, type TokenLimits } from '#libs/platform/auth/index';
import { connectDatabase, Database, dataSourceOptions } from '#libs/platform/database/index';
import { createTestDatabase, type TestDatabase } from '#libs/testing/index';
import { HostRights, type RightsHost } from './host-rights.service.js';

const [WEB, DB] = [1, 2];
let testDatabase: TestDatabase;
let dataSource: DataSource;
let rights: HostRights;

beforeAll(async () => {
  Logger.overrideLogger(false);
  testDatabase = await createTestDatabase();
  dataSource = await connectDatabase(dataSourceOptions(testDatabase.url, []));
  rights = new HostRights(new Database(dataSource));
  await dataSource.query(`INSERT INTO teams (name) VALUES ('web'), ('db')`);
  await dataSource.query(
    `INSERT INTO labels (name, membership_type) VALUES ('Production', 'manual'), ('production.eu', 'manual')`,
  );
});
afterAll(async () => {
  await dataSource.destroy();
  await testDatabase.drop();
});

interface Labelled extends RightsHost {
  readonly own: Readonly<Record<string, string>>;
  readonly production: boolean;
}

let count = 0;
async function addHost(
  teamId: number | null,
  own: Readonly<Record<string, string>> = {},
  production = false,
): Promise<Labelled> {
  count += 1;
  const [{ id }] = await dataSource.query(
    `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, facts, node_key_hash, team_id, labels)
     VALUES (gen_random_uuid(), gen_random_uuid(), '', 'host', '{}', sha256($1::text::bytea), $2, $3) RETURNING id`,
    [count, teamId, own],
  );
  if (production)
    await dataSource.query(
      `INSERT INTO label_membership (label_id, host_id) SELECT id, $1 FROM labels WHERE name = 'Production'`,
      [id],
    );
  return { id, teamId, own, production };
}

function caller(
  roles: Role | [number, Role][],
  limits: Partial<TokenLimits> | null = null,
  allowed: Act[] | null = null,
): Caller {
  return {
    userId: 1,
    email: 'somebody@example.com',
    globalRole: typeof roles === 'string' ? roles : null,
    teamRoles: new Map(typeof roles === 'string' ? [] : roles),
    rights: allowed && new Set(allowed),
    scope: limits && { teams: null, labels: null, commands: null, ...limits, token: 'ci' },
    sessionId: null,
    apiTokenId: null,
    mustResetPassword: false,
    address: '127.0.0.1',
  };
}

describe('refusals', () => {
  let hosts: Labelled[];
  beforeAll(async () => {
    hosts = [
      await addHost(WEB, { group: 'web.dev' }),
      await addHost(DB, { group: 'db' }, true),
      await addHost(null),
    ];
  });
  const of = async (...[who, act, command]: [Caller, Act, Parameters<HostRights['refusals']>[3]?]) => {
    const refused = await rights.refusals(who, act, hosts, command);
    return hosts.map(({ id }) => refused.get(id) ?? 'allowed');
  };
  const everywhere = (rule: string): string[] => [rule, rule, rule];
  const uptime = { kind: 'command', argv: ['uptime'] } as const;

  it.each<[string, Caller, Act, string[]]>([
    ['global admins', caller('admin'), 'command:execute', everywhere('allowed')],
    [
      'global observers',
      caller('observer'),
      'shell:execute',
      everywhere('your role (observer) does not allow shell:execute'),
    ],
    [
      'holders of team roles',
      caller([
        [WEB, 'maintainer'],
        [DB, 'observer'],
      ]),
      'command:execute',
      [
        'allowed',
        'your role on team "db" (observer) does not allow command:execute',
        'the host is in no team, and your roles are on teams: they do not allow command:execute there',
      ],
    ],
    [
      'holders of a role elsewhere, without the name of the team',
      caller([[DB, 'admin']]),
      'agent:drain',
      [
        'you have no role on the team of the host: agent:drain is not allowed',
        'allowed',
        'the host is in no team, and your roles are on teams: they do not allow agent:drain there',
      ],
    ],
    [
      'tokens without the right',
      caller('admin', null, ['command:execute']),
      'shell:execute',
      everywhere('the token in use does not have the right shell:execute'),
    ],
    [
      'limited tokens without the right',
      caller('admin', { teams: [WEB] }, ['command:execute']),
      'shell:execute',
      everywhere('the token "ci" does not have the right shell:execute'),
    ],
    [
      'tokens that are limited to a team',
      caller('admin', { teams: [WEB] }),
      'command:execute',
      ['allowed', 'the token "ci" is limited to team "web"', 'the token "ci" is limited to team "web"'],
    ],
    [
      'tokens that are limited to labels',
      caller('admin', { labels: ['group:web', 'Production'] }),
      'command:execute',
      ['allowed', 'allowed', 'the token "ci" is limited to labels group:web, Production'],
    ],
    [
      'tokens that are limited in both ways',
      caller('admin', { labels: ['group:web'], teams: [DB] }),
      'command:execute',
      [
        'the token "ci" is limited to team "db"',
        'the token "ci" is limited to label group:web',
        'the token "ci" is limited to team "db"',
      ],
    ],
    [
      'tokens that are limited to nothing at all',
      caller('admin', { labels: [] }),
      'command:execute',
      everywhere('the token "ci" is limited to no label'),
    ],
    [
      'tokens whose limits nobody would keep',
      caller('admin', { labels: ['group:web'] }),
      'host:delete',
      everywhere('the token "ci" is limited, and host:delete is not among what it may'),
    ],
  ])('to %s', async (_what, who, act, expected) => {
    expect(await of(who, act)).toEqual(expected);
  });

  it('to tokens that are limited to commands, by what is to be run', async () => {
    const who = caller('admin', { commands: ['uptime', 'systemctl status *'] });
    const rule = 'the token "ci" allows only these commands: uptime; systemctl status *';
    expect(await of(who, 'command:execute', uptime)).toEqual(everywhere('allowed'));
    expect(await of(who, 'command:execute', { kind: 'command', argv: ['id'] })).toEqual(everywhere(rule));
    expect(await of(who, 'shell:execute', { kind: 'shell', line: 'uptime' })).toEqual(everywhere('allowed'));
    expect(await of(who, 'shell:execute', { kind: 'shell', line: 'uptime; id' })).toEqual(everywhere(rule));
    // Without a word about what is run: nothing.
    expect(await of(who, 'command:execute')).toEqual(everywhere(rule));
    expect(await of(who, 'script:execute')).toEqual(everywhere(rule));
    expect(await of(who, 'execution:read')).toEqual(everywhere('allowed'));
    expect(await of(who, 'command:execute', { ...uptime, beside: ['env', 'cwd'] })).toEqual(
      everywhere('the token "ci" runs its commands as they are listed: without env, cwd'),
    );
    expect(await of(caller('admin', { commands: [] }), 'command:execute', uptime)).toEqual(
      everywhere('the token "ci" allows no commands'),
    );
    const many = Array.from({ length: 12 }, (_, i) => `c${i}`);
    const [first] = await of(caller('admin', { commands: many }), 'command:execute', uptime);
    expect(first).toMatch(/: c0; c1; .*c9; and 2 more$/);
  });

  it('are thrown by require', async () => {
    const who = caller('admin', { labels: ['group:web'] });
    await expect(rights.require(who, 'command:execute', hosts)).rejects.toMatchObject({
      code: 'forbidden',
      message: 'the token "ci" is limited to label group:web',
    });
    await expect(rights.require(who, 'command:execute', hosts.slice(0, 1))).resolves.toBeUndefined();
    await expect(rights.require(who, 'command:execute', [])).resolves.toBeUndefined();
  });
});

it('agrees with a naive look at every label of every host', async () => {
  const keys = ['a', 'b'];
  const values = ['x', 'x.y', 'x.y.z', 'xy', 'x.'];
  const own = fc.dictionary(fc.constantFrom(...keys), fc.constantFrom(...values), { maxKeys: 2 });
  const hosts: Labelled[] = [];
  for (const labels of fc.sample(own, { numRuns: 40, seed: 1 }))
    hosts.push(await addHost(null, labels, hosts.length % 5 === 0));
  const label = fc.oneof(
    fc.tuple(fc.constantFrom(...keys), fc.constantFrom(...values)).map((pair) => pair.join(':')),
    fc.constantFrom('Production', 'production', 'nowhere', 'production.eu'),
  );
  const within = ({ own, production }: Labelled, limit: string): boolean => {
    const mine = agentLabel(limit);
    if (mine === null) return production && limit === 'Production';
    const value = own[mine.key];
    return value !== undefined && (value === mine.value || value.startsWith(`${mine.value}.`));
  };
  await fc.assert(
    fc.asyncProperty(fc.array(label, { maxLength: 4 }), async (labels) => {
      const refused = await rights.refusals(caller('admin', { labels }), 'command:execute', hosts);
      const expected = hosts.filter((host) => !labels.some((limit) => within(host, limit)));
      expect([...refused.keys()].sort((a, b) => a - b)).toEqual(expected.map(({ id }) => id));
    }),
  );
});
