import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** What the policy of a host's operator denied did not run: the history of script instances does not list it, as it lists nothing denied. */
const outcome = (unlisted: string): string => `
  CREATE OR REPLACE FUNCTION instance_outcome(state text, reason text, exit_code integer, signal integer) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
      WHEN state IN ('dispatched', 'running') THEN -101
      WHEN state = 'terminating' THEN -102
      WHEN state = 'failed_to_start' THEN CASE WHEN reason IN (${unlisted}) THEN NULL WHEN reason = 'not_found' THEN 127 ELSE 126 END
      WHEN state IN ('finished', 'timed_out', 'killed', 'lost') THEN CASE
        WHEN signal IS NOT NULL THEN -signal
        WHEN exit_code IS NULL THEN -103
        WHEN state = 'finished' THEN CASE WHEN exit_code >= 0 THEN exit_code ELSE greatest(exit_code, -2147480000) - 1000 END
        ELSE 1073741824 + (exit_code & 1073741823) END
    END $$`;

export class ListNoDeniedInstanceRuns1790940000000 implements MigrationInterface {
  name = 'ListNoDeniedInstanceRuns1790940000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(outcome(`'already_running', 'host_offline', 'denied'`));
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(outcome(`'already_running', 'host_offline'`));
  }
}
