import { type MigrationInterface, type QueryRunner } from 'typeorm';

const UP = [
  `CREATE TABLE "campaigns" (
    "id" integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    "query_id" integer NOT NULL,
    "query_name" text,
    "sql" text NOT NULL,
    "aggregate" text,
    "user_id" integer NOT NULL,
    "email" text NOT NULL,
    "address" text NOT NULL,
    "targets" integer array NOT NULL,
    "status" smallint NOT NULL DEFAULT '0',
    "open_seconds" integer NOT NULL,
    "host_seconds" integer NOT NULL,
    "host_rows" integer NOT NULL,
    "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    "ended_at" TIMESTAMP WITH TIME ZONE,
    "end_reason" text,
    "ended_by" text,
    "unanswered" jsonb,
    "aggregate_result" text,
    "last_seq" bigint NOT NULL DEFAULT '0',
    CONSTRAINT "campaigns_end" CHECK ((status = 2) = (ended_at IS NOT NULL) AND (status = 2) = (end_reason IS NOT NULL)),
    CONSTRAINT "campaigns_pkey" PRIMARY KEY ("id")
  )`,
  `CREATE INDEX "campaigns_open" ON "campaigns" ("id") WHERE status < 2`,
  // No foreign key: every answer of every host would look it up, and only the purge deletes campaigns, with their results.
  `CREATE TABLE "campaign_results" (
    "campaign_id" integer NOT NULL,
    "seq" bigint NOT NULL,
    "host_id" integer NOT NULL,
    "part" integer NOT NULL,
    "outcome" text,
    "row_count" integer NOT NULL,
    "data" text NOT NULL,
    CONSTRAINT "campaign_results_pkey" PRIMARY KEY ("campaign_id", "seq")
  )`,
  `CREATE UNIQUE INDEX "campaign_results_part" ON "campaign_results" ("campaign_id", "host_id", "part")`,
  `ALTER TABLE "organization" ADD "live_query_disabled" boolean NOT NULL DEFAULT false`,
];

/** Live queries and their answers. */
export class AddCampaigns1790400000000 implements MigrationInterface {
  readonly name = 'AddCampaigns1790400000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE "organization" DROP COLUMN "live_query_disabled"');
    await runner.query('DROP TABLE "campaign_results"');
    await runner.query('DROP TABLE "campaigns"');
  }
}
