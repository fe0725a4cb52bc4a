import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** What was masked in a target's output, by kind. */
export class CountMasked1790810000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "targets" ADD "masked" jsonb`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "targets" DROP COLUMN "masked"`);
  }
}
