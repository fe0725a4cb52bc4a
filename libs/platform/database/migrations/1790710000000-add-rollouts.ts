import { type MigrationInterface, type QueryRunner } from 'typeorm';

const UP = [
  `CREATE TABLE "rollouts" (
    "execution_id" bigint NOT NULL,
    "waves" integer array NOT NULL,
    "max_failures" integer,
    "pause_seconds" integer NOT NULL,
    "state" text NOT NULL,
    "reason" text,
    "wave" integer NOT NULL,
    "after_host" integer NOT NULL,
    "upto_host" integer NOT NULL,
    "released" integer NOT NULL,
    "failures_before" integer NOT NULL,
    "failures" integer NOT NULL,
    "forgiven" integer NOT NULL DEFAULT '0',
    "next_at" TIMESTAMP WITH TIME ZONE,
    CONSTRAINT "rollouts_next_at" CHECK ((state = 'pausing') = (next_at IS NOT NULL)),
    CONSTRAINT "rollouts_state" CHECK (state IN ('running', 'pausing', 'halted', 'done')),
    CONSTRAINT "rollouts_pkey" PRIMARY KEY ("execution_id"),
    CONSTRAINT "rollouts_execution_id_fkey" FOREIGN KEY ("execution_id") REFERENCES "executions"("id") ON DELETE CASCADE ON UPDATE NO ACTION
  )`,
  `CREATE INDEX "rollouts_open" ON "rollouts" ("execution_id") WHERE state <> 'done'`,
  `CREATE INDEX "rollouts_pausing" ON "rollouts" ("next_at") WHERE state = 'pausing'`,
];

/** Executions that spread in waves. The version before knows no such execution, and starts none. */
export class AddRollouts1790710000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE "rollouts"');
  }
}
