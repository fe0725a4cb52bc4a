import { type MigrationInterface, type QueryRunner } from 'typeorm';

const SEARCH = `lower(hostname || E'\\n' || hardware_serial || E'\\n' || uuid::text || E'\\n' || coalesce(facts->>'primary_ip', ''))`;

/** What the list is sorted by, then the id; what it filters by is beside it, so that no row is read on the way to a page. */
const LIST_INDEXES = {
  hosts_list_id: '("id") INCLUDE ("team_id", "online")',
  hosts_list_hostname: '("hostname", "id") INCLUDE ("team_id", "online")',
  hosts_list_uuid: '("uuid", "id") INCLUDE ("team_id", "online")',
  hosts_list_created_at: '("created_at", "id") INCLUDE ("team_id", "online")',
  hosts_list_enrolled_at: '("enrolled_at", "id") INCLUDE ("team_id", "online")',
  // An expression is answered from an index only when the columns in it are there as well.
  hosts_list_seen_at: `((CASE WHEN "online" THEN 'infinity'::timestamptz ELSE "seen_at" END), "id") INCLUDE ("team_id", "online", "seen_at")`,
  // A text is looked for in all of it; the rest is what a match is filtered and sorted by. Names, serial and address have
  // limits in the protocol, so an entry stays below PostgreSQL's 2704 bytes.
  hosts_search:
    '("id") INCLUDE ("team_id", "online", "search", "hostname", "uuid", "created_at", "enrolled_at", "seen_at")',
};

const UP = [
  // TypeORM's own notes about generated columns; only `migration:check` reads them.
  `CREATE TABLE IF NOT EXISTS "typeorm_metadata" (
    "type" varchar NOT NULL, "database" varchar, "schema" varchar, "table" varchar, "name" varchar, "value" text
  )`,
  `ALTER TABLE "hosts" ADD "search" text GENERATED ALWAYS AS (${SEARCH}) STORED`,
  ...Object.entries(LIST_INDEXES).map(([name, columns]) => `CREATE INDEX "${name}" ON "hosts" ${columns}`),
  // `hosts_list_hostname` begins with the same column.
  `DROP INDEX "hosts_hostname"`,
  // Rows are read on the way to a page after all where they have changed since the last vacuum: a hundredth of them at most.
  `ALTER TABLE "hosts" SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.01)`,
];

const DOWN = [
  `ALTER TABLE "hosts" RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor)`,
  `CREATE INDEX "hosts_hostname" ON "hosts" ("hostname")`,
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
