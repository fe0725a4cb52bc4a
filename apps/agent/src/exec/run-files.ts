import { rm, unlink } from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';

/** Where the files of a run by another account are: that account cannot look into the agent's own directory. */
export function foreignRunDirectory(attemptId: string): string {
  return path.join(os.tmpdir(), `muster-run-${attemptId}`);
}

/** Deletes a run's file or directory. What an earlier process left in the agent's own place is gone since the start. */
export async function removeRunFiles(leftover: string): Promise<void> {
  // Nearly always one file: asking first what it is would be one more round trip through the thread pool.
  await unlink(leftover).catch(() => rm(leftover, { recursive: true, force: true }).catch(() => undefined));
}
