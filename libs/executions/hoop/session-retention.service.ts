import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { Recurring } from '#libs/platform/batch/index';
import { type Settings, SETTINGS } from '#libs/platform/config/index';
import { Database } from '#libs/platform/database/index';
import { FINAL_STATES, sqlList } from '../states.js';

/** Between two looks. */
const LOOK_MS = 3_600_000;
const SESSIONS_AT_ONCE = 100;
/** Chunks per statement: at most 32 MiB. */
const CHUNKS_AT_ONCE = 512;

const SQL = {
  // Ids go with time: whatever is younger than the newest of that age is not looked at.
  due: {
    name: 'sessions_due',
    text: `SELECT s.execution_id FROM exec_sessions s JOIN targets t ON t.execution_id = s.execution_id
           WHERE s.output_removed_at IS NULL AND s.execution_id <= (
               SELECT e.id FROM executions e WHERE e.created_at < now() - make_interval(days => $1) ORDER BY e.created_at DESC LIMIT 1)
             AND t.state IN (${sqlList(FINAL_STATES)}) AND t.finished_at < now() - make_interval(days => $1)
           ORDER BY s.execution_id LIMIT ${SESSIONS_AT_ONCE}`,
  },
  remove: {
    name: 'session_output_remove',
    text: `DELETE FROM output_chunks WHERE execution_id = $1 AND seq IN (
             SELECT c.seq FROM output_chunks c WHERE c.execution_id = $1 ORDER BY c.seq LIMIT ${CHUNKS_AT_ONCE}) RETURNING seq`,
  },
  removed: {
    name: 'session_output_removed',
    text: `UPDATE exec_sessions SET output_removed_at = now(), files = '{}' WHERE execution_id = $1 AND output_removed_at IS NULL`,
  },
};

/** Removes the output of sessions that ended long ago, when a setting says so; what was run, by whom, and how it ended stays. */
@Injectable()
export class SessionRetention implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(SessionRetention.name);
  private readonly looks = new Recurring(() => this.look(), {
    everyMs: LOOK_MS,
    firstMs: 0,
    onError: (error) =>
      this.logger.warn('old sessions could not be looked at; the next look tries again', {
        reason: String(error),
      }),
  });

  constructor(
    private readonly database: Database,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'sessionRetentionDays'>,
  ) {}

  onApplicationBootstrap(): void {
    if (this.settings.sessionRetentionDays > 0) this.looks.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.looks.stop();
  }

  private async look(): Promise<void> {
    const count = await this.removeDue();
    if (count > 0) this.logger.log('output of old sessions removed', { sessions: count });
  }

  /** @returns of how many sessions */
  private async removeDue(): Promise<number> {
    for (let count = 0; ;) {
      const due = await this.database.query<{ execution_id: string }>(SQL.due, [
        this.settings.sessionRetentionDays,
      ]);
      for (const { execution_id: id } of due) {
        while ((await this.database.query(SQL.remove, [id])).length === CHUNKS_AT_ONCE)
          if (this.looks.stopped) return count;
        await this.database.query(SQL.removed, [id]);
        count += 1;
      }
      if (due.length < SESSIONS_AT_ONCE || this.looks.stopped) return count;
    }
  }
}
