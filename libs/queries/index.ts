export { AnswersService } from './campaigns/answers.service.js';
export { Campaign, CampaignResult } from './campaigns/campaign.entity.js';
export { CampaignStreams } from './campaigns/campaign-streams.js';
export { type AnsweringHost } from './campaigns/render-result.js';
export { QueryChannel } from './campaigns/query-channel.js';
export { type StreamEvent, type StreamEventType } from './campaigns/stream-event.js';
export { QueriesModule } from './queries.module.js';
