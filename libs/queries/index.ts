export { CampaignStreams } from './campaigns/campaign-streams.js';
export { type StreamEvent, type StreamEventType } from './campaigns/stream-event.js';
