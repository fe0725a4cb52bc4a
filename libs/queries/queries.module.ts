import { Module } from '@nestjs/common';
import { AgentsModule } from '#libs/agents/index';
import { SessionsModule } from '#libs/sessions/index';
import { AnswersService } from './campaigns/answers.service.js';
import { CampaignAggregates } from './campaigns/campaign-aggregates.service.js';
import { CampaignResults } from './campaigns/campaign-results.js';
import { CampaignAsks } from './campaigns/campaign-asks.service.js';
import { CampaignEndsService } from './campaigns/campaign-ends.service.js';
import { CampaignStreams } from './campaigns/campaign-streams.js';
import { CampaignsRepository } from './campaigns/campaigns.repository.js';
import { CampaignViewsService } from './campaigns/campaign-views.service.js';
import { CampaignsController } from './campaigns/campaigns.controller.js';
import { CampaignsService } from './campaigns/campaigns.service.js';
import { LiveStreams } from './campaigns/live-streams.js';
import { OpenCampaigns } from './campaigns/open-campaigns.js';
import { SavedQueriesController } from './saved/saved-queries.controller.js';
import { SavedQueriesRepository } from './saved/saved-queries.repository.js';
import { SavedQueriesService } from './saved/saved-queries.service.js';
import { PackSets } from './packs/pack-sets.repository.js';
import { HostStandingWork } from './host-standing-work.service.js';
import { PacksController } from './packs/packs.controller.js';
import { PacksService } from './packs/packs.service.js';
import { PoliciesController } from './policies/policies.controller.js';
import { PoliciesRepository } from './policies/policies.repository.js';
import { PoliciesService } from './policies/policies.service.js';
import { TeamPoliciesController } from './policies/team-policies.controller.js';
import { ReportsController } from './reports/reports.controller.js';
import { ReportsService } from './reports/reports.service.js';
import { PolicySets } from './policies/policy-sets.repository.js';
import { QuerySets } from './saved/query-sets.repository.js';
import { StandingWorkChanges } from './standing-work-changes.js';
import { StandingWorkSources } from './standing-work-sources.js';
import { DefinitionsRepository } from './standing/definitions.repository.js';
import { FindingsService } from './standing/findings.service.js';
import { MovedResults } from './standing/moved-results.js';
import { ResultsLog } from './standing/results-log.js';
import { StandingWorkService } from './standing/standing-work.service.js';
import { QuestionsService } from './campaigns/questions.service.js';
import { LiveQueriesController } from './fleet/live-queries.controller.js';
import { SyncQueriesController } from './fleet/sync-queries.controller.js';
import { SyncQueriesService } from './fleet/sync-queries.service.js';

/** Saved queries, live ones, and what agents do by themselves. Needs a `QueryChannel` and a `StandingChannel` from outside. */
@Module({
  imports: [AgentsModule, SessionsModule],
  controllers: [
    SavedQueriesController,
    LiveQueriesController,
    SyncQueriesController,
    CampaignsController,
    PacksController,
    PoliciesController,
    TeamPoliciesController,
    ReportsController,
  ],
  providers: [
    CampaignsService,
    CampaignViewsService,
    SyncQueriesService,
    AnswersService,
    CampaignEndsService,
    CampaignAggregates,
    CampaignAsks,
    CampaignResults,
    CampaignsRepository,
    OpenCampaigns,
    SavedQueriesRepository,
    SavedQueriesService,
    QuestionsService,
    HostStandingWork,
    PacksService,
    PoliciesRepository,
    PoliciesService,
    ReportsService,
    PackSets,
    PolicySets,
    QuerySets,
    StandingWorkChanges,
    StandingWorkSources,
    DefinitionsRepository,
    StandingWorkService,
    MovedResults,
    ResultsLog,
    FindingsService,
    { provide: CampaignStreams, useClass: LiveStreams },
  ],
  exports: [
    AnswersService,
    CampaignStreams,
    PackSets,
    PolicySets,
    QuerySets,
    SavedQueriesService,
    StandingWorkChanges,
    FindingsService,
    StandingWorkService,
  ],
})
export class QueriesModule {}
