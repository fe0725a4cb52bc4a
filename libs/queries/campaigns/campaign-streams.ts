import { type Caller } from '#libs/platform/auth/index';
import { type StreamEvent } from './stream-event.js';

/** Where every transport of live results gets them from. */
export abstract class CampaignStreams {
  /**
   * Subscribes. Checks the right to it before it returns; `totals` and `status` come first, then everything after the
   * cursor, then what comes. The next events are read when the consumer asks for them: a slow one holds back nobody, and
   * costs no memory. Goes on after `status` said finished; ends when the campaign is over and everything has been told, or when
   * the signal aborts.
   * @param after `seq` of the last event that the subscriber has; 0: from the beginning
   * @throws DomainError forbidden; not_found when there is no such campaign
   */
  abstract open(
    caller: Caller,
    campaignId: number,
    after: number,
    signal: AbortSignal,
  ): Promise<AsyncIterable<readonly StreamEvent[]>>;
}
