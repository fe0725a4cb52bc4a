import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Watchers } from '#libs/platform/streams/index';
import { type Campaign } from './campaign.entity.js';
import { CampaignsRepository, type HostAnswer } from './campaigns.repository.js';
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
    const [row, answers] = await Promise.all([
      this.repository.find(campaign.id),
      this.repository.answers(campaign.id),
    ]);
    if (row) campaign.follow(answers, Number(row.lastSeq));
  }

  private async read(row: Campaign): Promise<void> {
    const campaign = new OpenCampaign(row, performance.now() + RETURN_MS);
    const answers: HostAnswer[] = await this.repository.answers(row.id);
    campaign.follow(answers, Number(row.lastSeq));
    this.add(campaign);
  }
}
