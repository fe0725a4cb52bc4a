import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Watchers } from '#libs/platform/streams/index';
import { type Campaign } from './campaign.entity.js';
import { CampaignsRepository } from './campaigns.repository.js';
import { OpenCampaign } from './open-campaign.js';

/** Agents come back to a server that has started again within this time. */
const RETURN_MS = 30_000;

/** The campaigns that are not over, as their rows say; and who wants to hear of changes, by the campaign's id. */
@Injectable()
export class OpenCampaigns implements OnApplicationBootstrap {
  readonly watchers = new Watchers<number>();
  /** Resolves when what was open before is here. */
  readonly loaded: Promise<void>;
  private setLoaded: () => void = () => undefined;
  private readonly campaigns = new Map<number, OpenCampaign>();

  constructor(private readonly repository: CampaignsRepository) {
    this.loaded = new Promise((resolve) => (this.setLoaded = resolve));
  }

  /** What was open when the server ended goes on: its hosts are asked again when they come back. */
  async onApplicationBootstrap(): Promise<void> {
    for (const row of await this.repository.open()) await this.read(row);
    this.setLoaded();
  }

  get(id: number): OpenCampaign | undefined {
    return this.campaigns.get(id);
  }

  all(): IterableIterator<OpenCampaign> {
    return this.campaigns.values();
  }

  add(campaign: OpenCampaign): void {
    this.campaigns.set(campaign.id, campaign);
  }

  remove(id: number): void {
    this.campaigns.delete(id);
  }

  /** Follows the rows anew, when it is not known which of the last ones were stored. */
  async reload(campaign: OpenCampaign): Promise<void> {
    for (;;) {
      const { answers, lastSeq } = await this.repository.progress(campaign.id);
      // More may have been stored, and heard of, since.
      if (lastSeq < campaign.tally.lastSeq) continue;
      return campaign.follow(answers, lastSeq);
    }
  }

  private async read(row: Campaign): Promise<void> {
    const campaign = new OpenCampaign(row, performance.now() + RETURN_MS);
    const { answers, lastSeq } = await this.repository.progress(row.id);
    campaign.follow(answers, lastSeq);
    campaign.signed = await this.repository.statement(row.id);
    this.add(campaign);
  }
}
