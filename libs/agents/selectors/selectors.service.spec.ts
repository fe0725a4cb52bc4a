import { Logger } from '@nestjs/common';
import { type DataSource } from 'typeorm';
import { connectDatabase, Database, dataSourceOptions } from '#libs/platform/database/index';
import { createTestDatabase, type TestDatabase } from '#libs/testing/index';
import { SelectorsService } from './selectors.service.js';

const RED = 1;

let testDatabase: TestDatabase;
let dataSource: DataSource;
let selectors: SelectorsService;

const uuidOf = (id: number): string => `00000000-0000-4000-8000-${String(id).padStart(12, '0')}`;

beforeAll(async () => {
  Logger.overrideLogger(false);
  testDatabase = await createTestDatabase();
  dataSource = await connectDatabase(dataSourceOptions(testDatabase.url, []));
  selectors = new SelectorsService(new Database(dataSource));
  await dataSource.query(`INSERT INTO teams (name) VALUES ('Red'), ('Secret')`);
  const hosts = [
    { hostname: 'web-1', labels: { group: 'web.dev.us-east' }, team: RED, online: true },
    { hostname: 'web-2', labels: { group: 'web' }, team: RED, online: false },
    { hostname: 'twin', labels: { group: 'webber' }, team: RED, online: true },
    { hostname: 'twin', labels: {}, team: 2, online: false },
    { hostname: 'online', labels: { group: 'db' }, team: null, online: false },
    { hostname: '3', labels: {}, team: null, online: true },
    { hostname: 'Bücher', labels: {}, team: null, online: false },
    { hostname: uuidOf(1), labels: {}, team: null, online: false },
    { hostname: 'leaving', labels: {}, team: null, online: true, draining: true },
  ];
  for (const [index, { hostname, labels, team, online, draining = false }] of hosts.entries())
    await dataSource.query(
      `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, facts, node_key_hash, labels, team_id, online, scripts_enabled, draining_since)
       VALUES ($1::uuid, $1::uuid, '', $2::text, '{"platform": "debian"}', sha256(convert_to($1::uuid || $2::text, 'UTF8')), $3, $4, $5, true, CASE WHEN $6 THEN now() END)`,
      [uuidOf(index + 1), hostname, labels, team, online, draining],
    );
});

afterAll(async () => {
  await dataSource.destroy();
  await testDatabase.drop();
});

const resolved = async (
  text: string,
  teams: readonly number[] | null = null,
): Promise<[string, ...number[]]> => {
  const { mode, hosts } = await selectors.resolve(text, teams);
  return [mode, ...hosts.map(({ id }) => id)];
};
const unknown = (text: string, more = ''): object => ({
  code: 'invalid_unknown',
  problems: [{ name: 'target', reason: `target agent "${text}" not found${more}` }],
});

describe('a target', () => {
  it.each([
    ['_all', 'many', [1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['_any', 'any', [1, 3, 6]],
    ['web-1', 'one', [1]],
    [' web-2 ', 'one', [2]],
    ['Bücher', 'one', [7]],
    // Names come before ids.
    ['3', 'one', [6]],
    ['5', 'one', [5]],
    [uuidOf(2), 'one', [2]],
    [uuidOf(2).replaceAll('-', '').toUpperCase(), 'one', [2]],
    ['group:web', 'many', [1, 2]],
    ['group:web.dev', 'many', [1]],
    ['group:web.*', 'many', [1]],
    ['group:web.dev.us-east', 'many', [1]],
    ['group:w*', 'many', [1, 2, 3]],
    // A host that calls itself so is not taken for all that are.
    ['online', 'many', [1, 3, 6, 9]],
    ['draining', 'many', [9]],
    ['leaving', 'one', [9]],
    ['host = online', 'many', [5]],
    ['group:web or host = twin, limit 2', 'many', [1, 2]],
  ] as const)('%j is %s of %j', async (text, mode, hosts) => {
    expect(await resolved(text)).toEqual([mode, ...hosts]);
  });

  it('is told with all that whoever runs something there needs to know', async () => {
    const host = {
      id: 1,
      uuid: uuidOf(1),
      hostname: 'web-1',
      teamId: RED,
      online: true,
      draining: false,
      platform: 'debian',
      scriptsEnabled: true,
      keepsSecrets: false,
    };
    for (const text of ['web-1', 'group:web.dev', "host = 'web-1', sample 100 %"])
      expect((await selectors.resolve(text)).hosts).toEqual([host]);
    expect(await selectors.byIds([1, 99])).toEqual([host]);
    expect((await selectors.resolve('_all')).hosts[0]).toEqual(host);
  });

  it.each(['nobody', 'group:we', 'WEB-1', '99', '99999999999', uuidOf(99), 'and'])(
    '%j is unknown',
    async (text) => {
      const more = text.includes(':') ? ': no host matches' : '';
      await expect(selectors.resolve(text)).rejects.toMatchObject(unknown(text, more));
    },
  );

  it('that names several hosts is told with their ids', async () => {
    await expect(selectors.resolve('twin')).rejects.toMatchObject({
      code: 'conflict',
      message: 'several hosts answer to "twin": ids 3, 4. Use the id or uuid of the one you mean.',
    });
    // One host's name, the other's uuid.
    await expect(selectors.resolve(uuidOf(1))).rejects.toMatchObject({
      code: 'conflict',
      message: /ids 1, 8/,
    });
  });

  it.each(['', ' \n', 'a\0b', 'group:web and', 'web 1'])('%j cannot be read', async (text) => {
    await expect(selectors.resolve(text)).rejects.toMatchObject({
      code: 'malformed',
      problems: [{ name: 'target' }],
    });
  });

  it.each([
    ["not label = 'nothing'", 'there is no label "nothing"'],
    ["team in (Red, 'Blue')", 'there is no team "Blue"'],
  ])('%j names what does not exist, and does not mean all hosts', async (text, reason) => {
    await expect(selectors.resolve(text)).rejects.toMatchObject({
      code: 'invalid_unknown',
      problems: [{ name: 'target', reason }],
    });
  });
});

describe('hosts of other teams', () => {
  const mine = [RED];

  it.each([
    ['_all', 'many', [1, 2, 3]],
    ['_any', 'any', [1, 3]],
    ['twin', 'one', [3]],
    ['not group:web', 'many', [3]],
    ['_all, sample 100 %', 'many', [1, 2, 3]],
    ['team != Red or id > 2', 'many', [3]],
  ] as const)('are not there: %j is %s of %j', async (text, mode, hosts) => {
    expect(await resolved(text, mine)).toEqual([mode, ...hosts]);
  });

  it.each(['online-1', '4', uuidOf(5)])('are not told from hosts that do not exist: %j', async (text) => {
    await expect(selectors.resolve(text, mine)).rejects.toMatchObject(unknown(text));
  });

  it.each(['Secret', 'No team'])('nor is their team: %j', async (team) => {
    await expect(selectors.resolve(`team = '${team}'`, mine)).rejects.toMatchObject({
      code: 'invalid_unknown',
      problems: [{ name: 'target', reason: `there is no team "${team}"` }],
    });
  });

  it('are all there are for somebody without a team', async () => {
    expect(await resolved('_all', [])).toEqual(['many']);
    await expect(selectors.resolve('group:web', [])).rejects.toMatchObject({ code: 'invalid_unknown' });
  });
});

describe('a sample', () => {
  it('is the same hosts each time, also of the same selector in other words', async () => {
    const first = await resolved('not group:nothing, sample 30 %');
    expect(first).toHaveLength(1 + 3);
    expect(await resolved('NOT  (group:nothing),sample 30%')).toEqual(first);
  });

  it('of another selector is drawn anew', async () => {
    const samples = await Promise.all(
      Array.from({ length: 20 }, (_, index) => resolved(`not group:other-${index}, sample 1`)),
    );
    expect(new Set(samples.map(String)).size).toBeGreaterThan(1);
  });
});
