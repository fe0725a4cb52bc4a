import { readSessionEvent, type SessionEvent } from '../api/session-shapes.js';
import { type SessionsApi } from '../api/sessions-api.js';
import { followEvents, type FollowOptions } from '../http/follow-events.js';

/** What happens to a session from its beginning on, each event once and in order, until it has ended. */
export function followSession(
  api: SessionsApi,
  id: string,
  options: FollowOptions = {},
): AsyncGenerator<SessionEvent, void> {
  /** After a drop the server may tell once more what was taken already: input and closing words have no numbers of their own. */
  const taken = new Set<string>();
  let last = 0;
  return followEvents<SessionEvent>(
    {
      open: (lastEventId, signal) => api.events(id, lastEventId, signal),
      read: ({ event, data, lastEventId }) => {
        if (event === 'session_end') return { last: true };
        const value = event === 'event' ? readSessionEvent(data, 'event') : undefined;
        if (!value) return undefined;
        if (value.type === 'output') {
          if (Number(lastEventId) <= last) return undefined;
          last = Number(lastEventId);
        } else if (taken.has(value.type)) return undefined;
        taken.add(value.type);
        return { value };
      },
      givenUp: `lost contact with ${api.url}; the session goes on there: \`muster sessions replay ${id}\` shows it`,
    },
    options,
  );
}
