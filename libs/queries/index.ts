export { AnswersService } from './campaigns/answers.service.js';
export { Campaign, CampaignResult } from './campaigns/campaign.entity.js';
export { CampaignStreams } from './campaigns/campaign-streams.js';
export { type AnsweringHost } from './campaigns/render-result.js';
export { QueryChannel } from './campaigns/query-channel.js';
export { type StreamEvent, type StreamEventType } from './campaigns/stream-event.js';
export { Pack } from './packs/pack.entity.js';
export { PackQuery } from './packs/pack-query.entity.js';
export { PackTarget } from './packs/pack-target.entity.js';
export {
  type PackChange,
  type PackFields,
  PackSets,
  type ScheduledQuery,
  type StoredPack,
} from './packs/pack-sets.repository.js';
export {
  type PolicyChange,
  type PolicyFields,
  type PolicyOwner,
  PolicySets,
  type StoredPolicy,
} from './policies/policy-sets.repository.js';
export { Policy, type PolicyScope } from './policies/policy.entity.js';
export { PolicyLabel } from './policies/policy-label.entity.js';
export { PolicyResult } from './policies/policy-result.entity.js';
export { QueryResult } from './reports/query-result.entity.js';
export { checkQueryFields, isPlatformList, QUERY_DEFAULTS, type QueryFields } from './saved/query-fields.js';
export { type QueryChange, QuerySets, type StoredQuery } from './saved/query-sets.repository.js';
export { QueryLabel } from './saved/query-label.entity.js';
export { type StandingWork, StandingWorkChanges } from './standing-work-changes.js';
export { FindingsService } from './standing/findings.service.js';
export { StandingChannel } from './standing/standing-channel.js';
export { StandingWorkService } from './standing/standing-work.service.js';
export { CampaignStatement } from './statements/campaign-statement.entity.js';
export { QueriesModule } from './queries.module.js';
export { SavedQueriesService, type UnsavedQuery } from './saved/saved-queries.service.js';
export { type SavedQueryRow } from './saved/saved-queries.repository.js';
export { SavedQuery } from './saved/saved-query.entity.js';
export { checkPolicyFields, NO_TEAM } from './policies/policy-fields.js';
export { sqlProblems } from './syntax/sql-syntax.js';
export { checkAggregate, createAggregation } from './aggregation/aggregation.js';
export {
  AGGREGATION_LIMITS,
  type Aggregation,
  type AggregateFailure,
  type AggregateHost,
  type AggregateResult,
  type AggregateRow,
  type AggregationLimits,
} from './aggregation/aggregation-types.js';
export { AggregateFeed, type AggregateListener, type FeedClock } from './aggregation/aggregate-feed.js';
