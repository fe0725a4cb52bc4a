import { CampaignStreams, type StreamEvent } from '#libs/queries/index';
import { type Caller } from '#libs/platform/auth/index';
import { DomainError, notFound } from '#libs/platform/errors/index';

const BATCH = 50;

/** A campaign of which every result is in memory. */
export class MemoryCampaign {
  readonly results: StreamEvent[] = [];
  over = false;
  wakers = new Set<() => void>();

  /** Adds results; each carries `bytes` of padding. */
  add(count: number, bytes = 0): void {
    for (let i = 0; i < count; i++) {
      const seq = this.results.length + 1;
      this.results.push({
        type: 'result',
        seq,
        json: JSON.stringify({ n: seq, padding: 'x'.repeat(bytes) }),
      });
    }
    this.wake();
  }

  end(): void {
    this.over = true;
    this.wake();
  }

  private wake(): void {
    for (const waker of this.wakers) waker();
  }
}

/** What one subscriber has asked for so far. */
export interface Subscriber {
  readonly caller: Caller;
  readonly campaignId: number;
  /** Results that were read for it. */
  read: number;
}

/** Streams of campaigns that a test fills. */
export class MemoryCampaigns extends CampaignStreams {
  readonly campaigns = new Map<number, MemoryCampaign>();
  readonly subscribers = new Set<Subscriber>();

  create(id: number): MemoryCampaign {
    const campaign = new MemoryCampaign();
    this.campaigns.set(id, campaign);
    return campaign;
  }

  async open(
    caller: Caller,
    campaignId: number,
    after: number,
    signal: AbortSignal,
  ): Promise<AsyncIterable<readonly StreamEvent[]>> {
    const campaign = this.campaigns.get(campaignId);
    if (!campaign) throw notFound('Campaign', campaignId);
    if (caller.globalRole === 'gitops') throw new DomainError('forbidden', 'forbidden');
    return this.stream({ caller, campaignId, read: 0 }, campaign, after, signal);
  }

  private async *stream(
    subscriber: Subscriber,
    campaign: MemoryCampaign,
    after: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly StreamEvent[]> {
    let wake: () => void = () => undefined;
    const waker = (): void => wake();
    signal.addEventListener('abort', waker);
    campaign.wakers.add(waker);
    this.subscribers.add(subscriber);
    try {
      yield [
        { type: 'totals', seq: after, json: '{"count":1,"online":1,"offline":0,"missing_in_action":0}' },
        { type: 'status', seq: after, json: '{"status":"pending"}' },
      ];
      for (let next = after; !signal.aborted;) {
        const batch = campaign.results.slice(next, next + BATCH);
        next += batch.length;
        subscriber.read = next - after;
        if (batch.length > 0) yield batch;
        else if (campaign.over) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      campaign.wakers.delete(waker);
      signal.removeEventListener('abort', waker);
      this.subscribers.delete(subscriber);
    }
  }
}
