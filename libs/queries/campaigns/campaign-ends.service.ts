import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { Audit } from '#libs/platform/audit/index';
import { type Settings, SETTINGS } from '#libs/platform/config/index';
import { Database } from '#libs/platform/database/index';
import { type CampaignEnd, type Unanswered } from './campaign.entity.js';
import { CampaignsRepository } from './campaigns.repository.js';
import { type OpenCampaign } from './open-campaign.js';
import { OpenCampaigns } from './open-campaigns.js';
import { QueryChannel } from './query-channel.js';

const TICK_MS = 1_000;
const PURGE_EVERY_MS = 600_000;
/** Results are kept this long after the end. */
const KEPT_DAYS = 7;

/** The one place in which campaigns end: by their last answer, by a word, by time. */
@Injectable()
export class CampaignEndsService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(CampaignEndsService.name);
  private readonly ending = new Map<number, Promise<void>>();
  private timers: NodeJS.Timeout[] = [];

  constructor(
    private readonly database: Database,
    private readonly repository: CampaignsRepository,
    private readonly open: OpenCampaigns,
    private readonly channel: QueryChannel,
    private readonly audit: Audit,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'liveQueryIdleSeconds'>,
  ) {}

  onApplicationBootstrap(): void {
    this.timers = [
      setInterval(() => this.look(), TICK_MS),
      setInterval(() => void this.purge(), PURGE_EVERY_MS),
    ];
  }

  async onApplicationShutdown(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    await Promise.allSettled(this.ending.values());
  }

  /**
   * Ends it: no answer counts any more, hosts that still work on one are told to stop, and each host without an answer has its
   * reason. Resolves when that is written; at once when it is over already.
   * @param by who asked for the end; null: nobody
   */
  end(campaign: OpenCampaign, reason: CampaignEnd, by: string | null = null): Promise<void> {
    const under = this.ending.get(campaign.id);
    if (under) return under;
    const work = this.write(campaign, reason, by).finally(() => this.ending.delete(campaign.id));
    this.ending.set(campaign.id, work);
    return work;
  }

  /** Whether nobody who is connected owes an answer any more; when nobody owes one at all, the campaign ends, and is told finished once that is written. */
  check(campaign: OpenCampaign): void {
    if (campaign.pending.size === 0) this.endQuietly(campaign, 'answered');
    else if (!campaign.finished && campaign.isSettled && !this.owed(campaign)) {
      campaign.finished = true;
      this.open.watchers.changed([campaign.id]);
    }
  }

  private owed(campaign: OpenCampaign): boolean {
    for (const hostId of campaign.pending) if (this.channel.isConnected(hostId)) return true;
    return false;
  }

  private look(): void {
    for (const campaign of this.open.all()) {
      const age = Date.now() - campaign.row.createdAt.getTime();
      if (age > campaign.row.openSeconds * 1000) this.endQuietly(campaign, 'time_limit');
      else if (campaign.idleMs > this.settings.liveQueryIdleSeconds * 1000)
        this.endQuietly(campaign, 'abandoned');
      else this.check(campaign);
    }
  }

  /** The next look tries again. */
  private endQuietly(campaign: OpenCampaign, reason: CampaignEnd): void {
    this.end(campaign, reason).catch((error: unknown) =>
      this.logger.warn('a live query could not be ended yet', {
        campaign_id: campaign.id,
        reason: String(error),
      }),
    );
  }

  private async write(campaign: OpenCampaign, reason: CampaignEnd, by: string | null): Promise<void> {
    const { row } = campaign;
    const sortOut = (hostIds: number[]): Unanswered => {
      const connected = hostIds.filter((id) => this.channel.isConnected(id));
      const offline = hostIds.filter((id) => !this.channel.isConnected(id));
      return reason === 'cancelled' || reason === 'abandoned'
        ? { offline, timed_out: [], killed: connected }
        : { offline, timed_out: connected, killed: [] };
    };
    await this.database.transaction(async (tx) => {
      if (!(await this.repository.end(tx, row.id, reason, by, sortOut))) return;
      await this.audit.record(tx, {
        userId: row.userId,
        email: row.email,
        address: row.address,
        act: 'live_query',
        outcome: 'done',
        details: {
          campaign_id: row.id,
          targets_count: row.targets.length,
          query_sql: row.sql,
          ...(row.queryName !== null && { query_name: row.queryName }),
          end_reason: reason,
        },
      });
    });
    this.channel.end([...campaign.pending], [row.id]);
    campaign.finished = true;
    campaign.over = true;
    this.open.remove(row.id);
    this.open.watchers.changed([row.id]);
  }

  private async purge(): Promise<void> {
    try {
      while ((await this.repository.purge(KEPT_DAYS)) > 0);
    } catch (error) {
      this.logger.warn('old live queries could not be removed; tried again later', { reason: String(error) });
    }
  }
}
