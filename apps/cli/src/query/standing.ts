/** What is known of the hosts when a live query has begun. */
export interface StandingStart {
  readonly targeted: number;
  readonly online: number;
}

/** How far a live query has come. */
export class Standing {
  targeted: number;
  online: number;
  answered = 0;
  finished = false;
  /** Answers that the server had when it told its status: some of them may still be on their way to us, or it to them. */
  private stored = 0;
  /** The aggregate, where there is one, was told over this connection. */
  private aggregated = false;
  /** Hosts that were online when contact was lost: a server that has just started sees none of them yet. */
  private owed = 0;

  /**
   * @param all also hosts that are offline are waited for
   * @param aggregate its result is waited for
   */
  constructor(
    start: StandingStart,
    private readonly all: boolean,
    private readonly aggregate: boolean,
  ) {
    this.targeted = start.targeted;
    this.online = start.online;
  }

  totals({ targeted, online }: StandingStart): void {
    this.targeted = targeted;
    this.online = online;
  }

  /** As the server sees it: `finished` when nobody who is connected owes an answer, and the aggregate has all of them. */
  status({ finished, online, answered }: { finished: boolean; online: number; answered: number }): void {
    this.finished = finished;
    this.online = online;
    this.stored = answered;
  }

  /** A result of the aggregate has come. */
  refined(): void {
    this.aggregated = true;
  }

  /** Contact was lost: everything is told anew when it is back. */
  lost(): void {
    this.owed = Math.max(this.owed, this.online);
    this.finished = this.aggregated = false;
  }

  /** Nobody is waited for any more. */
  get over(): boolean {
    if (!this.finished || this.answered !== this.stored || (this.aggregate && !this.aggregated)) return false;
    return this.answered >= (this.all ? this.targeted : this.owed);
  }

  get text(): string {
    const counts = `${amount(this.answered)} answered / ${amount(this.online)} online / ${amount(this.targeted)} targeted`;
    return this.all && this.finished ? `${counts}, waiting for those who are offline` : counts;
  }
}

/** 9,412 */
export function amount(count: number): string {
  return count.toLocaleString('en-US');
}
