import { type StandingBlock } from '#libs/protocol/index';
import { Configurations, differenceBetween } from './configurations.js';
import {
  type Definitions,
  type PackDefinition,
  type PolicyDefinition,
  type ScheduleDefinition,
} from './definitions.repository.js';

const empty: Definitions = { labels: [], policies: [], packs: [], schedules: [], teams: [] };
const policy = (id: number, more: Partial<PolicyDefinition> = {}): PolicyDefinition => ({
  id,
  scope: 'global',
  teamId: null,
  query: `select ${id}`,
  platform: '',
  includeAny: [],
  excludeAny: [],
  ...more,
});
const schedule = (id: number, more: Partial<ScheduleDefinition> = {}): ScheduleDefinition => ({
  id,
  teamId: null,
  name: `q${id}`,
  query: `select ${id}`,
  interval: 60,
  platform: '',
  version: '',
  logging: 'snapshot',
  automationsEnabled: false,
  discardData: false,
  labelIds: [],
  ...more,
});
const pack = (more: Partial<PackDefinition> = {}): PackDefinition => ({
  id: 1,
  name: 'ops',
  platform: '',
  labelIds: [],
  teamIds: [],
  queries: [
    {
      name: 'q',
      queryId: 5,
      query: 'select 1',
      discardData: false,
      interval: 60,
      snapshot: null,
      removed: null,
      platform: '',
      version: '',
      shard: null,
    },
  ],
  ...more,
});

interface Host {
  teamId?: number | null;
  platform?: string;
  labels?: number[];
}
function blocksOf(
  definitions: Partial<Definitions>,
  { teamId = null, platform = 'debian', labels = [] }: Host = {},
): readonly StandingBlock[] {
  return new Configurations({ ...empty, ...definitions }).of({ teamId, platform }, labels).blocks;
}
const idsOf = (blocks: readonly StandingBlock[]): number[] =>
  blocks.flatMap((block) =>
    block.kind === 'labels'
      ? block.labels.map(({ id }) => id)
      : block.kind === 'policies'
        ? block.policies.map(({ id }) => id)
        : [],
  );
const namesOf = (blocks: readonly StandingBlock[]): string[] =>
  blocks.flatMap((block) =>
    block.kind === 'pack' ? block.queries.map(({ name }) => `${block.pack}/${name}`) : [],
  );

it('nothing to do is no block', () => {
  expect(blocksOf({})).toEqual([]);
});

it('labels are those without a platform, and those of the host’s', () => {
  const labels = ['', 'debian', 'darwin'].map((platform, i) => ({ id: i + 1, query: 'select 1', platform }));
  expect(idsOf(blocksOf({ labels }))).toEqual([1, 2]);
  expect(idsOf(blocksOf({ labels }, { platform: 'darwin' }))).toEqual([1, 3]);
});

it('policies are the global ones and those of the team or of none, for the platform, within their labels', () => {
  const policies = [
    policy(1),
    policy(2, { scope: 'team', teamId: 7 }),
    policy(3, { scope: 'no_team' }),
    policy(4, { platform: 'darwin,windows' }),
    policy(5, { platform: 'linux' }),
    policy(6, { includeAny: [20, 21] }),
    policy(7, { excludeAny: [20] }),
  ];
  expect(idsOf(blocksOf({ policies }))).toEqual([1, 3, 5, 7]);
  expect(idsOf(blocksOf({ policies }, { teamId: 7, platform: 'windows' }))).toEqual([1, 2, 4, 7]);
  expect(idsOf(blocksOf({ policies }, { teamId: 8, labels: [20] }))).toEqual([1, 5, 6]);
});

it('packs reach the hosts of one of their labels or teams', () => {
  const packs = [pack({ labelIds: [20], teamIds: [7] })];
  expect(namesOf(blocksOf({ packs }))).toEqual([]);
  expect(namesOf(blocksOf({ packs }, { labels: [20] }))).toEqual(['ops/q']);
  expect(namesOf(blocksOf({ packs }, { teamId: 7 }))).toEqual(['ops/q']);
  expect(namesOf(blocksOf({ packs: [pack()] }, { teamId: 7, labels: [20] }))).toEqual([]);
});

it('saved queries with an interval are the pack Global, and a team’s its own', () => {
  const schedules = [
    schedule(1),
    schedule(2, { teamId: 7 }),
    schedule(3, { labelIds: [20] }),
    schedule(4, { discardData: true }),
    schedule(5, { logging: 'differential' }),
    schedule(6, { logging: 'differential_ignore_removals', automationsEnabled: true }),
  ];
  expect(namesOf(blocksOf({ schedules }))).toEqual(['Global/q1', 'Global/q6']);
  expect(namesOf(blocksOf({ schedules }, { teamId: 7, labels: [20] }))).toEqual([
    'Global/q1',
    'Global/q3',
    'Global/q6',
    'team-7/q2',
  ]);
  const configurations = new Configurations({ ...empty, schedules });
  expect(configurations.isLogged('Global', 'q1')).toBe(false);
  expect(configurations.isLogged('Global', 'q6')).toBe(true);
  expect(configurations.isReportOf(1, 'Global', 'q1')).toBe(true);
  expect(configurations.isReportOf(6, 'Global', 'q6')).toBe(false);
  expect(configurations.isReportOf(1, 'ops', 'q1')).toBe(false);
});

it('options are a team’s, for the platform, without what makes no sense', () => {
  const options = {
    label_interval: 60,
    policy_interval: 'often',
    scripts_enabled: false,
    config: { options: { schedule_splay_percent: 20 } },
    overrides: { platforms: { darwin: { options: { schedule_splay_percent: 5 } } } },
  };
  const of = (host: Host) => blocksOf({ teams: [{ id: 7, options }] }, host);
  expect(of({ teamId: 7 })).toMatchObject([
    { id: 'options', options: { label_interval: 60, scripts_enabled: false, schedule_splay_percent: 20 } },
  ]);
  expect(of({ teamId: 7, platform: 'darwin' })).toMatchObject([{ options: { schedule_splay_percent: 5 } }]);
  expect(of({ teamId: 8 })).toEqual([]);
});

it('what a host lacks is what it does not hold, or holds otherwise', () => {
  const wanted = new Configurations({ ...empty, policies: [policy(1)], schedules: [schedule(1)] }).of(
    { teamId: null, platform: 'debian' },
    [],
  );
  expect(differenceBetween(wanted.held, wanted)).toBeNull();
  expect(differenceBetween({}, wanted)).toEqual({ remove: [], blocks: wanted.blocks });
  expect(differenceBetween({ ...wanted.held, policies: 'old', labels: 'gone' }, wanted)).toEqual({
    remove: ['labels'],
    blocks: [wanted.blocks.find(({ kind }) => kind === 'policies')],
  });
});

it('hosts that are to do the same share one configuration', () => {
  const configurations = new Configurations({ ...empty, policies: [policy(1, { includeAny: [20] })] });
  const host = { teamId: null, platform: 'debian' };
  expect(configurations.of(host, [1, 7, 20])).toBe(configurations.of(host, [20, 3]));
  expect(configurations.of(host, [1])).not.toBe(configurations.of(host, [20]));
});
