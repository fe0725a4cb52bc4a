import { type QueryOrder } from '#libs/protocol/index';
import { type AgentLogger } from '../platform/logger.js';
import { type Runner } from '../tables/query/query.js';
import { type AnswerChannel, Answering } from './answering.js';

/**
 * Answers live queries. Nothing of them is kept on disk, nor beyond the connection: when that is lost every query ends, and the
 * server asks again after the next hello.
 */
export class QueriesService {
  private readonly underWay = new Map<number, Answering>();
  private readonly running = new Set<Promise<void>>();
  /** Came before this side had seen the answer to its hello. */
  private readonly early = new Map<number, () => void>();
  private channel: AnswerChannel | null = null;
  private closing = false;

  /**
   * @param runner who answers; null: live queries are disabled on this host
   * @param denies why this host does not answer a query; null when it does
   */
  constructor(
    private readonly runner: Runner | null,
    private readonly log: AgentLogger,
    private readonly denies: (order: QueryOrder) => Promise<string | null> = () => Promise.resolve(null),
  ) {}

  /** A new connection, or none. Answers belong to the connection on which they were asked for. */
  use(channel: AnswerChannel | null): void {
    this.channel = channel;
    for (const answering of this.underWay.values()) answering.drop();
    this.underWay.clear();
    const early = [...this.early.values()];
    this.early.clear();
    if (channel !== null) for (const begin of early) begin();
  }

  /** Begins to answer; a campaign that is being answered already is left alone. */
  start(orders: readonly QueryOrder[]): void {
    for (const order of orders) this.begin(order.campaign_id, (answering) => this.answer(order, answering));
  }

  /** Answers what cannot be read, so that nobody waits for it. */
  refuseUnreadable(campaignIds: readonly number[]): void {
    for (const id of campaignIds)
      this.begin(id, (answering) => answering.refuse('error', 'the agent cannot read this query'));
  }

  /** Ends the queries of these campaigns; nothing more is said about them. */
  end(campaignIds: readonly number[]): void {
    for (const id of campaignIds) {
      this.early.delete(id);
      this.underWay.get(id)?.drop();
      this.underWay.delete(id);
    }
  }

  /** Ends every query and its process, and takes no more. */
  async shutdown(): Promise<void> {
    this.closing = true;
    this.use(null);
    this.runner?.close();
    await Promise.all(this.running);
  }

  private async answer(order: QueryOrder, answering: Answering): Promise<void> {
    const { runner } = this;
    if (runner === null) return answering.refuse('denied', 'live queries are disabled on this host');
    const denial = await this.denies(order);
    return denial === null ? answering.run(runner, order) : answering.refuse('denied', denial);
  }

  private begin(id: number, answer: (answering: Answering) => Promise<void>): void {
    const { channel } = this;
    if (this.closing || this.underWay.has(id)) return;
    if (channel === null) return void this.early.set(id, () => this.begin(id, answer));
    const answering = new Answering(id, channel, this.log);
    this.underWay.set(id, answering);
    const done = answer(answering).finally(() => {
      this.running.delete(done);
      // Asked again meanwhile it is another's.
      if (this.underWay.get(id) === answering) this.underWay.delete(id);
    });
    this.running.add(done);
  }
}
