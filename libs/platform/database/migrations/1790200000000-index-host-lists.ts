import { type MigrationInterface, type QueryRunner } from 'typeorm';

const SEARCH = `lower(hostname || E'\\n' || hardware_serial || E'\\n' || uuid::text || E'\\n' || coalesce(facts->>'primary_ip', ''))`;

/**
 * What the list is sorted by, then the id, and the team beside it, so that no row is read on the way to a page. Nothing about
 * presence stands in any index: coming and going, the most frequent change by far, stays a change of the row alone.
 */
const LIST_INDEXES = {
  hosts_list_id: '("id") INCLUDE ("team_id")',
  hosts_list_hostname: '("hostname", "id") INCLUDE ("team_id")',
  hosts_list_uuid: '("uuid", "id") INCLUDE ("team_id")',
  hosts_list_created_at: '("created_at", "id") INCLUDE ("team_id")',
  hosts_list_enrolled_at: '("enrolled_at", "id") INCLUDE ("team_id")',
  // A team's hosts are sorted by themselves, and a text is looked for in all of it. Names, serial and address have limits in the
  // protocol, so an entry stays below PostgreSQL's 2704 bytes.
  hosts_by_team: '("team_id", "id") INCLUDE ("search", "hostname", "uuid", "created_at", "enrolled_at")',
};

const UP = [
  // TypeORM's own notes about generated columns; only `migration:check` reads them.
  `CREATE TABLE IF NOT EXISTS "typeorm_metadata" (
    "type" varchar NOT NULL, "database" varchar, "schema" varchar, "table" varchar, "name" varchar, "value" text
  )`,
  `ALTER TABLE "hosts" ADD "search" text GENERATED ALWAYS AS (${SEARCH}) STORED`,
  ...Object.entries(LIST_INDEXES).map(([name, columns]) => `CREATE INDEX "${name}" ON "hosts" ${columns}`),
  // Others begin with the same columns.
  `DROP INDEX "hosts_hostname"`,
  `DROP INDEX "hosts_team"`,
  // Room for the next version of a row on its own page; and rows are read on the way to a page after all where they have
  // changed since the last vacuum: a hundredth of them at most.
  `ALTER TABLE "hosts" SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.01)`,
];

const DOWN = [
  `ALTER TABLE "hosts" RESET (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor)`,
  `CREATE INDEX "hosts_hostname" ON "hosts" ("hostname")`,
  `CREATE INDEX "hosts_team" ON "hosts" ("team_id", "id")`,
  ...Object.keys(LIST_INDEXES).map((name) => `DROP INDEX "${name}"`),
  `ALTER TABLE "hosts" DROP COLUMN "search"`,
  `DROP TABLE "typeorm_metadata"`,
];

/** Any page of the list of hosts is found in an index. */
export class IndexHostLists1790200000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
    await runner.query(
      `INSERT INTO "typeorm_metadata" ("type", "database", "schema", "table", "name", "value")
       VALUES ('GENERATED_COLUMN', current_database(), current_schema(), 'hosts', 'search', $1)`,
      [SEARCH],
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}
