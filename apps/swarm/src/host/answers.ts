import { AgentEvent, AnswerAck, Query, QueryEnd } from '#libs/protocol/index';
import { type Connection } from '../transport/connection.js';
import { readOnce } from './read-once.js';
import { type World } from './world.js';

const RETRY_MS = 1000;
/** What nearly every acknowledgement is: it need not be parsed to be known. */
const STORED = '[{"ok":true,"status":"ok"}]';

const readQuery = readOnce(Query);
const readQueryEnd = readOnce(QueryEnd);

/** One query while a host answers it. */
interface Asked {
  readonly campaignId: number;
  readonly receivedAt: number;
  /** Null: rows. */
  readonly failure: string | null;
  part: number;
}

/** The live queries of one connection; a lost one takes them with it, for the server asks again. */
export class Answers {
  private readonly asked = new Map<number, Asked>();

  constructor(
    private readonly world: World,
    private readonly connection: Connection,
  ) {}

  /** Takes an order to answer. */
  query(body: unknown): void {
    const { statistics, behaviour, random, wheel } = this.world;
    const query = readQuery(body);
    if (query === null) return void (statistics.counts.malformed += 1);
    const receivedAt = performance.now();
    for (const order of query.queries) {
      const campaignId = order.campaign_id;
      if (this.asked.has(campaignId)) continue;
      statistics.counts.queries += 1;
      const delay = random.within(behaviour.answerDelay);
      const asked = { campaignId, receivedAt, failure: this.failureOf(order, delay), part: 0 };
      this.asked.set(campaignId, asked);
      if (delay === 0) this.answer(asked);
      else wheel.after(Math.min(delay, order.limits.milliseconds), () => this.answer(asked));
    }
  }

  /** Takes word that nobody waits any more. */
  end(body: unknown): void {
    const end = readQueryEnd(body);
    if (end === null) return void (this.world.statistics.counts.malformed += 1);
    this.world.statistics.counts.query_ends += 1;
    for (const id of end.campaign_ids) this.asked.delete(id);
  }

  private failureOf(order: Query['queries'][number], delay: number): string | null {
    const { answers, behaviour, random } = this.world;
    const broken = answers.brokenLimit(order, delay);
    if (broken !== null) return answers.failure(order.campaign_id, broken.outcome, broken.message);
    if (random.happens(behaviour.answerFailures))
      return answers.failure(order.campaign_id, 'error', 'a simulated failure');
    return null;
  }

  /** Sends the next part, unless the query has ended meanwhile. */
  private answer(asked: Asked): void {
    if (this.asked.get(asked.campaignId) !== asked) return;
    const text = asked.failure ?? this.world.answers.rows(asked.campaignId, asked.part);
    const sentAt = performance.now();
    this.connection.ask(AgentEvent.answer, text, (args) => this.acknowledged(asked, sentAt, args));
  }

  private acknowledged(asked: Asked, sentAt: number, args: string | null): void {
    if (this.asked.get(asked.campaignId) !== asked) return;
    const { statistics, wheel } = this.world;
    const ack = args === STORED ? 'ok' : readAnswerAck(args);
    if (typeof ack === 'number') {
      statistics.counts.said_again += 1;
      return wheel.after(ack, () => this.answer(asked));
    }
    const now = performance.now();
    statistics.time('answer', now - sentAt);
    if (ack === 'stale') {
      statistics.counts.answers_stale += 1;
    } else if (asked.failure === null && asked.part + 1 < this.world.answers.count) {
      asked.part += 1;
      return this.answer(asked);
    } else {
      statistics.counts[asked.failure === null ? 'answers' : 'answers_failed'] += 1;
      statistics.time('query', now - asked.receivedAt);
    }
    this.asked.delete(asked.campaignId);
  }
}

/** What the server said, or how many milliseconds to wait before it is asked again. */
function readAnswerAck(args: string | null): 'ok' | 'stale' | number {
  if (args === null) return RETRY_MS;
  const parsed = AnswerAck.safeParse((JSON.parse(args) as unknown[])[0]);
  if (!parsed.success) return RETRY_MS;
  return parsed.data.ok ? parsed.data.status : parsed.data.retry_after_ms;
}
