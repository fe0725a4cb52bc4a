import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** What goes with an execution, and was found row by row through a foreign key that each new row had to check. */
const OWNED = ['targets', 'output_chunks'];

/**
 * Targets and output go with their execution by one statement trigger. A foreign key looks for the execution once for each row that is
 * written, and locks it: a fifth of entering 10,000 targets, and a tenth of settling one. All rows are written by statements that have inserted
 * or locked the execution, or hold a target of it; and targets go first, so that whoever holds one is waited for before output is looked for.
 *
 * Each step by itself, and again where a start was cut short: a server of before that writes meanwhile waits for one short lock after the other.
 */
export class RemoveRunsByStatement1790970000000 implements MigrationInterface {
  readonly name = 'RemoveRunsByStatement1790970000000';
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE OR REPLACE FUNCTION remove_runs_of_executions() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         ${OWNED.map((table) => `DELETE FROM "${table}" WHERE "execution_id" = ANY(ARRAY(SELECT "id" FROM gone));`).join('\n         ')}
         RETURN NULL;
       END $$`,
    );
    await runner.query(`DROP TRIGGER IF EXISTS "executions_remove_runs" ON "executions"`);
    await runner.query(
      `CREATE TRIGGER "executions_remove_runs" AFTER DELETE ON "executions" REFERENCING OLD TABLE AS gone
         FOR EACH STATEMENT EXECUTE FUNCTION remove_runs_of_executions()`,
    );
    for (const table of OWNED)
      await runner.query(`ALTER TABLE "${table}" DROP CONSTRAINT IF EXISTS "${table}_execution_id_fkey"`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of OWNED) {
      await runner.query(`ALTER TABLE "${table}" DROP CONSTRAINT IF EXISTS "${table}_execution_id_fkey"`);
      await runner.query(
        `ALTER TABLE "${table}" ADD CONSTRAINT "${table}_execution_id_fkey" FOREIGN KEY ("execution_id") REFERENCES "executions"("id") ON DELETE CASCADE`,
      );
    }
    await runner.query(`DROP TRIGGER IF EXISTS "executions_remove_runs" ON "executions"`);
    await runner.query(`DROP FUNCTION IF EXISTS remove_runs_of_executions()`);
  }
}
