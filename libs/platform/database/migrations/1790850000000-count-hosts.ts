import { type MigrationInterface, type QueryRunner } from 'typeorm';

/*
 * How many hosts there are is a sum of changes, each written in the transaction of the change: so it is exact in every
 * snapshot, and two enrolments never wait for each other. The reader folds the changes into one row per team.
 * Presence is no change: the trigger over updates looks at nothing but the team.
 */
const UP = [
  `CREATE TABLE "host_changes" (
     "id" bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
     "team_id" integer NOT NULL,
     "hosts" integer NOT NULL,
     CONSTRAINT "host_changes_pkey" PRIMARY KEY ("id")
   )`,
  `CREATE INDEX "host_changes_team" ON "host_changes" ("team_id") INCLUDE ("hosts")`,
  `CREATE FUNCTION count_new_hosts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
     INSERT INTO host_changes (team_id, hosts) SELECT coalesce(team_id, 0), count(*) FROM changed GROUP BY 1;
     RETURN NULL; END $$`,
  `CREATE FUNCTION count_gone_hosts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
     INSERT INTO host_changes (team_id, hosts) SELECT coalesce(team_id, 0), -count(*) FROM changed GROUP BY 1;
     RETURN NULL; END $$`,
  `CREATE FUNCTION count_moved_host() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
     INSERT INTO host_changes (team_id, hosts) VALUES (coalesce(OLD.team_id, 0), -1), (coalesce(NEW.team_id, 0), 1);
     RETURN NULL; END $$`,
  `CREATE FUNCTION count_no_hosts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
     DELETE FROM host_changes;
     RETURN NULL; END $$`,
  // Before the first count is made, so that no host comes or goes in between.
  `LOCK TABLE "hosts" IN SHARE ROW EXCLUSIVE MODE`,
  `CREATE TRIGGER "hosts_count_new" AFTER INSERT ON "hosts" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_new_hosts()`,
  `CREATE TRIGGER "hosts_count_gone" AFTER DELETE ON "hosts" REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_gone_hosts()`,
  `CREATE TRIGGER "hosts_count_moved" AFTER UPDATE OF "team_id" ON "hosts" FOR EACH ROW
     WHEN (OLD.team_id IS DISTINCT FROM NEW.team_id) EXECUTE FUNCTION count_moved_host()`,
  `CREATE TRIGGER "hosts_count_none" AFTER TRUNCATE ON "hosts" FOR EACH STATEMENT EXECUTE FUNCTION count_no_hosts()`,
  `INSERT INTO "host_changes" ("team_id", "hosts") SELECT coalesce("team_id", 0), count(*) FROM "hosts" GROUP BY 1`,
  // The list of scripts is a walk along this index, with no look at the rows on the way.
  `CREATE UNIQUE INDEX "scripts_team_name_id" ON "scripts" (coalesce("team_id", 0), lower("name")) INCLUDE ("id", "team_id", "name")`,
  `DROP INDEX "scripts_team_name"`,
  `ALTER INDEX "scripts_team_name_id" RENAME TO "scripts_team_name"`,
  // Rows that have changed since the last vacuum are read after all: few of them.
  `ALTER TABLE "scripts" SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.01)`,
];

const DOWN = [
  `ALTER TABLE "scripts" RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor)`,
  `DROP INDEX "scripts_team_name"`,
  `CREATE UNIQUE INDEX "scripts_team_name" ON "scripts" (coalesce("team_id", 0), lower("name"))`,
  ...['new', 'gone', 'moved', 'none'].map((name) => `DROP TRIGGER "hosts_count_${name}" ON "hosts"`),
  ...['count_new_hosts', 'count_gone_hosts', 'count_moved_host', 'count_no_hosts'].map(
    (name) => `DROP FUNCTION ${name}()`,
  ),
  `DROP TABLE "host_changes"`,
];

/** The number of hosts is known without counting them, and the last page of a list costs what the first does. */
export class CountHosts1790850000000 implements MigrationInterface {
  readonly name = 'CountHosts1790850000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}
