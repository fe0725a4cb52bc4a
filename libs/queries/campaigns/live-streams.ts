import { Injectable } from '@nestjs/common';
import { type Caller } from '#libs/platform/auth/index';
import { notFound } from '#libs/platform/errors/index';
import { type Campaign } from './campaign.entity.js';
import { CampaignStreams } from './campaign-streams.js';
import { checkOwner } from './campaigns.service.js';
import { CampaignResults } from './campaign-results.js';
import { CampaignsRepository } from './campaigns.repository.js';
import { OpenCampaign } from './open-campaign.js';
import { OpenCampaigns } from './open-campaigns.js';
import { QueryChannel } from './query-channel.js';
import { type StreamEvent, type StreamEventType } from './stream-event.js';

/** Numbers are looked at this often, and told when they have changed. */
const TICK_MS = 5_000;

/** Reads campaigns for whoever listens: what is at hand from memory, what is not from the store. */
@Injectable()
export class LiveStreams extends CampaignStreams {
  constructor(
    private readonly repository: CampaignsRepository,
    private readonly results: CampaignResults,
    private readonly campaigns: OpenCampaigns,
    private readonly channel: QueryChannel,
  ) {
    super();
  }

  async open(
    caller: Caller,
    campaignId: number,
    after: number,
    signal: AbortSignal,
  ): Promise<AsyncIterable<readonly StreamEvent[]>> {
    const open = this.campaigns.get(campaignId);
    const row = open?.row ?? (await this.repository.find(campaignId));
    if (!row) throw notFound('Campaign', campaignId);
    checkOwner(caller, row);
    return open && !open.over ? this.listen(open, after, signal) : this.replay(row, after, signal);
  }

  private async *listen(
    campaign: OpenCampaign,
    after: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly StreamEvent[]> {
    campaign.arrive();
    const begun = this.begin(campaign);
    try {
      const told = new Told();
      let seq = Math.min(after, campaign.tally.lastSeq);
      let looked = performance.now();
      const totals = await this.totals(campaign, seq);
      // Who hears that it is finished, and looks, finds it running or over, and not as if nobody had listened.
      if (campaign.isToldFinished) await begun;
      yield told.news([totals, this.firstStatus(campaign, seq)]);
      for await (const _ of this.campaigns.watchers.changes(campaign.id, signal)) {
        const due = performance.now() - looked >= TICK_MS;
        if (due) looked = performance.now();
        const news = due ? [await this.totals(campaign, seq)] : [];
        for (;;) {
          const page = await this.results.after(campaign, seq);
          if (signal.aborted) return;
          // Whatever is told of the numbers is told after the results that they count.
          if (page.length === 0 && seq >= campaign.tally.lastSeq) break;
          seq = page.at(-1)?.seq ?? seq;
          yield page;
        }
        if (campaign.aggregate) news.push(campaign.aggregate);
        if (campaign.isToldFinished) await begun;
        if (due || campaign.isToldFinished) news.push(this.status(campaign, seq));
        const fresh = told.news(news.map((one) => ({ ...one, seq })));
        const over = campaign.over && campaign.isAggregated;
        if (fresh.length > 0) yield fresh;
        if (over) return;
      }
    } finally {
      campaign.leave();
    }
  }

  /** What a campaign that is over has to tell. */
  private async *replay(
    row: Campaign,
    after: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly StreamEvent[]> {
    const campaign = new OpenCampaign(row);
    const { answers, lastSeq } = await this.repository.progress(row.id);
    campaign.follow(answers, lastSeq);
    campaign.finished = campaign.over = campaign.aggregateDone = true;
    let seq = Math.min(after, campaign.tally.lastSeq);
    yield [await this.totals(campaign, seq), this.firstStatus(campaign, seq)];
    for (
      let page = await this.repository.page(row.id, seq);
      page.length > 0;
      page = await this.repository.page(row.id, seq)
    ) {
      if (signal.aborted) return;
      seq = page.at(-1)?.seq ?? seq;
      yield page;
    }
    if (row.aggregateResult !== null) yield [{ type: 'aggregate', seq, json: row.aggregateResult }];
    yield [this.status(campaign, seq)];
  }

  /** Resolves when it is written that somebody listens, or that failed: the next subscriber says it again. */
  private async begin(campaign: OpenCampaign): Promise<void> {
    if (campaign.row.status !== 0) return;
    campaign.row.status = 1;
    await this.repository.begin(campaign.id).catch(() => (campaign.row.status = 0));
  }

  /** `reference/fleet.md`, 7.4: the missing ones are among the offline ones. */
  private async totals(campaign: OpenCampaign, seq: number): Promise<StreamEvent> {
    const { targets } = campaign.row;
    const offline = targets.filter((id) => !this.channel.isConnected(id));
    const missing_in_action = (campaign.missing ??= await this.repository.missing(offline));
    const count = targets.length;
    const online = this.online(campaign.row);
    return event('totals', seq, { count, online, offline: count - online, missing_in_action });
  }

  /** Counts what the subscriber has: Fleet's client leaves when all hosts are counted, also before the stored results have come. */
  private firstStatus(campaign: OpenCampaign, seq: number): StreamEvent {
    if (seq >= campaign.tally.lastSeq) return this.status(campaign, seq);
    return event('status', seq, {
      expected_results: this.online(campaign.row),
      actual_results: 0,
      count_of_hosts_with_results: 0,
      count_of_hosts_with_no_results: 0,
      status: 'pending',
    });
  }

  private status(campaign: OpenCampaign, seq: number): StreamEvent {
    const { answered, withRows, withoutRows } = campaign.tally;
    return event('status', seq, {
      expected_results: this.online(campaign.row),
      actual_results: answered,
      count_of_hosts_with_results: withRows,
      count_of_hosts_with_no_results: withoutRows,
      status: campaign.isToldFinished ? 'finished' : 'pending',
    });
  }

  private online({ targets }: Campaign): number {
    return targets.reduce((count, id) => count + (this.channel.isConnected(id) ? 1 : 0), 0);
  }
}

/** What a subscriber was told last of each kind: only what differs is said again. */
class Told {
  private readonly last = new Map<StreamEventType, string>();

  news(events: readonly StreamEvent[]): StreamEvent[] {
    return events.filter(({ type, json }) => {
      if (this.last.get(type) === json) return false;
      this.last.set(type, json);
      return true;
    });
  }
}

function event(type: StreamEventType, seq: number, data: object): StreamEvent {
  return { type, seq, json: JSON.stringify(data) };
}
