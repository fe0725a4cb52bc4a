import { Limits, type OrderAnswer } from '#libs/protocol/index';

/** A run that starts at once has been reported by then, most of them with their end. */
const MOMENT_MS = 100;

/**
 * What became of orders that wanted no acknowledgement: a report of the attempt says it as well, so only those are told of which there is
 * none within a moment, and those that are refused.
 */
export class TakenOrders {
  private readonly waiting = new Map<string, OrderAnswer>();
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly tell: (answers: OrderAnswer[]) => void) {}

  add(answers: readonly OrderAnswer[]): void {
    const refused = answers.filter(({ accepted }) => !accepted);
    if (refused.length > 0) this.tell(refused);
    for (const answer of answers) if (answer.accepted) this.waiting.set(answer.attempt_id, answer);
    if (this.waiting.size > 0) this.timer ??= setTimeout(() => this.tellWaiting(), MOMENT_MS);
  }

  /** A report of this attempt leaves. */
  reported(attemptId: string): void {
    this.waiting.delete(attemptId);
  }

  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.waiting.clear();
  }

  private tellWaiting(): void {
    this.timer = null;
    const answers = [...this.waiting.values()];
    this.waiting.clear();
    for (let from = 0; from < answers.length; from += Limits.ordersPerMessage)
      this.tell(answers.slice(from, from + Limits.ordersPerMessage));
  }
}
