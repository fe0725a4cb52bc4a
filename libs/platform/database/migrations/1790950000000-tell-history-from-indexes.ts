import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** What a walk goes by, and what else its index held of a run before. */
const WALKS: Readonly<
  Record<string, { readonly keys: readonly string[]; readonly held: readonly string[] }>
> = {
  series: { keys: ['series_id', 'id'], held: ['outcome'] },
  outcome: { keys: ['outcome', 'id'], held: ['series_id'] },
  series_outcome: { keys: ['series_id', 'outcome', 'id'], held: [] },
  host: { keys: ['host_id', 'id'], held: ['series_id', 'outcome'] },
  host_series_outcome: { keys: ['host_id', 'series_id', 'outcome', 'id'], held: [] },
};

/** Everything that is told of a run. */
const TOLD = ['started_ms', 'duration_ms', 'host_id', 'series_id', 'outcome', 'start_term', 'stop_term'];

/**
 * A page of the history is read from the index along which it is found: fetched by their ids, a thousand runs that do not lie together were two
 * thousand pages, most of what such a page took. An entry holds 32 bytes more; no run writes more entries than before.
 *
 * Series of now are found by name beside all those of before.
 *
 * One index after the other, each in a transaction of its own: runs that settle meanwhile wait for one of them, not for all. What is done
 * already when a server starts again is passed over.
 */
export class TellHistoryFromIndexes1790950000000 implements MigrationInterface {
  readonly name = 'TellHistoryFromIndexes1790950000000';
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    for (const [walk, { keys }] of Object.entries(WALKS)) {
      const told = TOLD.filter((column) => !keys.includes(column));
      await runner.query(
        `CREATE INDEX IF NOT EXISTS "instance_runs_told_by_${walk}" ON "instance_runs" (${keys.join(', ')}) INCLUDE (${told.join(', ')})`,
      );
      await runner.query(`DROP INDEX IF EXISTS "instance_runs_${walk}"`);
    }
    await runner.query(
      `CREATE INDEX IF NOT EXISTS "instance_series_names_now" ON "instance_series" (coalesce(team_id, 0), lower(script_name)) WHERE current`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX IF EXISTS "instance_series_names_now"`);
    for (const [walk, { keys, held }] of Object.entries(WALKS)) {
      const include = held.length === 0 ? '' : ` INCLUDE (${held.join(', ')})`;
      await runner.query(
        `CREATE INDEX IF NOT EXISTS "instance_runs_${walk}" ON "instance_runs" (${keys.join(', ')})${include}`,
      );
      await runner.query(`DROP INDEX IF EXISTS "instance_runs_told_by_${walk}"`);
    }
  }
}
