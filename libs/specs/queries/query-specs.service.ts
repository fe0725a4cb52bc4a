import { Injectable } from '@nestjs/common';
import { LabelSets } from '#libs/agents/index';
import { type Caller, require } from '#libs/platform/auth/index';
import { foldNames, takeTurns } from '#libs/platform/database/index';
import { DomainError, type FieldProblem, notFound } from '#libs/platform/errors/index';
import { checkQueryFields, type QueryFields, QuerySets } from '#libs/queries/index';
import { TeamSets } from '#libs/sessions/index';
import { type SpecCall, SpecCalls } from '../spec-calls.service.js';
import { compare, lastOfEach, type SpecChange } from '../spec-change.js';
import { SpecSqlCheck } from '../spec-sql.service.js';
import { fieldsOf, type QuerySpec, type QuerySpecDto, toQuerySpec } from './query-spec.js';

type Team = { readonly id: number; readonly name: string } | null;

/** Saved queries as specs: a name within a team says which. */
@Injectable()
export class QuerySpecsService {
  constructor(
    private readonly queries: QuerySets,
    private readonly teams: TeamSets,
    private readonly labels: LabelSets,
    private readonly sql: SpecSqlCheck,
    private readonly calls: SpecCalls,
  ) {}

  /** Those of no team. @throws DomainError forbidden */
  async list(caller: Caller): Promise<QuerySpecDto[]> {
    require(caller, 'query:read', null);
    return (await this.queries.ofNoTeam()).map((query) => toQuerySpec(query, query.team, query.labels));
  }

  /** @param teamId null: of no team @throws DomainError forbidden, not_found */
  async get(caller: Caller, teamId: number | null, name: string): Promise<QuerySpecDto> {
    require(caller, 'query:read', teamId);
    const query = name.includes('\0') ? null : await this.queries.named(teamId, name);
    if (!query) throw notFound('Query', name);
    return toQuerySpec(query, query.team, query.labels);
  }

  /**
   * Absent fields are reset; the caller is the author of what changes.
   * @throws DomainError forbidden; not_found (a team); malformed (a field, SQL); invalid (a label)
   */
  async apply(call: SpecCall, specs: readonly QuerySpec[]): Promise<SpecChange[]> {
    const { tx, caller, list } = call;
    const teams = await this.allowed(call, specs);
    const checked = specs.map((spec, index) => checkSpec(spec, `${list}[${index}]`));
    await this.sql.check(
      specs.map(({ name, query }, index) => ({
        field: `${list}[${index}].query`,
        kind: 'query',
        name,
        sql: query,
      })),
    );
    await takeTurns(tx, 'queries');
    const labels = await this.labels.byNames(
      tx,
      specs.flatMap((spec) => spec.labels_include_any),
    );
    const keys = await foldNames(
      tx,
      checked.map(({ name }) => name),
    );
    const wanted = lastOfEach(
      checked.map((fields, index) => {
        const team = teams[index] ?? null;
        const limits = limitsOf(specs[index]?.labels_include_any ?? [], labels, `${list}[${index}]`);
        const nameKey = keys[index] ?? '';
        return { fields, team, limits, nameKey, key: `${team?.id ?? 0} ${nameKey}` };
      }),
    );
    const present = await this.queries.lock(
      tx,
      wanted.map(({ team, nameKey }) => ({ teamId: team?.id ?? null, key: nameKey })),
    );
    const byKey = new Map(present.map((query) => [`${query.teamId ?? 0} ${query.key}`, query]));
    const outcome = wanted.map(({ fields, team, limits, key }) => {
      const before = byKey.get(key) ?? null;
      const after = toQuerySpec(
        fields,
        team?.name ?? '',
        limits.map(({ name }) => name),
      );
      const change = compare('query', before && toQuerySpec(before, before.team, before.labels), after);
      const labelIds = limits.map(({ id }) => id);
      return { change, after, before, fields, teamId: team?.id ?? null, labelIds };
    });
    await this.queries.put(
      tx,
      caller.userId,
      outcome.filter(({ change }) => change.change !== 'unchanged'),
    );
    await this.calls.record(
      call,
      'applied_spec_saved_query',
      'specs',
      outcome.map(({ after }) => after),
    );
    return outcome.map(({ change }) => change);
  }

  /** The team of each spec, once the caller may change all of them. */
  private async allowed({ tx, caller }: SpecCall, specs: readonly QuerySpec[]): Promise<Team[]> {
    const teams = await this.teams.byNames(
      tx,
      specs.map(({ team }) => team),
    );
    for (const { team } of specs) {
      require(caller, 'query:write', teams.get(team)?.id ?? null);
      if (team !== '' && !teams.has(team)) throw notFound('Team', team);
    }
    return specs.map(({ team }) => teams.get(team) ?? null);
  }
}

function checkSpec(spec: QuerySpec, field: string): QueryFields {
  try {
    return checkQueryFields(fieldsOf(spec));
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const problems = error.problems.map(({ name, reason }): FieldProblem => ({
      name: `${field}.${name}`,
      reason: `query payload verification: ${reason}`,
    }));
    throw new DomainError('malformed', problems);
  }
}

/** @throws DomainError invalid */
function limitsOf(
  names: readonly string[],
  labels: ReadonlyMap<string, { readonly id: number; readonly name: string }>,
  field: string,
): { id: number; name: string }[] {
  const found = names.map((name) => {
    const label = labels.get(name);
    if (label) return label;
    throw new DomainError('invalid', {
      name: `${field}.labels_include_any`,
      reason: `label not found: "${name}"`,
    });
  });
  return [...new Map(found.map((label) => [label.id, label])).values()];
}
