import { type MigrationInterface, type QueryRunner } from 'typeorm';

const UP = [
  `CREATE TABLE "operator_keys" (
    "id" text NOT NULL,
    "user_id" integer NOT NULL,
    "name" text NOT NULL,
    "public_key" bytea NOT NULL,
    "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    "revoked_at" TIMESTAMP WITH TIME ZONE,
    CONSTRAINT "operator_keys_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "operator_keys_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE NO ACTION
  )`,
  `CREATE UNIQUE INDEX "operator_keys_user_name" ON "operator_keys" ("user_id", "name") WHERE revoked_at IS NULL`,
  `CREATE TABLE "execution_statements" (
    "execution_id" bigint NOT NULL,
    "statement" text NOT NULL,
    "signatures" jsonb NOT NULL,
    "host_ids" integer array NOT NULL,
    "leaves" bytea NOT NULL,
    "nonce" text NOT NULL,
    CONSTRAINT "execution_statements_nonce" UNIQUE ("nonce"),
    CONSTRAINT "execution_statements_pkey" PRIMARY KEY ("execution_id"),
    CONSTRAINT "execution_statements_execution_id_fkey" FOREIGN KEY ("execution_id") REFERENCES "executions"("id") ON DELETE CASCADE ON UPDATE NO ACTION
  )`,
  `CREATE TABLE "campaign_statements" (
    "campaign_id" integer NOT NULL,
    "statement" text NOT NULL,
    "signatures" jsonb NOT NULL,
    "leaves" bytea NOT NULL,
    "nonce" text NOT NULL,
    CONSTRAINT "campaign_statements_nonce" UNIQUE ("nonce"),
    CONSTRAINT "campaign_statements_pkey" PRIMARY KEY ("campaign_id"),
    CONSTRAINT "campaign_statements_campaign_id_fkey" FOREIGN KEY ("campaign_id") REFERENCES "campaigns"("id") ON DELETE CASCADE ON UPDATE NO ACTION
  )`,
];

const DOWN = [
  `DROP TABLE "campaign_statements"`,
  `DROP TABLE "execution_statements"`,
  `DROP TABLE "operator_keys"`,
];

/** People's keys, and what they have signed of executions and live queries. */
export class AddSigning1790925000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}
