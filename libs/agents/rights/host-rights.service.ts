import { Injectable } from '@nestjs/common';
import {
  type Act,
  agentLabel,
  allowsCommand,
  type Caller,
  type CommandLine,
  hasRight,
  may,
  scopeAdmits,
  type TokenScope,
} from '#libs/platform/auth/index';
import { Database } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';

export { type CommandLine } from '#libs/platform/auth/index';

/** What has to be known of a host to say who may do something there. */
export interface RightsHost {
  readonly id: number;
  /** null: of no team. */
  readonly teamId: number | null;
}

const SQL = {
  teamNames: { name: 'rights_team_names', text: 'SELECT id, name FROM teams WHERE id = ANY($1::int[])' },
  // Of these hosts those in one of the agents' labels ($2, $3), a value reaching all under it, or in one of the server's ($4).
  labelled: {
    name: 'rights_labelled_hosts',
    text: `WITH ids AS MATERIALIZED (SELECT l.id FROM unnest($4::text[]) n JOIN labels l ON lower(l.name) = lower(n) AND l.name = n)
           SELECT h.id FROM unnest($1::int[]) AS asked(id) JOIN hosts h ON h.id = asked.id
           WHERE EXISTS (SELECT 1 FROM unnest($2::text[], $3::text[]) AS own(key, value)
                         WHERE h.labels->>own.key = own.value OR starts_with(h.labels->>own.key, own.value || '.'))
              OR EXISTS (SELECT 1 FROM ids JOIN label_membership m ON m.label_id = ids.id AND m.host_id = h.id)`,
  },
};

/** Entries of a list of allowed commands that a refusal names. */
const NAMED_COMMANDS = 10;

/** Acts that a list of commands decides about: what is run. Scripts are on no such list. */
const RUNS: ReadonlySet<Act> = new Set(['command:execute', 'shell:execute', 'script:execute']);

/**
 * Who may do what on which host, with the rule that refuses in words for people: by role, by the team, and by what an API
 * token is limited to (`token-scope.ts`).
 */
@Injectable()
export class HostRights {
  constructor(private readonly database: Database) {}

  /**
   * Of any number of hosts, in at most two statements.
   * @param command what is to be run; without it a token that is limited to commands may run nothing
   * @returns id of a host → why not; hosts where the caller may are not in it
   */
  async refusals(
    caller: Caller,
    act: Act,
    hosts: readonly RightsHost[],
    command?: CommandLine,
  ): Promise<ReadonlyMap<number, string>> {
    const { scope } = caller;
    const everywhere = refusedAnywhere(caller, act, command);
    if (everywhere !== null) return new Map(hosts.map(({ id }) => [id, everywhere]));
    const refused = new Map<number, string>();
    const within: RightsHost[] = [];
    const outside = hosts.filter((host) =>
      may(caller, act, host.teamId) ? (within.push(host), false) : true,
    );
    if (outside.length > 0) {
      const names = await this.teamNames(caller, outside);
      const rules = new Map<number | null, string>();
      for (const { id, teamId } of outside) {
        const rule = rules.get(teamId) ?? roleRule(caller, act, teamId, names);
        rules.set(teamId, rule);
        refused.set(id, rule);
      }
    }
    if (scope?.labels && within.length > 0) {
      const ids = within.map(({ id }) => id);
      const labelled = await this.labelled(ids, scope.labels);
      const rule = `${tokenOf(scope)} is limited to ${list('label', scope.labels)}`;
      for (const { id } of within) if (!labelled.has(id)) refused.set(id, rule);
    }
    return refused;
  }

  /** @throws DomainError forbidden, with the rule that refuses one of the hosts */
  async require(
    caller: Caller,
    act: Act,
    hosts: readonly RightsHost[],
    command?: CommandLine,
  ): Promise<void> {
    const [refusal] = (await this.refusals(caller, act, hosts, command)).values();
    if (refusal !== undefined) throw new DomainError('forbidden', refusal);
  }

  /** Names of the teams that a rule may have to name; only such as the caller knows of. */
  private async teamNames(
    { scope, teamRoles }: Caller,
    hosts: readonly RightsHost[],
  ): Promise<ReadonlyMap<number, string>> {
    const ids = new Set([
      ...hosts.map(({ teamId }) => teamId).filter((id) => id !== null && teamRoles.has(id)),
    ]);
    for (const id of scope?.teams ?? []) ids.add(id);
    if (ids.size === 0) return new Map();
    const rows = await this.database.query<{ id: number; name: string }>(SQL.teamNames, [[...ids]]);
    return new Map(rows.map(({ id, name }) => [id, name]));
  }

  /**
   * Those of these hosts that are in one of these labels.
   * @param labels agents' own as `key:value`, a value reaching all under it; others by name
   */
  async labelled(hostIds: readonly number[], labels: readonly string[]): Promise<ReadonlySet<number>> {
    const own = labels.map(agentLabel).filter((label) => label !== null);
    const rows = await this.database.query<{ id: number }>(SQL.labelled, [
      hostIds,
      own.map(({ key }) => key),
      own.map(({ value }) => value),
      labels.filter((label) => agentLabel(label) === null),
    ]);
    return new Set(rows.map(({ id }) => id));
  }
}

/** The rule that refuses on whatever host; null: it depends on the host. */
function refusedAnywhere(caller: Caller, act: Act, command: CommandLine | undefined): string | null {
  const { scope } = caller;
  if (!hasRight(caller, act))
    return `${scope === null ? 'the token in use' : tokenOf(scope)} does not have the right ${act}`;
  if (scope === null) return null;
  if (!scopeAdmits(scope, act)) return `${tokenOf(scope)} is limited, and ${act} is not among what it may`;
  if (scope.commands === null || !RUNS.has(act)) return null;
  if (command === undefined || !allowsCommand(scope.commands, command)) return commandsRule(scope);
  const beside = command.beside ?? [];
  return beside.length > 0
    ? `${tokenOf(scope)} runs its commands as they are listed: without ${beside.join(', ')}`
    : null;
}

function commandsRule(scope: TokenScope): string {
  const commands = scope.commands ?? [];
  if (commands.length === 0) return `${tokenOf(scope)} allows no commands`;
  const more = commands.length > NAMED_COMMANDS ? `; and ${commands.length - NAMED_COMMANDS} more` : '';
  return `${tokenOf(scope)} allows only these commands: ${commands.slice(0, NAMED_COMMANDS).join('; ')}${more}`;
}

/** Why `may` says no, once the token as such is let in. */
function roleRule(
  { globalRole, teamRoles, scope }: Caller,
  act: Act,
  teamId: number | null,
  names: ReadonlyMap<number, string>,
): string {
  if (scope?.teams && (teamId === null || !scope.teams.includes(teamId))) {
    const teams = scope.teams.map((id) => `"${names.get(id) ?? id}"`);
    return `${tokenOf(scope)} is limited to ${list('team', teams)}`;
  }
  if (globalRole !== null) return `your role (${globalRole}) does not allow ${act}`;
  const role = teamId === null ? undefined : teamRoles.get(teamId);
  if (teamId !== null && role !== undefined)
    return `your role on team "${names.get(teamId) ?? teamId}" (${role}) does not allow ${act}`;
  return teamId === null
    ? `the host is in no team, and your roles are on teams: they do not allow ${act} there`
    : `you have no role on the team of the host: ${act} is not allowed`;
}

function tokenOf({ token }: TokenScope): string {
  return `the token "${token}"`;
}

function list(what: string, names: readonly string[]): string {
  if (names.length === 0) return `no ${what}`;
  return `${what}${names.length > 1 ? 's' : ''} ${names.join(', ')}`;
}
