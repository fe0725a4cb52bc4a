import { Injectable } from '@nestjs/common';
import { LabelSets } from '#libs/agents/index';
import { may, require } from '#libs/platform/auth/index';
import { foldNames, takeTurns } from '#libs/platform/database/index';
import { DomainError, type FieldProblem, notFound } from '#libs/platform/errors/index';
import {
  checkPolicyFields,
  NO_TEAM,
  type PolicyFields,
  type PolicyOwner,
  PolicySets,
} from '#libs/queries/index';
import { TeamSets } from '#libs/sessions/index';
import { type SpecCall, SpecCalls } from '../spec-calls.service.js';
import { compare, type SpecChange } from '../spec-change.js';
import { SpecSqlCheck } from '../spec-sql.service.js';
import { type PolicySpec, toPolicySpec } from './policy-spec.js';

type Owner = PolicyOwner & { readonly team: string };
type Named = ReadonlyMap<string, { readonly id: number; readonly name: string }>;

/** Policies as specs: a name within a team, no team or all hosts says which. */
@Injectable()
export class PolicySpecsService {
  constructor(
    private readonly policies: PolicySets,
    private readonly teams: TeamSets,
    private readonly labels: LabelSets,
    private readonly sql: SpecSqlCheck,
    private readonly calls: SpecCalls,
  ) {}

  /**
   * The caller is the author of what changes. The platform of one that is there stays.
   * @throws DomainError forbidden (any of them, before anything else); not_found (a team); malformed (a field, SQL, a label, a name twice)
   */
  async apply(call: SpecCall, specs: readonly PolicySpec[]): Promise<SpecChange[]> {
    const { tx, caller, list } = call;
    const owners = await this.allowed(call, specs);
    const checked = specs.map((spec, index) => checkSpec(spec, `${list}[${index}]`));
    await this.sql.check(
      specs.map(({ name, query }, index) => ({
        field: `${list}[${index}].query`,
        kind: 'policy',
        name,
        sql: query,
      })),
    );
    await takeTurns(tx, 'policies');
    const known = await this.labels.byNames(
      tx,
      specs.flatMap((spec) => [...spec.labels_include_any, ...spec.labels_exclude_any]),
    );
    const keys = await foldNames(
      tx,
      checked.map(({ name }) => name),
    );
    const wanted = specs.map((spec, index) => ({
      owner: owners[index] ?? { scope: 'global' as const, teamId: null, team: '' },
      fields: checked[index] as PolicyFields,
      key: keys[index] ?? '',
      include: labelsOf(spec.labels_include_any, known, `${list}[${index}].labels_include_any`),
      exclude: labelsOf(spec.labels_exclude_any, known, `${list}[${index}].labels_exclude_any`),
    }));
    refuseTwice(wanted, list);
    const present = await this.policies.lock(
      tx,
      wanted.map(({ owner, key }) => ({ ...owner, key })),
    );
    const byKey = new Map(present.map((policy) => [keyOf(policy, policy.key), policy]));
    const outcome = wanted.map(({ owner, fields: given, key, include, exclude }) => {
      const before = byKey.get(keyOf(owner, key)) ?? null;
      const fields = before ? { ...given, platform: before.platform } : given;
      const names = { includeAny: namesOf(include), excludeAny: namesOf(exclude) };
      const after = toPolicySpec(fields, owner.team, names);
      const change = compare('policy', before && toPolicySpec(before, owner.team, before), after);
      const labels = [
        ...include.map(({ id }) => ({ labelId: id, exclude: false })),
        ...exclude.map(({ id }) => ({ labelId: id, exclude: true })),
      ];
      return { change, before, after, owner, fields, labels };
    });
    await this.policies.put(
      tx,
      caller.userId,
      outcome.filter(({ change }) => change.change !== 'unchanged'),
    );
    await this.calls.record(
      call,
      'applied_spec_policy',
      'policies',
      outcome.map(({ after }) => after),
    );
    return outcome.map(({ change }) => change);
  }

  /** Whose each policy is to be, once the caller may change all of them. */
  private async allowed({ tx, caller }: SpecCall, specs: readonly PolicySpec[]): Promise<Owner[]> {
    const teams = await this.teams.byNames(
      tx,
      specs.map(({ team }) => team),
    );
    const isNoTeam = (team: string): boolean => team.toLowerCase() === NO_TEAM.toLowerCase();
    for (const { team } of specs)
      if (!may(caller, 'policy:write', teams.get(team)?.id ?? null)) require(caller, 'policy:write', null);
    return specs.map(({ team }) => {
      if (team === '') return { scope: 'global', teamId: null, team: '' };
      if (isNoTeam(team)) return { scope: 'no_team', teamId: null, team: NO_TEAM };
      const found = teams.get(team);
      if (!found) throw notFound('Team', team);
      return { scope: 'team', teamId: found.id, team: found.name };
    });
  }
}

function keyOf({ scope, teamId }: PolicyOwner, key: string): string {
  return `${scope} ${teamId ?? 0} ${key}`;
}

function checkSpec(spec: PolicySpec, field: string): PolicyFields {
  const problems: FieldProblem[] = checkPolicyFields(spec).map(({ name, reason }) => ({
    name: `${field}.${name}`,
    reason: `policy spec payload verification: ${reason}`,
  }));
  if (spec.labels_include_any.length > 0 && spec.labels_exclude_any.length > 0)
    problems.push({
      name: `${field}.labels_exclude_any`,
      reason:
        'policy spec payload verification: only one of labels_include_any and labels_exclude_any can be given',
    });
  if (problems.length > 0) throw new DomainError('malformed', problems);
  if (spec.software_title_id) throw notFound('Software title', spec.software_title_id);
  if (spec.script_id)
    throw new DomainError('invalid', {
      name: `${field}.script_id`,
      reason: 'policies do not run scripts: leave script_id out',
    });
  const { name, query, description, resolution, critical } = spec;
  const platform = spec.platform
    .split(',')
    .map((one) => one.trim())
    .join(',');
  return { name: name.trim(), query, description, resolution, platform, critical };
}

function refuseTwice(
  policies: readonly { readonly owner: Owner; readonly key: string }[],
  list: string,
): void {
  const taken = new Set<string>();
  policies.forEach(({ owner, key }, index) => {
    const whole = keyOf(owner, key);
    if (taken.has(whole))
      throw new DomainError('malformed', {
        name: `${list}[${index}].name`,
        reason: 'duplicate policy names not allowed',
      });
    taken.add(whole);
  });
}

/** @throws DomainError malformed */
function labelsOf(names: readonly string[], known: Named, field: string): { id: number; name: string }[] {
  const found = names.map((name) => {
    const label = known.get(name);
    if (label) return label;
    throw new DomainError('malformed', { name: field, reason: `label "${name}" does not exist` });
  });
  return [...new Map(found.map((label) => [label.id, label])).values()];
}

function namesOf(things: readonly { readonly name: string }[]): string[] {
  return things.map(({ name }) => name);
}
