import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { z } from 'zod';
import { errorMessage, readTextOr, writeFileAtomically } from '../platform/files.js';
import { type AgentLogger } from '../platform/logger.js';

const QueryState = z.object({
  /** Of what is asked and how it is told: another one begins anew. */
  definition: z.string(),
  /** Milliseconds since the epoch. */
  ran_at: z.number(),
  /** Of the last differential result. */
  counter: z.number(),
  columns: z.array(z.string()),
  /** Of the last result of a differential query; empty for snapshots. */
  rows: z.array(z.array(z.string().nullable())),
});

/** What a scheduled query leaves for its next run. */
export type QueryState = z.infer<typeof QueryState>;

/** The states of scheduled queries, one file each, so that a restart goes on where the process before ended. */
export class QueryStates {
  constructor(
    private readonly directory: string,
    private readonly log: AgentLogger,
  ) {
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /** Null: it has not run yet, or not as it is defined now. @param key `<pack>/<query>` */
  load(key: string, definition: string): QueryState | null {
    const text = readTextOr(this.fileOf(key));
    if (text === '') return null;
    try {
      const state = QueryState.parse(JSON.parse(text));
      return state.definition === definition ? state : null;
    } catch (error) {
      this.log.warn(
        { query: key, err: errorMessage(error) },
        'the state of a scheduled query cannot be read; it begins anew',
      );
      return null;
    }
  }

  save(key: string, state: QueryState): void {
    try {
      writeFileAtomically(this.fileOf(key), JSON.stringify(state));
    } catch (error) {
      this.log.warn(
        { query: key, err: errorMessage(error) },
        'the state of a scheduled query could not be written',
      );
    }
  }

  delete(key: string): void {
    fs.rmSync(this.fileOf(key), { force: true });
  }

  private fileOf(key: string): string {
    return path.join(this.directory, `${createHash('sha256').update(key).digest('hex').slice(0, 32)}.json`);
  }
}
