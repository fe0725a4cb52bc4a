import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import { type DataSource } from 'typeorm';
import { connectDatabase, Database, dataSourceOptions } from '#libs/platform/database/index';
import { createTestDatabase, type TestDatabase } from '#libs/testing/index';
import { HostCuts } from './cuts/host-cuts.repository.js';
import { HostListRepository } from './host-list.repository.js';
import { HostTotals } from './host-totals.repository.js';
import { BuiltinLabel, isBuiltin } from './labels/builtin-labels.js';
import { LabelMembership } from './labels/label-membership.service.js';
import { LabelsRepository } from './labels/labels.repository.js';
import { type Selection, TargetsService, UNKNOWN_TEAM } from './targets.service.js';

interface Host {
  readonly id: number;
  readonly teamId: number | null;
  readonly labels: readonly number[];
}

const HOSTS = 60;
const TEAMS = [1, 2, 3];
const CUSTOM = [1000, 1001, 1002];
const BUILTIN = [BuiltinLabel.ubuntu, BuiltinLabel.allLinux, BuiltinLabel.macOS];
const NOWHERE = 4_000_000_000;

let testDatabase: TestDatabase;
let dataSource: DataSource;
let database: Database;
let membership: LabelMembership;
let targets: TargetsService;

beforeAll(async () => {
  Logger.overrideLogger(false);
  testDatabase = await createTestDatabase();
  dataSource = await connectDatabase(dataSourceOptions(testDatabase.url, []));
  database = new Database(dataSource);
  membership = new LabelMembership(database);
  targets = new TargetsService(
    database,
    new HostListRepository(database, new HostTotals(database), new HostCuts(database)),
    new LabelsRepository(database),
  );
  await dataSource.query(`INSERT INTO teams (name) VALUES ('Red'), ('Green'), ('Blue')`);
  await dataSource.query(
    `INSERT INTO labels (name, membership_type) SELECT 'custom ' || n, 'manual' FROM generate_series(1, ${CUSTOM.length}) n`,
  );
  await dataSource.query(
    `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, hardware_serial, facts, node_key_hash)
     SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, gen_random_uuid(), '', 'host-' || n, 'serial-' || n,
       '{"platform": "debian", "os_version": "", "arch": ""}', sha256(n::text::bytea) FROM generate_series(1, ${HOSTS}) n`,
  );
});

afterAll(async () => {
  await dataSource.destroy();
  await testDatabase.drop();
});

/** The contract's rule (`reference/fleet.md`, 6.3), word by word. */
function expected(hosts: readonly Host[], selected: Selection, visible: readonly number[] | null): number[] {
  const custom = selected.labels.filter((id) => !isBuiltin(id));
  const builtin = selected.labels.filter(isBuiltin);
  const inOneOf = (host: Host, labels: readonly number[]): boolean =>
    labels.length === 0 || labels.some((id) => host.labels.includes(id));
  return hosts
    .filter(({ teamId }) => visible === null || (teamId !== null && visible.includes(teamId)))
    .filter((host) => {
      if (selected.hosts.includes(host.id)) return true;
      if (selected.labels.includes(BuiltinLabel.allHosts)) return host.labels.includes(BuiltinLabel.allHosts);
      if (selected.labels.length + selected.teams.length === 0) return false;
      return (
        inOneOf(host, custom) &&
        inOneOf(host, builtin) &&
        (selected.teams.length === 0 || selected.teams.includes(host.teamId ?? 0))
      );
    })
    .map(({ id }) => id);
}

/** The hosts are like this from now on. */
async function arrange(hosts: readonly Host[]): Promise<void> {
  await dataSource.query(
    `UPDATE hosts h SET team_id = t.team_id FROM unnest($1::int[], $2::int[]) AS t(id, team_id) WHERE h.id = t.id`,
    [hosts.map(({ id }) => id), hosts.map(({ teamId }) => teamId)],
  );
  const all = [BuiltinLabel.allHosts, ...BUILTIN, ...CUSTOM];
  await membership.set(
    hosts.flatMap(({ id: hostId, labels }) =>
      all.map((labelId) => ({ hostId, labelId, member: labels.includes(labelId) })),
    ),
  );
}

const someHosts: fc.Arbitrary<Host[]> = fc.tuple(
  ...Array.from({ length: HOSTS }, (_, index) =>
    fc.record({
      id: fc.constant(index + 1),
      teamId: fc.constantFrom(null, ...TEAMS),
      // Every host is in All Hosts; the rule is about its members nevertheless.
      labels: fc
        .tuple(fc.boolean(), fc.subarray([...BUILTIN, ...CUSTOM]))
        .map(([in_, others]) => (in_ ? [BuiltinLabel.allHosts, ...others] : others)),
    }),
  ),
);
const someOf = <T>(values: readonly T[], maxLength = 3): fc.Arbitrary<T[]> =>
  fc.array(fc.constantFrom(...values), { maxLength });
const aSelection: fc.Arbitrary<Selection> = fc.record({
  hosts: someOf([1, 2, 30, HOSTS, HOSTS + 1, 0, -1, NOWHERE]),
  labels: someOf<number>([...CUSTOM, ...BUILTIN, BuiltinLabel.allHosts, BuiltinLabel.chrome, 999, NOWHERE]),
  teams: someOf([0, ...TEAMS, 99, UNKNOWN_TEAM, NOWHERE]),
});
const aView = fc.option(fc.subarray([...TEAMS, 99]), { nil: null });

describe('the targets of a selection', () => {
  it('are those of the rule, whatever is selected', async () => {
    let cases = 0;
    await fc.assert(
      fc.asyncProperty(
        someHosts,
        fc.array(fc.tuple(aSelection, aView), { minLength: 20, maxLength: 20 }),
        async (hosts, asked) => {
          await arrange(hosts);
          for (const [selected, visible] of asked) {
            expect(await targets.resolve(selected, visible)).toEqual(expected(hosts, selected, visible));
            cases += 1;
          }
        },
      ),
      { numRuns: 25 },
    );
    expect(cases).toBeGreaterThanOrEqual(500);
  });

  it('are none for a label that does not exist, alone or beside a team', async () => {
    await arrange([{ id: 1, teamId: 1, labels: [BuiltinLabel.allHosts] }]);
    expect(await targets.resolve({ hosts: [], labels: [999], teams: [] }, null)).toEqual([]);
    expect(await targets.resolve({ hosts: [], labels: [999], teams: [1] }, null)).toEqual([]);
    expect(await targets.resolve({ hosts: [1], labels: [999], teams: [] }, null)).toEqual([1]);
  });
});

describe('the membership of labels', () => {
  it('is written only when it changes', async () => {
    const verdicts = [
      { hostId: 1, labelId: 1000, member: true },
      { hostId: 1, labelId: 1001, member: false },
    ];
    const versions = (): Promise<unknown> =>
      dataSource.query(`SELECT label_id, xmin FROM label_membership WHERE host_id = 1 ORDER BY label_id`);
    await membership.set(verdicts);
    const before = await versions();
    await membership.set(verdicts);
    expect(await versions()).toEqual(before);
    await membership.set([{ hostId: 1, labelId: 1000, member: false }]);
    expect(await versions()).not.toEqual(before);
  });

  it('passes over hosts and labels that do not exist, and takes the same word twice', async () => {
    const gone = [
      { hostId: 9_999, labelId: 1000, member: true },
      { hostId: 1, labelId: 9_999, member: true },
      { hostId: 2, labelId: 1002, member: true },
      { hostId: 2, labelId: 1002, member: true },
    ];
    await membership.set(gone);
    expect(
      await dataSource.query(
        `SELECT count(*)::int AS n FROM label_membership WHERE 9999 IN (host_id, label_id)`,
      ),
    ).toEqual([{ n: 0 }]);
  });
});

describe('names', () => {
  const none = { hosts: [], labels: [], teams: [] };

  it('of hosts are hostnames, serials, uuids, and ids that are no name', async () => {
    await dataSource.query(`UPDATE hosts SET hostname = '7' WHERE id = 8`);
    await dataSource.query(`UPDATE hosts SET hostname = 'twin' WHERE id IN (10, 11)`);
    const hosts = [
      ' host-1 ',
      'serial-2',
      '00000000-0000-4000-8000-000000000003',
      '4',
      '7',
      'twin',
      'HOST-5',
      'nobody',
      '',
      '  ',
      '99999999999999',
      'nul\0',
    ];
    const found = await targets.resolveNames({ ...none, hosts });
    expect([...found.hosts].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 8, 10, 11]);
  });

  it('that are empty mean nothing', async () => {
    expect(await targets.resolveNames({ hosts: [''], labels: ['', ' '], teams: [''] })).toEqual(none);
  });

  it('of labels are exact; unknown ones are said', async () => {
    expect(await targets.resolveNames({ ...none, labels: [' All Hosts ', 'custom 1'] })).toMatchObject({
      labels: [1, 1000],
    });
    await expect(
      targets.resolveNames({ ...none, labels: ['all hosts', 'custom 1', 'nothing'] }),
    ).rejects.toMatchObject({ code: 'malformed', message: 'Invalid label name(s): all hosts, nothing.' });
  });

  it('of teams that nobody knows widen nothing', async () => {
    await arrange([{ id: 1, teamId: 1, labels: [BuiltinLabel.allHosts, 1000] }]);
    expect((await targets.resolveNames({ ...none, teams: ['Red', 'No team'] })).teams).toEqual([1, 0]);
    const selected = await targets.resolveNames({ ...none, labels: ['custom 1'], teams: ['red'] });
    expect(selected.teams).toEqual([UNKNOWN_TEAM]);
    expect(await targets.resolve(selected, null)).toEqual([]);
  });
});
