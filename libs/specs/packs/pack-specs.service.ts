import { Injectable } from '@nestjs/common';
import { LabelSets } from '#libs/agents/index';
import { type Caller, require } from '#libs/platform/auth/index';
import { foldNames, takeTurns } from '#libs/platform/database/index';
import { DomainError, type FieldProblem, notFound } from '#libs/platform/errors/index';
import { isPlatformList, PackSets, type ScheduledQuery } from '#libs/queries/index';
import { TeamSets } from '#libs/sessions/index';
import { type SpecCall, SpecCalls } from '../spec-calls.service.js';
import { compare, lastOfEach, type SpecChange } from '../spec-change.js';
import { type PackSpec, type PackSpecDto, scheduledOf, toPackSpec, toStoredSpec } from './pack-spec.js';

const MAX_INTERVAL_SECONDS = 604_800;

type Named = ReadonlyMap<string, { readonly id: number; readonly name: string }>;

/** Packs as specs. */
@Injectable()
export class PackSpecsService {
  constructor(
    private readonly packs: PackSets,
    private readonly labels: LabelSets,
    private readonly teams: TeamSets,
    private readonly calls: SpecCalls,
  ) {}

  /** @throws DomainError forbidden */
  async list(caller: Caller): Promise<PackSpecDto[]> {
    require(caller, 'pack:read', null);
    return (await this.packs.all()).map(toStoredSpec);
  }

  /** @throws DomainError forbidden, not_found */
  async get(caller: Caller, name: string): Promise<PackSpecDto> {
    require(caller, 'pack:read', null);
    const pack = name.includes('\0') ? null : await this.packs.named(name);
    if (!pack) throw notFound('Pack', name);
    return toStoredSpec(pack);
  }

  /**
   * Queries and targets of each are replaced.
   * @throws DomainError forbidden; malformed (a field); already_exists (two queries under one name); invalid (an unknown query, label
   *   or team)
   */
  async apply(call: SpecCall, specs: readonly PackSpec[]): Promise<SpecChange[]> {
    const { tx, caller, list } = call;
    require(caller, 'pack:write', null);
    specs.forEach((spec, index) => checkSpec(spec, `${list}[${index}]`));
    await takeTurns(tx, 'packs');
    const known = await this.referredTo(call, specs);
    const keys = await foldNames(
      tx,
      specs.map(({ name }) => name.trim()),
    );
    const wanted = lastOfEach(
      specs.map((spec, index) => ({
        ...resolve(spec, known, `${list}[${index}]`),
        fields: {
          name: spec.name.trim(),
          description: spec.description,
          platform: platformsOf(spec.platform),
          disabled: spec.disabled,
        },
        key: keys[index] ?? '',
      })),
    );
    const present = await this.packs.lock(
      tx,
      wanted.map(({ key }) => key),
    );
    const byKey = new Map(present.map((pack) => [pack.key, pack]));
    const outcome = wanted.map((pack) => {
      const before = byKey.get(pack.key) ?? null;
      const targets = { labels: namesOf(pack.labels), teams: namesOf(pack.teams) };
      const after = toPackSpec(pack.fields, targets, pack.scheduled);
      const old = before && toPackSpec(before, before, before.queries);
      return {
        change: compare('pack', old, after),
        before,
        after,
        fields: pack.fields,
        queries: pack.scheduled,
        labelIds: pack.labels.map(({ id }) => id),
        teamIds: pack.teams.map(({ id }) => id),
      };
    });
    await this.packs.put(
      tx,
      outcome.filter(({ change }) => change.change !== 'unchanged'),
    );
    await this.calls.record(
      call,
      'applied_spec_pack',
      'specs',
      outcome.map(({ after }) => after),
    );
    return outcome.map(({ change }) => change);
  }

  /** What the packs name: saved queries of no team, labels, teams. */
  private async referredTo(
    { tx }: SpecCall,
    specs: readonly PackSpec[],
  ): Promise<{ queries: ReadonlyMap<string, number>; labels: Named; teams: Named }> {
    const [queries, labels, teams] = await Promise.all([
      this.packs.schedulable(
        tx,
        specs.flatMap((spec) => spec.queries.map(({ query }) => query)),
      ),
      this.labels.byNames(
        tx,
        specs.flatMap(({ targets }) => targets.labels),
      ),
      this.teams.byNames(
        tx,
        specs.flatMap(({ targets }) => targets.teams),
      ),
    ]);
    return { queries, labels, teams };
  }
}

function checkSpec(spec: PackSpec, field: string): void {
  const problems: FieldProblem[] = [];
  const complain = (name: string, reason: string): unknown =>
    problems.push({ name: `${field}.${name}`, reason: `pack payload verification: ${reason}` });
  if (spec.name.trim() === '') complain('name', 'pack name cannot be empty');
  if (!isPlatformList(spec.platform)) complain('platform', platformReason("pack's"));
  spec.queries.forEach(({ interval, platform }, index) => {
    if (!Number.isInteger(interval) || interval < 1 || interval > MAX_INTERVAL_SECONDS)
      complain(
        `queries[${index}].interval`,
        `pack scheduled query interval must be an integer greater than 1 and less than ${MAX_INTERVAL_SECONDS}`,
      );
    if (!isPlatformList(platform)) complain(`queries[${index}].platform`, platformReason("query's"));
  });
  if (problems.length > 0) throw new DomainError('malformed', problems);
}

function platformReason(whose: string): string {
  return `${whose} platform must be a comma-separated list of 'darwin', 'linux', 'windows', and/or 'chrome' in a single string`;
}

function platformsOf(text: string): string {
  return text
    .split(',')
    .map((platform) => platform.trim())
    .join(',');
}

/** What a pack names, by ids; every name twice is one. @throws DomainError */
function resolve(
  spec: PackSpec,
  known: { readonly queries: ReadonlyMap<string, number>; readonly labels: Named; readonly teams: Named },
  field: string,
): {
  scheduled: (ScheduledQuery & { queryId: number })[];
  labels: { id: number; name: string }[];
  teams: { id: number; name: string }[];
} {
  const taken = new Set<string>();
  const scheduled = scheduledOf(spec).map((query, index) => {
    const name = `${field}.queries[${index}]`;
    const queryId = known.queries.get(query.query);
    if (queryId === undefined)
      throw new DomainError('invalid', {
        name: `${name}.query`,
        reason: `cannot schedule unknown query '${query.query}'`,
      });
    if (taken.has(query.name))
      throw new DomainError('already_exists', {
        name: `${name}.name`,
        reason: `pack "${spec.name}": query "${query.name}" already exists`,
      });
    taken.add(query.name);
    return { ...query, platform: platformsOf(query.platform), queryId };
  });
  const pick = (kind: 'label' | 'team', names: readonly string[], all: Named) => {
    const found = names.map((name) => {
      const one = all.get(name);
      if (one) return one;
      throw new DomainError('invalid', {
        name: `${field}.targets.${kind}s`,
        reason: `pack "${spec.name}": there is no ${kind} "${name}"`,
      });
    });
    return [...new Map(found.map((one) => [one.id, one])).values()];
  };
  return {
    scheduled,
    labels: pick('label', spec.targets.labels, known.labels),
    teams: pick('team', spec.targets.teams, known.teams),
  };
}

function namesOf(things: readonly { readonly name: string }[]): string[] {
  return things.map(({ name }) => name);
}
