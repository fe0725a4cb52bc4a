import * as os from 'node:os';
import { type Order, ReasonCode } from '#libs/protocol/index';
import { StartError } from '../exec/run-error.js';
import { errorMessage } from '../platform/files.js';
import { type AgentLogger } from '../platform/logger.js';
import { type AgentPolicy, type PolicyLimits } from './agent-policy.js';
import { decide, withCaps } from './decide.js';
import { type QueryFacts, type RunFacts, runFactsOf } from './facts.js';
import { fileMark, readPolicyFile } from './policy-file.js';

/** Where the policy is. */
export interface PolicySource {
  readonly file: string;
  /** Somebody named it: without it the agent does not start. Otherwise no file is no policy. */
  readonly required: boolean;
}

/** A refusal in the words of the contract. */
export interface Denial {
  readonly reason: typeof ReasonCode.denied;
  readonly message: string;
}

type State =
  | { readonly kind: 'none' }
  | { readonly kind: 'policy'; readonly policy: AgentPolicy }
  /** It was there, or is, and cannot be followed. */
  | { readonly kind: 'unusable'; readonly why: string };

/** Besides every decision, which looks for itself: so that what waits for nobody's order hears of a change. */
const LOOK_MS = 5000;
const DENIED = "denied by the agent's policy: ";

/**
 * The policy of this host's operator, as its file stands at the moment of each decision. When the file turns bad, or goes, nothing new is
 * allowed until it is good again: what was forbidden must not become possible by breaking a file.
 */
export class PolicyGuard {
  private state: State = { kind: 'none' };
  private mark = '';
  private readonly user = accountName();
  private readonly listeners: (() => void)[] = [];
  private timer: NodeJS.Timeout | null = null;

  private constructor(
    private readonly source: PolicySource,
    private readonly log: AgentLogger,
  ) {}

  /**
   * Reads the policy and watches its file from then on.
   * @throws PolicyFileError when there is one that cannot be followed, or none where one is required
   */
  static open(source: PolicySource, log: AgentLogger): PolicyGuard {
    const guard = new PolicyGuard(source, log);
    guard.mark = fileMark(source.file);
    if (guard.mark !== '' || source.required) {
      guard.state = { kind: 'policy', policy: readPolicyFile(source.file) };
      log.info({ policy: source.file }, 'a policy is in force');
    }
    guard.timer = setInterval(() => guard.look(), LOOK_MS).unref();
    return guard;
  }

  /** Called after the policy has become another. */
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  close(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  /** The policy as it is now; null: there is none. @throws Error when nobody can say, and so nothing is allowed */
  current(): AgentPolicy | null {
    this.look();
    const { state } = this;
    if (state.kind === 'unusable') throw new Error(state.why);
    return state.kind === 'none' ? null : state.policy;
  }

  /** Whether an order may be taken, and later started; null when it may. */
  denies(order: Order): Denial | null {
    const message = this.judge(() => runFactsOf(order, this.user));
    return message === null ? null : { reason: ReasonCode.denied, message };
  }

  /**
   * Whether this host answers; null when it does.
   * @param standing what nobody asks for at that moment, so that nobody can sign it
   */
  deniesQuery(standing: boolean): string | null {
    return this.judge(() => ({ type: 'query', standing }));
  }

  /** Whether the policy takes part of what this kind of run could do: instances are not watched for triggers in vain. */
  allowsInstances(): boolean {
    return this.read((policy) => policy?.kinds?.includes('instances') ?? true, false);
  }

  /** The order with its bounds cut down to what the policy allows. @throws StartError `denied` when nobody can say what that is */
  capped<T extends Order>(order: T): T {
    const policy = this.known();
    return policy === null ? order : withCaps(policy, order);
  }

  /** What one run may use up at most. @throws StartError `denied` when nobody can say, and so nothing is started */
  limits(): PolicyLimits | undefined {
    return this.known()?.limits;
  }

  /** Whether an order's timeout is the longest that the policy allows. */
  allowsNoLonger({ timeout_seconds }: Pick<Order, 'timeout_seconds'>): boolean {
    return this.read((policy) => policy?.max_timeout_seconds === timeout_seconds, false);
  }

  /** Tables that no query reads, in lower case; null: nobody can say, and so none is read. */
  deniedTables(): readonly string[] | null {
    return this.read((policy) => (policy?.tables?.deny ?? []).map((name) => name.toLowerCase()), null);
  }

  /** What follows from the policy. @param unusable what does when nobody can say what it is */
  private read<T, U>(follows: (policy: AgentPolicy | null) => T, unusable: U): T | U {
    this.look();
    const { state } = this;
    if (state.kind === 'unusable') return unusable;
    return follows(state.kind === 'none' ? null : state.policy);
  }

  /** As `current`, in the words of a refusal. */
  private known(): AgentPolicy | null {
    try {
      return this.current();
    } catch (error) {
      throw new StartError(ReasonCode.denied, `${DENIED}${errorMessage(error)}`);
    }
  }

  private judge(what: () => RunFacts | QueryFacts): string | null {
    try {
      const policy = this.current();
      const refusal = policy === null ? null : decide(policy, what(), new Date());
      return refusal === null ? null : `${DENIED}${refusal.refused}`;
    } catch (error) {
      return `${DENIED}${errorMessage(error)}`;
    }
  }

  /** Costs one look at the file's inode, some microseconds, as long as it has not changed. */
  private look(): void {
    let mark: string;
    try {
      mark = fileMark(this.source.file);
    } catch (error) {
      mark = `unknown: ${errorMessage(error)}`;
    }
    if (mark === this.mark) return;
    this.mark = mark;
    this.state = this.reread();
    for (const listener of this.listeners) listener();
  }

  private reread(): State {
    try {
      const policy = readPolicyFile(this.source.file);
      this.log.info({ policy: this.source.file }, 'the policy has changed');
      return { kind: 'policy', policy };
    } catch (error) {
      const why = errorMessage(error);
      this.log.error({ err: why }, 'the policy cannot be followed any more: nothing new is allowed');
      return { kind: 'unusable', why };
    }
  }
}

/** As whom this agent runs; its number where it has no name. */
function accountName(): string {
  try {
    return os.userInfo().username;
  } catch {
    return String(process.getuid?.() ?? '');
  }
}
