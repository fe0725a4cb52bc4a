import { type MigrationInterface, type QueryRunner } from 'typeorm';

const JOBS = `kind IN ('command', 'shell') AND removed_at IS NULL`;

const UP = [
  `ALTER TABLE "executions" ADD "job_status" text`,
  `ALTER TABLE "executions" ADD "removed_at" TIMESTAMP WITH TIME ZONE`,
  `CREATE INDEX "executions_jobs" ON "executions" ("id") WHERE ${JOBS}`,
  `CREATE INDEX "executions_jobs_status" ON "executions" ("job_status", "id") WHERE ${JOBS}`,
  `CREATE INDEX "executions_retries" ON "executions" ((options->>'retry_of')) WHERE options ? 'retry_of'`,
];

const DOWN = [
  `DROP INDEX "executions_retries"`,
  `DROP INDEX "executions_jobs_status"`,
  `DROP INDEX "executions_jobs"`,
  `ALTER TABLE "executions" DROP COLUMN "removed_at"`,
  `ALTER TABLE "executions" DROP COLUMN "job_status"`,
];

/** Commands as jobs: their list, what has been deleted from it, and what repeats what. */
export class AddJobs1790720000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}
