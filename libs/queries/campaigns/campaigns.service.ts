import { Injectable } from '@nestjs/common';
import { type Caller, may, maySomewhere } from '#libs/platform/auth/index';
import { Database } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { type KeptStatement } from '#libs/agents/index';
import { OrganizationService } from '#libs/sessions/index';
import { CampaignAggregates } from './campaign-aggregates.service.js';
import { type Campaign } from './campaign.entity.js';
import { CampaignAsks } from './campaign-asks.service.js';
import { CampaignEndsService } from './campaign-ends.service.js';
import { CampaignsRepository, type NewCampaign } from './campaigns.repository.js';
import { OpenCampaign } from './open-campaign.js';
import { OpenCampaigns } from './open-campaigns.js';
import {
  type CampaignLimits,
  type CampaignRequest,
  DEFAULT_LIMITS,
  type Question,
  QuestionsService,
} from './questions.service.js';

/** How many hosts were targeted, by how they were when it was made. */
export interface CampaignMetrics {
  readonly total: number;
  readonly online: number;
  /** Not seen for thirty days; they are among the offline ones. */
  readonly missing: number;
  /** Enrolled within a day. */
  readonly new: number;
}

/** Live queries: asked, looked up. */
@Injectable()
export class CampaignsService {
  constructor(
    private readonly database: Database,
    private readonly repository: CampaignsRepository,
    private readonly open: OpenCampaigns,
    private readonly asks: CampaignAsks,
    private readonly ends: CampaignEndsService,
    private readonly aggregates: CampaignAggregates,
    private readonly questions: QuestionsService,
    private readonly organization: OrganizationService,
  ) {}

  /** @throws DomainError permission_denied when live queries are switched off */
  async checkEnabled(): Promise<void> {
    if (await this.organization.liveQueryDisabled())
      throw new DomainError('permission_denied', 'Permission Denied');
  }

  /** @throws DomainError unavailable when results cannot be kept */
  checkStore(): Promise<void> {
    return this.repository.ping();
  }

  /**
   * Asks the hosts. The checks in their order (`reference/fleet.md`, 6.2).
   * @throws DomainError permission_denied; invalid (`query`, `aggregate`, `limits.hosts`, `statement`); not_found; forbidden; malformed
   *   when nobody is targeted
   */
  async start(
    caller: Caller,
    request: CampaignRequest,
  ): Promise<{ campaign: OpenCampaign; metrics: CampaignMetrics }> {
    const reading = this.questions.read(caller, request);
    // Read meanwhile; being switched off is told first.
    reading.catch(() => undefined);
    await this.checkEnabled();
    const question = await reading;
    const { targets } = question;
    const limits = { ...DEFAULT_LIMITS, ...request.limits };
    checkNumber(targets.length, limits.hosts);
    const signed = await this.questions.signed(question, request.statement, limits);
    const aggregation = request.aggregate ? await this.aggregates.begin(request.aggregate) : null;
    const counting = this.count(targets);
    // Awaited once the campaign is there.
    counting.catch(() => undefined);
    const row = await this.insert(caller, question, request.aggregate || null, limits, signed).catch(
      (error: unknown) => {
        aggregation?.close();
        throw error;
      },
    );
    const campaign = new OpenCampaign(row);
    campaign.signed = signed;
    this.open.add(campaign);
    if (aggregation) this.aggregates.follow(campaign, aggregation);
    const online = targets.filter((id) => this.asks.isConnected(id));
    const counts = await counting;
    campaign.missing = counts.missing;
    // Once the answer to the request is on its way: behind ten thousand answers it would wait.
    setImmediate(() => this.asks.ask(online, [campaign], () => campaign.tally.answered));
    this.ends.check(campaign);
    return { campaign, metrics: { total: targets.length, online: online.length, ...counts } };
  }

  /** @throws DomainError not_found; forbidden, unless it is the caller's own or they may manage others' */
  async get(caller: Caller, id: number): Promise<Campaign> {
    const row = await this.repository.find(id);
    if (!row) throw notFound('Campaign', id);
    checkOwner(caller, row);
    return row;
  }

  /**
   * Ends it: hosts that still work on it are told to stop. One that is over stays as it is.
   * @throws as `get`
   */
  async cancel(caller: Caller, id: number): Promise<Campaign> {
    const row = await this.get(caller, id);
    const campaign = this.open.get(row.id);
    if (!campaign) return row;
    await this.ends.end(campaign, 'cancelled', caller.email);
    return this.get(caller, id);
  }

  private async count(targets: readonly number[]): Promise<{ missing: number; new: number }> {
    const offline = targets.filter((id) => !this.asks.isConnected(id));
    const [missing, recent] = await Promise.all([this.repository.missing(offline), this.repository.recent()]);
    const targeted = new Set(targets);
    return { missing, new: recent.filter((id) => targeted.has(id)).length };
  }

  private insert(
    caller: Caller,
    question: Question,
    aggregate: string | null,
    limits: CampaignLimits,
    signed: KeptStatement | null,
  ): Promise<Campaign> {
    return this.database.transaction(async (tx) => {
      const { saved, sql, targets } = question;
      const campaign: NewCampaign = {
        queryId: await this.questions.queryId(tx, caller, question),
        queryName: saved?.saved ? saved.name : null,
        sql,
        aggregate,
        userId: caller.userId,
        email: caller.email,
        address: caller.address,
        targets,
        openSeconds: limits.open_seconds,
        hostSeconds: limits.host_seconds,
        hostRows: limits.host_rows,
      };
      const row = await this.repository.insert(tx, campaign);
      if (signed) await this.repository.keepStatement(tx, row.id, signed);
      return row;
    });
  }
}

/** Whoever asked, and those who may manage everybody's. @throws DomainError forbidden */
export function checkOwner(caller: Caller, row: Campaign): void {
  if (!maySomewhere(caller, 'live_query:run')) throw new DomainError('forbidden', 'forbidden');
  if (row.userId !== caller.userId && !may(caller, 'live_query:manage', null))
    throw new DomainError('forbidden', 'forbidden');
}

function checkNumber(targeted: number, most: number | null): void {
  if (targeted === 0) throw new DomainError('malformed', 'no hosts targeted');
  if (most !== null && targeted > most) {
    throw new DomainError('invalid', {
      name: 'limits.hosts',
      reason: `${targeted} hosts are targeted, more than the limit of ${most}`,
    });
  }
}
