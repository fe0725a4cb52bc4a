import { Module } from '@nestjs/common';
import { AnswersService } from './campaigns/answers.service.js';
import { CampaignEndsService } from './campaigns/campaign-ends.service.js';
import { CampaignStreams } from './campaigns/campaign-streams.js';
import { CampaignsRepository } from './campaigns/campaigns.repository.js';
import { LiveStreams } from './campaigns/live-streams.js';
import { OpenCampaigns } from './campaigns/open-campaigns.js';

/** Live queries. Needs a `QueryChannel` from outside. */
@Module({
  providers: [
    AnswersService,
    CampaignEndsService,
    CampaignsRepository,
    OpenCampaigns,
    { provide: CampaignStreams, useClass: LiveStreams },
  ],
  exports: [AnswersService, CampaignStreams],
})
export class QueriesModule {}
