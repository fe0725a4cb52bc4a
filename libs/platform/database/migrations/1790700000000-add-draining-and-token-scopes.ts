import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** Columns without a default: nothing is rewritten, and a server of the version before goes on working beside it. */
export class AddDrainingAndTokenScopes1790700000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE "hosts" ADD "draining_since" TIMESTAMP WITH TIME ZONE');
    await runner.query('ALTER TABLE "api_tokens" ADD "scope" jsonb');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE "api_tokens" DROP COLUMN "scope"');
    await runner.query('ALTER TABLE "hosts" DROP COLUMN "draining_since"');
  }
}
