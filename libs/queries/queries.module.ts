import { Module } from '@nestjs/common';
import { AnswersService } from './campaigns/answers.service.js';
import { CampaignEndsService } from './campaigns/campaign-ends.service.js';
import { CampaignStreams } from './campaigns/campaign-streams.js';
import { CampaignsRepository } from './campaigns/campaigns.repository.js';
import { LiveStreams } from './campaigns/live-streams.js';
import { OpenCampaigns } from './campaigns/open-campaigns.js';
import { SavedQueriesController } from './saved/saved-queries.controller.js';
import { SavedQueriesRepository } from './saved/saved-queries.repository.js';
import { SavedQueriesService } from './saved/saved-queries.service.js';

/** Saved queries, and live ones. Needs a `QueryChannel` from outside. */
@Module({
  controllers: [SavedQueriesController],
  providers: [
    AnswersService,
    CampaignEndsService,
    CampaignsRepository,
    OpenCampaigns,
    SavedQueriesRepository,
    SavedQueriesService,
    { provide: CampaignStreams, useClass: LiveStreams },
  ],
  exports: [AnswersService, CampaignStreams, SavedQueriesService],
})
export class QueriesModule {}
