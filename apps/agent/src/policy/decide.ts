import { namesProgram } from '../exec/shebang.js';
import { type AgentPolicy, type PolicyKind } from './agent-policy.js';
import { type QueryFacts, type RunFacts } from './facts.js';
import { matches, matchesName, matchesPlainly } from './patterns.js';
import { isWithin } from './windows.js';

/** Which rule refuses, for people: follows "denied by the agent's policy: ". */
export interface PolicyRefusal {
  readonly refused: string;
}

/**
 * Whether the policy lets this happen; null when it does. Signatures themselves are checked elsewhere: here only what could not have any.
 * @param at by the host's own clock
 */
export function decide(policy: AgentPolicy, what: RunFacts | QueryFacts, at: Date): PolicyRefusal | null {
  const refused =
    what.type === 'query'
      ? (kindRule(policy, ['queries']) ?? standingRule(policy, what))
      : (kindRule(policy, what.kinds) ??
        unsignedRule(policy, what) ??
        userRule(policy, what) ??
        interpreterRule(policy, what) ??
        commandRule(policy, what) ??
        variableRule(policy, what) ??
        windowRule(policy, at));
  return refused === null ? null : { refused };
}

/** An order's bounds, cut down to what the policy allows at most. */
export function withCaps<T extends { readonly timeout_seconds: number; readonly output_cap_bytes: number }>(
  policy: AgentPolicy,
  order: T,
): T {
  const { max_timeout_seconds: seconds = Infinity, max_output_bytes: bytes = Infinity } = policy;
  if (order.timeout_seconds <= seconds && order.output_cap_bytes <= bytes) return order;
  return {
    ...order,
    timeout_seconds: Math.min(order.timeout_seconds, seconds),
    output_cap_bytes: Math.min(order.output_cap_bytes, bytes),
  };
}

function kindRule({ kinds }: AgentPolicy, wanted: readonly PolicyKind[]): string | null {
  const missing = kinds === undefined ? undefined : wanted.find((kind) => !kinds.includes(kind));
  if (kinds === undefined || missing === undefined) return null;
  return `${missing} are not among its kinds (${kinds.join(', ') || 'none'})`;
}

function unsignedRule({ signatures }: AgentPolicy, { kinds }: RunFacts): string | null {
  if (signatures === undefined || !kinds.includes('instances')) return null;
  return signatures.unsigned?.includes('instances') === true
    ? null
    : 'runs of script instances are signed by nobody';
}

function standingRule({ signatures }: AgentPolicy, { standing }: QueryFacts): string | null {
  if (!standing || signatures?.queries !== true) return null;
  return signatures.unsigned?.includes('standing') === true
    ? null
    : 'labels, policies and scheduled queries are signed by nobody';
}

function userRule({ users }: AgentPolicy, { user }: RunFacts): string | null {
  return users === undefined || users.includes(user) ? null : `nothing runs as ${user} here`;
}

function interpreterRule({ interpreters }: AgentPolicy, { isScript, interpreter }: RunFacts): string | null {
  if (interpreters === undefined || !isScript) return null;
  if (interpreter === null) return 'the interpreter of the script cannot be told';
  return namesProgram(interpreters, interpreter)
    ? null
    : `${interpreter} is not among its interpreters (${interpreters.join(', ') || 'none'})`;
}

function commandRule({ commands }: AgentPolicy, { command, isShellLine }: RunFacts): string | null {
  if (commands === undefined || command === null) return null;
  const line = command.trim();
  const denied = commands.deny?.find((pattern) => matches(pattern, line));
  if (denied !== undefined) return `commands like ${quoted(denied)} are denied`;
  const fits = isShellLine ? matchesPlainly : matches;
  if (commands.allow === undefined || commands.allow.some((pattern) => fits(pattern, line))) return null;
  return `no pattern of its commands allows ${quoted(command)}`;
}

/** Of a program that was allowed by its name, variables decide which one it is: PATH, LD_PRELOAD, BASH_ENV and their like. */
function variableRule({ commands }: AgentPolicy, { command, variables }: RunFacts): string | null {
  if (commands?.allow === undefined || command === null) return null;
  const { env = [] } = commands;
  const extra = variables.find((name) => !env.some((pattern) => matchesName(pattern, name)));
  return extra === undefined ? null : `the variable ${extra} is not among those that commands may be given`;
}

function windowRule({ windows }: AgentPolicy, at: Date): string | null {
  return windows === undefined || isWithin(windows, at) ? null : 'nothing starts outside of its time windows';
}

function quoted(text: string): string {
  const most = 200;
  return `"${text.length > most ? `${text.slice(0, most)}…` : text}"`;
}
