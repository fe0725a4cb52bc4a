import { type MigrationInterface, type QueryRunner } from 'typeorm';

const UP = [
  `CREATE TABLE "audit_seals" (
    "seal" bigint NOT NULL,
    "body" text NOT NULL,
    "signature" bytea NOT NULL,
    "ids" bigint array NOT NULL,
    "hashes" bytea NOT NULL,
    CONSTRAINT "audit_seals_pkey" PRIMARY KEY ("seal")
  )`,
  // Hashes do not get smaller by compressing them.
  `ALTER TABLE "audit_seals" ALTER COLUMN "hashes" SET STORAGE EXTERNAL`,
  `CREATE TABLE "audit_checkpoints" (
    "seal" bigint NOT NULL,
    "body" text NOT NULL,
    "signature" bytea NOT NULL,
    CONSTRAINT "audit_checkpoints_pkey" PRIMARY KEY ("seal")
  )`,
];

const DOWN = [`DROP TABLE "audit_checkpoints"`, `DROP TABLE "audit_seals"`];

/** The chain beside the audit record, whose own table stays as it is. New tables only; what was there before is sealed by the server. */
export class AddAuditChain1790930000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}
