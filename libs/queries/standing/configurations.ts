import { createHash } from 'node:crypto';
import {
  type HeldBlocks,
  type ScheduledQuery,
  type Standing,
  type StandingBlock,
} from '#libs/protocol/index';
import { standingOptionsOf } from './agent-options.js';
import {
  type Definitions,
  type HostScope,
  type PackDefinition,
  type PackQueryDefinition,
  type PolicyDefinition,
  type ScheduleDefinition,
} from './definitions.repository.js';

/** All blocks of a host. Hosts that are to do the same share one. */
export interface Configuration {
  readonly blocks: readonly StandingBlock[];
  readonly held: HeldBlocks;
}

type Content = StandingBlock extends infer Block
  ? Block extends unknown
    ? Omit<Block, 'hash'>
    : never
  : never;

/** The pack of saved queries that have an interval and belong to no team; a team's is `team-<id>`. */
const GLOBAL_PACK = 'Global';
const FAMILIES = ['darwin', 'windows', 'chrome'];

/** Who does what: made once from all definitions, asked for each host. */
export class Configurations {
  private readonly byScope = new Map<string, Configuration>();
  private readonly labelIds: ReadonlySet<number>;
  private readonly policyIds: ReadonlySet<number>;
  private readonly targeting: ReadonlySet<number>;
  private readonly reports = new Map<number, string[]>();
  private readonly unlogged = new Set<string>();

  constructor(private readonly definitions: Definitions) {
    const { labels, policies, packs, schedules } = definitions;
    this.labelIds = new Set(labels.map(({ id }) => id));
    this.policyIds = new Set(policies.map(({ id }) => id));
    this.targeting = new Set([
      ...policies.flatMap(({ includeAny, excludeAny }) => [...includeAny, ...excludeAny]),
      ...[...packs, ...schedules].flatMap(({ labelIds }) => labelIds),
    ]);
    for (const query of schedules)
      if (!query.automationsEnabled) this.unlogged.add(`${packOf(query)}/${query.name}`);
    for (const { name, queries } of packs)
      for (const query of queries.filter(keepsReport)) this.know(query.queryId, `${name}/${query.name}`);
    for (const query of schedules.filter(isReported)) this.know(query.id, `${packOf(query)}/${query.name}`);
  }

  /** Whether it matters here which hosts are in this label. */
  isTargeting(labelId: number): boolean {
    return this.targeting.has(labelId);
  }

  get hasTargetingLabels(): boolean {
    return this.targeting.size > 0;
  }

  /** Whether hosts are asked about this label: nobody else's word about it counts. */
  asksLabel(id: number): boolean {
    return this.labelIds.has(id);
  }

  asksPolicy(id: number): boolean {
    return this.policyIds.has(id);
  }

  /** Whether this saved query's report is what the named query of a pack finds. */
  isReportOf(queryId: number, pack: string, name: string): boolean {
    return this.reports.get(queryId)?.includes(`${pack}/${name}`) ?? false;
  }

  /** Whether its results go to the results log. */
  isLogged(pack: string, name: string): boolean {
    return !this.unlogged.has(`${pack}/${name}`);
  }

  /** @param memberOf labels that the host is in */
  of({ teamId, platform }: Omit<HostScope, 'hostId'>, memberOf: readonly number[]): Configuration {
    const labels = memberOf.filter((id) => this.targeting.has(id)).sort((a, b) => a - b);
    const key = JSON.stringify([teamId, platform, labels]);
    const known = this.byScope.get(key);
    if (known) return known;
    const blocks = this.blocksOf(teamId, platform, new Set(labels)).map(hashed);
    const made = { blocks, held: Object.fromEntries(blocks.map(({ id, hash }) => [id, hash])) };
    this.byScope.set(key, made);
    return made;
  }

  private know(queryId: number, key: string): void {
    this.reports.set(queryId, [...(this.reports.get(queryId) ?? []), key]);
  }

  private blocksOf(teamId: number | null, platform: string, memberOf: ReadonlySet<number>): Content[] {
    const { definitions } = this;
    const inOneOf = (labels: readonly number[]): boolean => labels.some((id) => memberOf.has(id));
    const options = definitions.teams.find(({ id }) => id === teamId)?.options ?? {};
    const labels = definitions.labels
      .filter((label) => label.platform === '' || label.platform === platform)
      .map(({ id, query }) => ({ id, sql: query }));
    const policies = definitions.policies
      .filter((policy) => isOf(policy, teamId) && isFor(policy.platform, platform))
      .filter(({ includeAny, excludeAny }) => isOpen(includeAny, inOneOf) && !inOneOf(excludeAny))
      .map(({ id, query }) => ({ id, sql: query }));
    const packs = definitions.packs
      .filter(({ labelIds, teamIds }) => inOneOf(labelIds) || (teamId !== null && teamIds.includes(teamId)))
      .map(packBlock);
    const schedules = [null, ...(teamId === null ? [] : [teamId])].map((team) =>
      scheduleBlock(
        team,
        definitions.schedules.filter((query) => query.teamId === team && isOpen(query.labelIds, inOneOf)),
      ),
    );
    const blocks: Content[] = [
      { id: 'options', kind: 'options', options: standingOptionsOf(options, platform) },
      { id: 'labels', kind: 'labels', labels },
      { id: 'policies', kind: 'policies', policies },
      ...packs,
      ...schedules,
    ];
    return blocks.filter(isNotEmpty);
  }
}

/** What a host is to be sent; null: nothing. */
export function differenceBetween(held: HeldBlocks, wanted: Configuration): Standing | null {
  const remove = Object.keys(held).filter((id) => wanted.held[id] === undefined);
  const blocks = wanted.blocks.filter(({ id, hash }) => held[id] !== hash);
  return remove.length === 0 && blocks.length === 0 ? null : { remove, blocks };
}

function hashed(block: Content): StandingBlock {
  const hash = createHash('sha256').update(JSON.stringify(block)).digest('hex').slice(0, 16);
  return { ...block, hash };
}

function isNotEmpty(block: Content): boolean {
  switch (block.kind) {
    case 'options':
      return Object.keys(block.options).length > 0;
    case 'labels':
      return block.labels.length > 0;
    case 'policies':
      return block.policies.length > 0;
    case 'pack':
      return block.queries.length > 0;
  }
}

/** A list of labels without entries bounds nothing. */
function isOpen(labels: readonly number[], inOneOf: (labels: readonly number[]) => boolean): boolean {
  return labels.length === 0 || inOneOf(labels);
}

function isOf({ scope, teamId }: PolicyDefinition, team: number | null): boolean {
  if (scope === 'global') return true;
  return scope === 'team' ? teamId === team : team === null;
}

/** @param list of `darwin`, `linux`, `windows`, `chrome`, of which one stands for every distribution */
function isFor(list: string, platform: string): boolean {
  const names = list.split(',').filter((name) => name !== '');
  return names.length === 0 || names.includes(FAMILIES.includes(platform) ? platform : 'linux');
}

function packBlock({ id, name, platform, queries }: PackDefinition): Content {
  return {
    id: `pack/${id}`,
    kind: 'pack',
    pack: name,
    platform,
    queries: queries.filter(({ query }) => query.trim() !== '').map(packQuery),
  };
}

function packQuery(query: PackQueryDefinition): ScheduledQuery {
  const { name, interval, platform, version, shard, snapshot, removed } = query;
  const logging = snapshot === true ? 'snapshot' : removed === false ? 'added_only' : 'removed';
  const query_id = keepsReport(query) ? query.queryId : null;
  return { query_id, name, sql: query.query, interval, logging, platform, version, shard: shard ?? 100 };
}

function keepsReport({ snapshot, discardData }: PackQueryDefinition): boolean {
  return snapshot === true && !discardData;
}

function packOf({ teamId }: Pick<ScheduleDefinition, 'teamId'>): string {
  return teamId === null ? GLOBAL_PACK : `team-${teamId}`;
}

/** Whether the server keeps the last report; what has changed since the last time is none. */
function isReported({ discardData, logging }: ScheduleDefinition): boolean {
  return !discardData && logging === 'snapshot';
}

const LOGGING = {
  snapshot: 'snapshot',
  differential: 'removed',
  differential_ignore_removals: 'added_only',
} as const;

/** A query whose results nobody wants is not run. */
function scheduleBlock(teamId: number | null, schedules: readonly ScheduleDefinition[]): Content {
  const queries = schedules
    .filter((query) => query.automationsEnabled || isReported(query))
    .map((query) => ({
      query_id: isReported(query) ? query.id : null,
      name: query.name,
      sql: query.query,
      interval: Math.min(query.interval, 604_800),
      logging: LOGGING[query.logging],
      platform: query.platform,
      version: query.version,
      shard: 100,
    }));
  const pack = packOf({ teamId });
  return { id: `schedule/${pack}`, kind: 'pack', pack, platform: '', queries };
}
