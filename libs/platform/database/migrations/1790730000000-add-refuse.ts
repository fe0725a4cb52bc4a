import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** A statement that finds a reason against its transaction can end it there, so that COMMIT may be sent along with it. */
export class AddRefuse1790730000000 implements MigrationInterface {
  readonly name = 'AddRefuse1790730000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE FUNCTION refuse(reason text) RETURNS void LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION '%', reason USING ERRCODE = 'MU001'; END $$`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION refuse(text)');
  }
}
