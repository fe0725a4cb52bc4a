import { Injectable } from '@nestjs/common';
import { CampaignsRepository } from './campaigns.repository.js';
import { type OpenCampaign } from './open-campaign.js';
import { type StreamEvent } from './stream-event.js';

/** Results by cursor: from memory for those who keep up, from the store for those who do not. */
@Injectable()
export class CampaignResults {
  constructor(private readonly repository: CampaignsRepository) {}

  /** Those that come after this number, a page of them; empty when there are none yet. */
  async after(campaign: OpenCampaign, seq: number): Promise<readonly StreamEvent[]> {
    return campaign.after(seq) ?? (await this.repository.page(campaign.id, seq));
  }
}
