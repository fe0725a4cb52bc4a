import { type MusterApi } from '../api/muster-api.js';
import { type Chunk, readChunk } from '../api/shapes.js';
import { followEvents, type FollowOptions } from '../http/follow-events.js';

/**
 * An execution's output as it comes, each chunk once and in order, whatever happens to the connection; ends when
 * there will be no more.
 */
export function followOutput(
  api: MusterApi,
  executionId: string,
  options: FollowOptions = {},
): AsyncGenerator<Chunk, void> {
  /** Per target: a server that replays a chunk after a drop must not print it twice. */
  const seen = new Map<string, number>();
  return followEvents<Chunk>(
    {
      open: (lastEventId, signal) => api.outputEvents(executionId, lastEventId, signal),
      read: ({ event, data }) => {
        if (event === 'done') return { last: true };
        if (event !== 'chunk') return undefined;
        const value = readChunk(JSON.parse(data), 'chunk');
        if (value.seq <= (seen.get(value.targetId) ?? -1)) return undefined;
        seen.set(value.targetId, value.seq);
        return { value };
      },
      givenUp: `lost contact with ${api.url}; the execution goes on there: \`muster logs ${executionId} --follow\``,
    },
    options,
  );
}
