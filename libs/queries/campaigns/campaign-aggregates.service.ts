import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { DomainError } from '#libs/platform/errors/index';
import { AggregateFeed } from '../aggregation/aggregate-feed.js';
import { createAggregation } from '../aggregation/aggregation.js';
import { type Aggregation, type AggregateResult } from '../aggregation/aggregation-types.js';
import { CampaignResults } from './campaign-results.js';
import { CampaignsRepository } from './campaigns.repository.js';
import { type OpenCampaign } from './open-campaign.js';
import { OpenCampaigns } from './open-campaigns.js';

/** Open at the same time: each may keep all its rows in a process of its own. */
const MOST = 16;

/** What a campaign's aggregate needs of a `result` event. */
interface ResultData {
  readonly host: { readonly id: number; readonly hostname: string; readonly display_name: string };
  readonly rows: readonly Readonly<Record<string, string>>[];
}

/**
 * Keeps the aggregates of open campaigns: reads each campaign's results as a subscriber does, in order and from the store
 * where it must, so that it takes nothing from anybody and begins anew by itself after a restart.
 */
@Injectable()
export class CampaignAggregates implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(CampaignAggregates.name);
  private readonly stop = new AbortController();
  private readonly under = new Set<Promise<void>>();

  constructor(
    private readonly results: CampaignResults,
    private readonly repository: CampaignsRepository,
    private readonly open: OpenCampaigns,
  ) {}

  /** Takes up those of campaigns that were open when the server ended. */
  async onApplicationBootstrap(): Promise<void> {
    await this.open.loaded;
    for (const campaign of this.open.all()) {
      const sql = campaign.row.aggregate;
      if (sql !== null) this.follow(campaign, createAggregation(sql));
    }
  }

  async onApplicationShutdown(): Promise<void> {
    this.stop.abort();
    await Promise.allSettled(this.under);
  }

  /**
   * Begins one for a campaign that is about to be made.
   * @throws DomainError invalid (`aggregate`), in SQLite's words; rate_limited when too many are open
   */
  async begin(sql: string): Promise<Aggregation> {
    if (this.under.size >= MOST) {
      throw new DomainError(
        'rate_limited',
        `${MOST} live queries with an aggregate are open already; cancel one, or wait`,
        { retryAfter: 60 },
      );
    }
    return createAggregation(sql);
  }

  /** From now on the campaign's aggregate follows its results, until everything about it is told. */
  follow(campaign: OpenCampaign, aggregation: Promise<Aggregation> | Aggregation): void {
    const work = this.run(campaign, aggregation)
      .catch((error: unknown) => {
        this.logger.warn('an aggregate ended early', { campaign_id: campaign.id, reason: String(error) });
        this.tell(campaign, { error: error instanceof Error ? error.message : String(error) }, true);
      })
      .finally(() => this.under.delete(work));
    this.under.add(work);
  }

  private async run(campaign: OpenCampaign, begun: Promise<Aggregation> | Aggregation): Promise<void> {
    const aggregation = await begun;
    let seq = 0;
    const feed = new AggregateFeed(
      {
        kind: aggregation.kind,
        add: (columns, rows, host) => aggregation.add(columns, rows, host),
        close: () => aggregation.close(),
        result: async () => {
          // What is added while it computes may be in it or not.
          const covered = seq;
          const result = await aggregation.result();
          campaign.aggregated = covered;
          return result;
        },
      },
      (result, final) => this.tell(campaign, result, final),
    );
    try {
      for await (const _ of this.open.watchers.changes(campaign.id, this.stop.signal)) {
        const { over } = campaign;
        for (;;) {
          const page = await this.results.after(campaign, seq);
          if (page.length === 0) break;
          for (const event of page) {
            const { host, rows } = JSON.parse(event.json) as ResultData;
            const { columns, cells } = table(rows);
            await feed.add(columns, cells, {
              id: host.id,
              hostname: host.hostname,
              displayName: host.display_name,
            });
            seq = event.seq;
          }
        }
        if (!over) continue;
        await feed.finish();
        await this.repository.saveAggregate(campaign.id, campaign.aggregate?.json ?? '');
        campaign.aggregateDone = true;
        this.open.watchers.changed([campaign.id]);
        return;
      }
    } finally {
      feed.close();
    }
  }

  private tell(campaign: OpenCampaign, result: AggregateResult, final: boolean): void {
    const counts = { hosts_answered: campaign.tally.answered, hosts_targeted: campaign.row.targets.length };
    const body =
      'error' in result
        ? { columns: [], rows: [], ...counts, final, error: result.error }
        : { columns: result.columns, rows: objects(result.columns, result.rows), ...counts, final };
    campaign.aggregate = { type: 'aggregate', seq: campaign.aggregated, json: JSON.stringify(body) };
    if ('error' in result && final) campaign.aggregateDone = true;
    this.open.watchers.changed([campaign.id]);
  }
}

/** Rows as they are streamed, as a table: all have the same columns, and what they say of their host is known already. */
function table(rows: ResultData['rows']): { columns: string[]; cells: string[][] } {
  const columns = Object.keys(rows[0] ?? {}).filter(
    (name) => name !== 'host_hostname' && name !== 'host_display_name',
  );
  return { columns, cells: rows.map((row) => columns.map((name) => row[name] ?? '')) };
}

/** Every value a string, as in all answers of hosts. */
function objects(
  columns: readonly string[],
  rows: readonly (readonly (string | null)[])[],
): Record<string, string>[] {
  return rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i] ?? ''])));
}
