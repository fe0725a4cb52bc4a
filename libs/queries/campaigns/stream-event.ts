/** Fleet's words for what a subscriber of a campaign is told (`reference/fleet.md`, 7.4); `aggregate` is Muster's. */
export type StreamEventType = 'totals' | 'status' | 'result' | 'aggregate' | 'error';

/**
 * One message to a subscriber. Results are numbered from 1 without gaps, per campaign, in the order in which they were
 * stored; every other event bears the number of the last result before it. So `after: seq` of whatever event came last
 * resumes without a gap and without a double.
 */
export interface StreamEvent {
  readonly type: StreamEventType;
  readonly seq: number;
  /** The event's data as JSON text, the same bytes for every subscriber. */
  readonly json: string;
}
