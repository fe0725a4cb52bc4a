import { type MigrationInterface, type QueryRunner } from 'typeorm';

const UP = [
  `CREATE TABLE "exec_sessions" (
    "execution_id" bigint NOT NULL,
    "connection_id" uuid NOT NULL,
    "connection_name" text NOT NULL,
    "connection_type" text NOT NULL,
    "connection_subtype" text NOT NULL,
    "connection" jsonb NOT NULL,
    "requested_by" integer,
    "api_token_id" integer,
    "verb" text NOT NULL DEFAULT 'exec',
    "client_args" text array NOT NULL DEFAULT '{}',
    "files" jsonb NOT NULL DEFAULT '{}',
    "metadata" jsonb NOT NULL DEFAULT '{}',
    "labels" jsonb NOT NULL DEFAULT '{}',
    "correlation_id" text,
    "batch_id" text,
    "digest" bytea NOT NULL,
    "download_token_sha256" bytea,
    "download_expires_at" TIMESTAMP WITH TIME ZONE,
    "output_removed_at" TIMESTAMP WITH TIME ZONE,
    CONSTRAINT "exec_sessions_pkey" PRIMARY KEY ("execution_id"),
    CONSTRAINT "exec_sessions_execution_id_fkey" FOREIGN KEY ("execution_id") REFERENCES "executions"("id") ON DELETE CASCADE ON UPDATE NO ACTION
  )`,
  `CREATE INDEX "exec_sessions_connection" ON "exec_sessions" ("connection_name", "execution_id")`,
  `CREATE INDEX "exec_sessions_requested_by" ON "exec_sessions" ("requested_by", "execution_id") WHERE requested_by IS NOT NULL`,
  `CREATE INDEX "exec_sessions_correlation" ON "exec_sessions" ("correlation_id", "execution_id") WHERE correlation_id IS NOT NULL`,
  `CREATE INDEX "exec_sessions_batch" ON "exec_sessions" ("batch_id", "execution_id") WHERE batch_id IS NOT NULL`,
  `CREATE INDEX "exec_sessions_kept" ON "exec_sessions" ("execution_id") WHERE output_removed_at IS NULL`,
  // Agents say so with their next hello, which the start of a new server brings.
  `ALTER TABLE "hosts" ADD "keeps_secrets" boolean NOT NULL DEFAULT false`,
  `ALTER TABLE "connections" ADD "env" jsonb NOT NULL DEFAULT '{}'`,
];

const DOWN = [
  `ALTER TABLE "connections" DROP COLUMN "env"`,
  `ALTER TABLE "hosts" DROP COLUMN "keeps_secrets"`,
  `DROP TABLE "exec_sessions"`,
];

/** Exec sessions, variables of connections that are no secrets, and which agents keep secrets out of what they write down. */
export class AddExecSessions1790820000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}
