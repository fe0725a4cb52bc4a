import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** Agents have keys of their own; without it a machine does not take the place of a host that is there, unless somebody allows it. */
export class AddAgentKeys1790945000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `ALTER TABLE "hosts" ADD "agent_key" bytea, ADD "reenroll_until" TIMESTAMP WITH TIME ZONE`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "hosts" DROP COLUMN "reenroll_until", DROP COLUMN "agent_key"`);
  }
}
