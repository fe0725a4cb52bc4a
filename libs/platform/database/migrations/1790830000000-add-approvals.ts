import { type MigrationInterface, type QueryRunner } from 'typeorm';

const UP = [
  `CREATE TABLE "approval_policies" (
    "id" uuid NOT NULL,
    "name" text NOT NULL,
    "description" text NOT NULL DEFAULT '',
    "enabled" boolean NOT NULL DEFAULT true,
    "team_id" integer,
    "conditions" jsonb NOT NULL DEFAULT '[]',
    "reviewers" text array NOT NULL,
    "min_approvals" integer NOT NULL DEFAULT '1',
    "force_approve_groups" text array NOT NULL DEFAULT '{}',
    "expires_in_seconds" integer NOT NULL DEFAULT '86400',
    "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    "updated_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    CONSTRAINT "approval_policies_name" UNIQUE ("name"),
    CONSTRAINT "approval_policies_reviewers" CHECK (cardinality(reviewers) > 0),
    CONSTRAINT "approval_policies_min_approvals" CHECK (min_approvals > 0),
    CONSTRAINT "approval_policies_expires_in" CHECK (expires_in_seconds > 0),
    CONSTRAINT "approval_policies_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "approval_policies_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE CASCADE ON UPDATE NO ACTION
  )`,
  `CREATE INDEX "approval_policies_team_id" ON "approval_policies" ("team_id")`,
  `CREATE TABLE "reviews" (
    "id" uuid NOT NULL,
    "execution_id" bigint NOT NULL,
    "status" text NOT NULL,
    "digest" bytea NOT NULL,
    "requirements" jsonb NOT NULL,
    "reviewer_keys" text array NOT NULL,
    "team_id" integer,
    "host_count" integer NOT NULL,
    "ready" text NOT NULL,
    "run_within_seconds" integer,
    "deadline" TIMESTAMP WITH TIME ZONE,
    "expires_at" TIMESTAMP WITH TIME ZONE NOT NULL,
    "connection_id" uuid,
    "connection_name" text,
    "reason" text NOT NULL DEFAULT '',
    "decided_by" text,
    "decided_at" TIMESTAMP WITH TIME ZONE,
    "released_at" TIMESTAMP WITH TIME ZONE,
    "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    CONSTRAINT "reviews_execution" UNIQUE ("execution_id"),
    CONSTRAINT "reviews_status" CHECK (status IN ('PENDING', 'APPROVED', 'REJECTED', 'REVOKED', 'PROCESSING', 'EXECUTED')),
    CONSTRAINT "reviews_ready" CHECK (ready IN ('wait_for_run', 'queue')),
    CONSTRAINT "reviews_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "reviews_execution_id_fkey" FOREIGN KEY ("execution_id") REFERENCES "executions"("id") ON DELETE CASCADE ON UPDATE NO ACTION
  )`,
  `CREATE INDEX "reviews_by_status" ON "reviews" ("status", "execution_id")`,
  `CREATE INDEX "reviews_open" ON "reviews" ("execution_id") WHERE status IN ('PENDING', 'APPROVED', 'PROCESSING')`,
  `CREATE TABLE "review_votes" (
    "review_id" uuid NOT NULL,
    "user_id" integer NOT NULL,
    "email" text NOT NULL,
    "approves" boolean NOT NULL,
    "groups" text array NOT NULL,
    "reason" text NOT NULL DEFAULT '',
    "time_window" jsonb,
    "at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    CONSTRAINT "review_votes_pkey" PRIMARY KEY ("review_id", "user_id"),
    CONSTRAINT "review_votes_review_id_fkey" FOREIGN KEY ("review_id") REFERENCES "reviews"("id") ON DELETE CASCADE ON UPDATE NO ACTION
  )`,
  // Nothing waits yet, so it is made at once.
  `CREATE INDEX "targets_parked" ON "targets" ("host_id", "id") WHERE state = 'waiting_approval' AND host_id IS NOT NULL`,
];

const DOWN = [
  'DROP INDEX "targets_parked"',
  ...['review_votes', 'reviews', 'approval_policies'].map((table) => `DROP TABLE "${table}"`),
];

/** What waits for approval, who has said what about it, and which policies demand it. New tables only. */
export class AddApprovals1790830000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}
