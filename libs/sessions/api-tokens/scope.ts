import { allowedCommandProblem, type Caller, labelWithin, type TokenLimits } from '#libs/platform/auth/index';
import { DomainError, type ErrorCode } from '#libs/platform/errors/index';

/** The limits that a request asks for; what is absent or null is as the asking token has it. */
export type AskedScope = Partial<TokenLimits>;

/**
 * The limits of a token that the caller asks for: nowhere wider than those of the token that asks.
 * Whether teams and labels exist is asked where they are kept.
 * @returns null: no limits
 * @throws DomainError invalid (entries that make no sense); forbidden (wider than the caller's)
 */
export function scopeOf(caller: Caller, asked: AskedScope | null | undefined): TokenLimits | null {
  const own = caller.scope;
  const teams = asked?.teams ?? null;
  if (teams !== null) {
    refuseOutside('teams', teams, (id) => own?.teams?.includes(id) ?? true);
    const reached = (id: number): boolean => caller.globalRole !== null || caller.teamRoles.has(id);
    const foreign = teams.filter((id) => !reached(id));
    if (foreign.length > 0) refuse('forbidden', 'teams', `you have no role on team ${foreign.join(', ')}`);
  }
  const labels = asked?.labels ?? null;
  if (labels !== null)
    refuseOutside('labels', labels, (label) => !own?.labels || labelWithin(label, own.labels));
  const commands = asked?.commands ?? null;
  if (commands !== null) {
    for (const entry of commands) {
      const problem = allowedCommandProblem(entry);
      if (problem !== null) refuse('invalid', 'commands', `${JSON.stringify(entry)}: ${problem}`);
    }
    // Entry by entry: whether one pattern is within another one differs between programs and lines for a shell.
    refuseOutside('commands', commands, (entry) => own?.commands?.includes(entry) ?? true);
  }
  const limits: TokenLimits = {
    teams: distinct(teams ?? own?.teams),
    labels: distinct(labels ?? own?.labels),
    commands: distinct(commands ?? own?.commands),
  };
  return Object.values(limits).every((limit) => limit === null) ? null : limits;
}

function refuseOutside<T>(name: keyof TokenLimits, asked: readonly T[], within: (value: T) => boolean): void {
  const wider = asked.filter((value) => !within(value));
  if (wider.length > 0)
    refuse('forbidden', name, `a token makes none that reaches further than itself: not ${wider.join(', ')}`);
}

function refuse(code: ErrorCode, name: keyof TokenLimits, reason: string): never {
  throw new DomainError(code, { name: `scope.${name}`, reason });
}

function distinct<T>(values: readonly T[] | null | undefined): readonly T[] | null {
  return values ? [...new Set(values)] : null;
}
