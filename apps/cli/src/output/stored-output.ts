import { type MusterApi } from '../api/muster-api.js';
import { type Chunk } from '../api/shapes.js';

/** What is there by now, page by page. @param after cursor of the last chunk that is not wanted */
export async function* storedOutput(
  api: MusterApi,
  executionId: string,
  after?: string,
): AsyncGenerator<Chunk, void> {
  for (;;) {
    const page = await api.output(executionId, after);
    yield* page.chunks;
    if (page.done || page.chunks.length === 0 || page.next === undefined || page.next === after) return;
    after = page.next;
  }
}
