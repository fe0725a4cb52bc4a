import {
  type Order,
  type QueryOrder,
  ReasonCode,
  readStatement,
  type StatedHost,
} from '#libs/protocol/index';
import { type Refusal } from '../attempts/admission.js';
import { resolveAccount } from '../exec/user.js';
import { errorMessage } from '../platform/files.js';
import {
  checkOrder,
  checkQuery,
  type SignatureRules,
  type StatementContext,
  type StatementVerdict,
} from './statements.js';
import { UsedStatements } from './used-statements.js';

/** What a gate is made of. */
export interface StatementGateOptions {
  /** What this host asks for now; null: no signatures. */
  readonly rules: () => SignatureRules | null;
  /** This host as it knows itself; null: it has not enrolled. */
  readonly host: () => StatedHost | null;
  /** Where the statements that were used are remembered. */
  readonly file: string;
  /** This host's own clock, which no server corrects. */
  readonly now?: () => number;
}

/** An order passed, or why not. */
export interface Passage {
  readonly refusal: Refusal | null;
  /** Until when it may be started, by this host's own clock, milliseconds; null: any time. */
  readonly until: number | null;
}

const FREE: Passage = { refusal: null, until: null };

/** Lets pass what people have signed, each statement once; without rules, everything. */
export class StatementGate {
  private used: UsedStatements | null = null;
  private readonly now: () => number;

  constructor(private readonly options: StatementGateOptions) {
    this.now = options.now ?? Date.now;
  }

  /**
   * Begins to remember, also where nothing is asked for yet: what is signed from now on may be used.
   * @throws when the disk does not let it, and signatures are asked for
   */
  begin(): void {
    try {
      this.memory();
    } catch (error) {
      if (this.options.rules() !== null) throw error;
    }
  }

  /**
   * Which of these orders would run as root: an account has to be looked up for that, before the orders are judged one after the other. Null: nobody
   * has asked, so any of them might.
   */
  async rootAmong(orders: readonly Order[]): Promise<ReadonlySet<Order> | null> {
    if (this.options.rules()?.rootShell === undefined) return null;
    const each = await Promise.all(orders.map(async (order) => ((await isRoot(order.user)) ? [order] : [])));
    return new Set(each.flat());
  }

  /** Judges an order. What passes has used up its statement, for certain once `commit` has resolved. */
  order(order: Order, root: ReadonlySet<Order> | null): Passage {
    return this.pass(order, this.options.rules(), (context) =>
      checkOrder(order, root?.has(order) ?? true, context),
    );
  }

  /**
   * Why what passed once must not be started any more, when its turn comes; null: it may. Whose signatures count, and how many, is judged by what this
   * host asks for by now; its statement was used up when it passed.
   * @param until of its passage
   * @param root as of `order`, by now
   */
  lapsed(order: Order, until: number | null, root: ReadonlySet<Order> | null): Refusal | null {
    const rules = this.options.rules();
    const now = this.now();
    if (until === null) {
      if (rules === null || (order.kind === 'instance' && rules.unsignedInstances)) return null;
      return {
        reason: ReasonCode.signatureMissing,
        message: 'by now this host runs only what people have signed',
      };
    }
    if (now >= until) {
      const message = 'its turn came when what was signed was over';
      return { reason: ReasonCode.statementExpired, message };
    }
    if (rules === null) return null;
    const context = { rules, host: this.options.host(), now, used: () => null };
    const verdict = checkOrder(order, root?.has(order) ?? true, context);
    return verdict.ok ? null : verdict.refusal;
  }

  /** As `order`, and commits. */
  async query(query: QueryOrder): Promise<Refusal | null> {
    const rules = this.options.rules();
    const { refusal } = this.pass(query, rules?.queries === true ? rules : null, (context) =>
      checkQuery(query, context),
    );
    if (refusal !== null) return refusal;
    try {
      await this.commit();
      return null;
    } catch (error) {
      return unavailable(error);
    }
  }

  /** Resolves when the statements that were used are remembered on the disk. */
  async commit(): Promise<void> {
    await this.used?.commit();
  }

  async close(): Promise<void> {
    await this.used?.close();
  }

  private pass(
    what: Order | QueryOrder,
    rules: SignatureRules | null,
    check: (context: StatementContext) => StatementVerdict,
  ): Passage {
    try {
      if (rules === null) return this.note(what);
      const now = this.now();
      const memory = this.memory();
      const verdict = check({
        rules,
        host: this.options.host(),
        now,
        used: (statement) => memory.refusal(statement),
      });
      if (!verdict.ok) return { refusal: verdict.refusal, until: null };
      if (verdict.statement === null) return FREE;
      memory.remember(verdict.statement, now);
      return { refusal: null, until: verdict.statement.expires };
    } catch (error) {
      return { refusal: unavailable(error), until: null };
    }
  }

  /** Nothing is asked for; if it will be one day, what has run until then must not run once more. */
  private note({ statement }: Order | QueryOrder): Passage {
    if (statement === undefined) return FREE;
    try {
      this.memory().remember(readStatement(statement.statement), this.now());
    } catch {
      // Nobody asked.
    }
    return FREE;
  }

  private memory(): UsedStatements {
    return (this.used ??= UsedStatements.open(this.options.file, this.now()));
  }
}

function unavailable(error: unknown): Refusal {
  const message = `it cannot be remembered which statements were used: ${errorMessage(error)}`;
  return { reason: ReasonCode.journalUnavailable, message };
}

/** Whether an order for this account would run as root; an account that cannot be looked up might be. */
async function isRoot(user: string | undefined): Promise<boolean> {
  const own = process.getuid?.() ?? 0;
  if (own !== 0) return false;
  if (user === undefined) return true;
  return resolveAccount(user).then(
    ({ uid }) => uid === 0,
    () => true,
  );
}
