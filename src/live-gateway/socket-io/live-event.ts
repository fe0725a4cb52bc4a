import { type StreamEvent } from '#libs/queries/index';

/** One event to a Socket.IO client; its body is the only argument. */
export interface LiveEvent {
  readonly type: string;
  readonly body: { readonly seq: number; readonly data: unknown };
}

/** Events of a campaign: Socket.IO writes its own JSON. */
export async function* campaignEvents(
  stream: AsyncIterable<readonly StreamEvent[]>,
): AsyncGenerator<LiveEvent[]> {
  for await (const events of stream)
    yield events.map(({ type, seq, json }) => ({ type, body: { seq, data: JSON.parse(json) as unknown } }));
}
