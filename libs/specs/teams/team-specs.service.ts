import { Injectable } from '@nestjs/common';
import { isDeepStrictEqual } from 'node:util';
import { require } from '#libs/platform/auth/index';
import { foldNames, takeTurns } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import {
  checkAgentOptions,
  checkSecrets,
  checkTeamName,
  createSecret,
  type StoredTeam,
  TeamSets,
} from '#libs/sessions/index';
import { type SpecCall, SpecCalls } from '../spec-calls.service.js';
import { compare, lastOfEach, type SpecChange } from '../spec-change.js';
import { type TeamSpec } from './team-spec.js';

type Options = Readonly<Record<string, unknown>> | null;

/** A team as a spec wants it. */
interface Wanted {
  readonly key: string;
  readonly name: string;
  /** undefined: they stay. */
  readonly options: Options | undefined;
  /** null: they stay. */
  readonly secrets: readonly string[] | null;
}

const MASK = '********';

/** Teams as specs: their agent options and enroll secrets. */
@Injectable()
export class TeamSpecsService {
  constructor(
    private readonly teams: TeamSets,
    private readonly calls: SpecCalls,
  ) {}

  /**
   * @param force agent options may hold keys that are not known
   * @returns with the ids of all of them, by name
   * @throws DomainError forbidden; malformed (a key); invalid (`name`, `secrets`); already_exists (a secret)
   */
  async apply(
    call: SpecCall,
    specs: readonly (TeamSpec | null)[],
    force: boolean,
  ): Promise<{ changes: SpecChange[]; ids: ReadonlyMap<string, number> }> {
    const { tx, caller, list } = call;
    await takeTurns(tx, 'teams');
    const given = specs.map((spec) => spec?.name.trim().normalize('NFC') ?? '');
    const keys = await foldNames(tx, given);
    const present = new Map((await this.teams.lock(tx, keys)).map((team) => [team.key, team]));
    specs.forEach((spec, index) => {
      const team = spec && present.get(keys[index] ?? '');
      if (team) require(caller, 'team:write', team.id);
      else if (spec) require(caller, 'team:create', null);
    });
    const wanted = lastOfEach(
      specs.flatMap((spec, index): Wanted[] =>
        spec === null ? [] : [{ ...check(spec, `${list}[${index}]`, force), key: keys[index] ?? '' }],
      ),
    );
    const outcome = wanted.map((team) => change(team, present.get(team.key) ?? null));
    const changed = outcome.filter((one) => one.change.change !== 'unchanged');
    const changedIds = await this.teams.put(tx, changed);
    const ids = new Map<string, number>();
    for (const { before, name } of outcome) if (before) ids.set(name, before.id);
    changed.forEach(({ name }, index) => ids.set(name, changedIds[index] ?? 0));
    await this.calls.record(
      call,
      'applied_spec_team',
      'teams',
      outcome.map(({ name }) => ({ id: ids.get(name), name })),
    );
    return { changes: outcome.map((one) => one.change), ids };
  }
}

function check(spec: TeamSpec, field: string, force: boolean): Omit<Wanted, 'key'> {
  const name = checkTeamName(spec.name, `${field}.name`);
  const secrets = spec.secrets ? checkSecrets(spec.secrets, `${field}.secrets`) : null;
  const options = unwrapped(spec.agent_options);
  try {
    if (options) checkAgentOptions(options, force);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const problems = error.problems.map(({ name: key, reason }) => ({
      name: `${field}.agent_options.${key}`,
      reason,
    }));
    throw new DomainError(error.code, problems);
  }
  return { name, secrets, options };
}

/** Options may stand within a `spec` of their own. */
function unwrapped(options: Options | undefined): Options | undefined {
  if (!options || Object.keys(options).join() !== 'spec') return options;
  const inner = options['spec'];
  if (inner === null) return null;
  return typeof inner === 'object' && !Array.isArray(inner) ? (inner as Options) : options;
}

function change({ name, options, secrets }: Wanted, before: StoredTeam | null) {
  const agentOptions = options === undefined ? (before?.agentOptions ?? null) : options;
  const stay = secrets === null || sameSecrets(before?.secrets ?? [], secrets);
  const compared = compare('team', before && { name: before.name, agent_options: before.agentOptions }, {
    name,
    agent_options: agentOptions,
  });
  const masked = { old: before?.secrets.map(() => MASK) ?? null, new: (secrets ?? [MASK]).map(() => MASK) };
  const shown: SpecChange =
    stay && before
      ? compared
      : {
          ...compared,
          change: before ? 'changed' : 'added',
          fields: { ...compared.fields, secrets: masked },
        };
  return {
    change: shown,
    before,
    name,
    agentOptions,
    // A new team has a secret unless somebody says that it has none.
    secrets: secrets ?? (before ? null : [createSecret()]),
  };
}

function sameSecrets(a: readonly string[], b: readonly string[]): boolean {
  return isDeepStrictEqual([...a].sort(), [...b].sort());
}
