import { type ExecutionsService } from '#libs/executions/index';
import { type LiveEvent } from './live-event.js';

type Execution = Awaited<ReturnType<ExecutionsService['get']>>;
type Page = Awaited<ReturnType<ExecutionsService['output']>>;

/** Output as events `output`, and one `status` when every target has ended and nothing more will come. */
export async function* outputEvents(
  executionId: string,
  targets: Execution['targets'],
  pages: AsyncIterable<Page>,
): AsyncGenerator<LiveEvent[]> {
  const hosts = new Map(targets.map(({ id, host }) => [id, host.hostname]));
  for await (const { chunks, done, next } of pages) {
    const events = chunks.map(({ seq, target_id, stream, encoding, data, dropped_before }) => ({
      type: 'output',
      body: {
        seq,
        data: {
          execution_id: executionId,
          target_id,
          host: hosts.get(target_id) ?? '',
          stream,
          encoding,
          data,
          ...(dropped_before !== undefined && { dropped_before }),
        },
      },
    }));
    const status = { execution_id: executionId, status: 'finished' };
    yield done ? [...events, { type: 'status', body: { seq: next, data: status } }] : events;
  }
}
