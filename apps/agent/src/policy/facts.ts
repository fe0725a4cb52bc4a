import { type Order } from '#libs/protocol/index';
import { interpreterOf, parseShebang, type Shebang } from '../exec/shebang.js';
import { toBuffer } from '../exec/run-spec.js';
import { type RunKind } from './agent-policy.js';
import { shellLine } from './patterns.js';

/** What a policy judges about something that is to be started. */
export interface RunFacts {
  readonly type: 'run';
  /** All of these must be allowed: what the order says it is, and what it really brings. */
  readonly kinds: readonly RunKind[];
  /** Of a script: the program that reads it; null: it is none, or nobody can say. */
  readonly interpreter: string | null;
  readonly isScript: boolean;
  /** Of a command or session: its words as a shell would quote them; of a shell line: the line. */
  readonly command: string | null;
  /** A shell will read `command`. */
  readonly isShellLine: boolean;
  /** The account that it would run as. */
  readonly user: string;
  /** Variables that the request sets, secrets among them. */
  readonly variables: readonly string[];
}

/** What a policy judges about a query. */
export interface QueryFacts {
  readonly type: 'query';
  /** Labels, policies and scheduled queries, which nobody asks for at that moment. */
  readonly standing: boolean;
}

type JudgedOrder = Pick<Order, 'kind' | 'payload' | 'user' | 'env' | 'secrets'>;

const KIND_OF_ORDER: Readonly<Record<Order['kind'], RunKind>> = {
  script: 'scripts',
  command: 'commands',
  shell: 'shells',
  exec_session: 'sessions',
  instance: 'instances',
};

/** What comes with an order of this kind, as it should be. */
const PAYLOAD_OF_ORDER: Readonly<Record<Order['kind'], Order['payload']['type']>> = {
  script: 'script',
  command: 'command',
  shell: 'shell',
  exec_session: 'command',
  instance: 'script',
};

const KIND_OF_PAYLOAD: Readonly<Record<Order['payload']['type'], RunKind>> = {
  script: 'scripts',
  command: 'commands',
  shell: 'shells',
};

/**
 * @param agentUser the account that the agent runs as
 */
export function runFactsOf(order: JudgedOrder, agentUser: string): RunFacts {
  const { kind, payload } = order;
  // A name for one thing must not let another one in: a script under the kind of a command needs both.
  const disguised = PAYLOAD_OF_ORDER[kind] !== payload.type;
  return {
    type: 'run',
    kinds: [KIND_OF_ORDER[kind], ...(disguised ? [KIND_OF_PAYLOAD[payload.type]] : [])],
    isScript: payload.type === 'script',
    interpreter: payload.type === 'script' ? interpreterNamed(payload.contents) : null,
    command:
      payload.type === 'command'
        ? shellLine(payload.argv)
        : payload.type === 'shell'
          ? payload.command
          : null,
    isShellLine: payload.type === 'shell',
    user: order.user ?? agentUser,
    variables: [
      ...Object.keys(order.env ?? {}),
      ...Object.keys(order.secrets?.env ?? {}),
      ...Object.keys(order.secrets?.files ?? {}),
    ],
  };
}

/** `/bin/sh` without a shebang; null for one that cannot be read, which will not start anyway. */
function interpreterNamed(contents: string | Uint8Array): string | null {
  let shebang: Shebang | null;
  try {
    shebang = parseShebang(toBuffer(contents));
  } catch {
    return null;
  }
  return interpreterOf(shebang);
}
