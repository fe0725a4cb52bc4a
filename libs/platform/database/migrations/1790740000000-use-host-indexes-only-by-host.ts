import { type MigrationInterface, type QueryRunner } from 'typeorm';

/**
 * PostgreSQL 18 finds a row by the last column of an index by looking once for each value of the columns before it. Planned
 * when one host had run something, that was as good as the primary key; for 10,000 hosts it was 10,000 looks for each row. An
 * index with a condition on the host is open only to statements that name one.
 */
export class UseHostIndexesOnlyByHost1790740000000 implements MigrationInterface {
  readonly name = 'UseHostIndexesOnlyByHost1790740000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX targets_queue');
    await runner.query('DROP INDEX targets_host_history');
    await runner.query(
      `CREATE INDEX targets_queue ON targets (host_id, lane, id) WHERE state = 'queued' AND host_id IS NOT NULL`,
    );
    await runner.query(
      'CREATE INDEX targets_host_history ON targets (host_id, id) WHERE host_id IS NOT NULL',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX targets_queue');
    await runner.query('DROP INDEX targets_host_history');
    await runner.query(`CREATE INDEX targets_queue ON targets (host_id, lane, id) WHERE state = 'queued'`);
    await runner.query('CREATE INDEX targets_host_history ON targets (host_id, id)');
  }
}
