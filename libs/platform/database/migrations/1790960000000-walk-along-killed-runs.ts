import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** Everything that is told of a run, but for its id. */
const TOLD = ['outcome', 'started_ms', 'duration_ms', 'host_id', 'series_id', 'start_term', 'stop_term'];

/**
 * Killed runs have an index of their own: runs are killed by one signal or another, or end otherwise, and a page of them was merged from a walk
 * for each of these outcomes. Few runs are killed: the others write nothing of it.
 *
 * In a transaction of its own: runs that settle meanwhile wait for this index alone.
 */
export class WalkAlongKilledRuns1790960000000 implements MigrationInterface {
  readonly name = 'WalkAlongKilledRuns1790960000000';
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // The same as `KILLED_OUTCOMES` says in the history's outcomes.
    await runner.query(
      `CREATE OR REPLACE FUNCTION instance_killed(outcome integer) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
         SELECT outcome BETWEEN -100 AND -1 OR outcome = -103 OR outcome >= 1073741824 $$`,
    );
    await runner.query(
      `CREATE INDEX IF NOT EXISTS "instance_runs_told_killed" ON "instance_runs" (instance_killed(outcome), id) INCLUDE (${TOLD.join(', ')})
         WHERE instance_killed(outcome)`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX IF EXISTS "instance_runs_told_killed"`);
    await runner.query(`DROP FUNCTION IF EXISTS instance_killed(integer)`);
  }
}
