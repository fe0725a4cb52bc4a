import { type MigrationInterface, type QueryRunner } from 'typeorm';

/*
 * The names by which runs of the history are told (of hosts, scripts, instances, and whether the script says the same now) have a version, so that
 * servers can keep them: two snapshots with the same version have the same names. What is new changes none of those that are known.
 */

/** At the end of their transactions, which wait for each other no longer than their commits take. */
const DEFERRED = 'DEFERRABLE INITIALLY DEFERRED FOR EACH ROW';

const RENEW = 'EXECUTE FUNCTION renew_history_names()';

const isNew = (columns: readonly string[]): string =>
  `WHEN (${columns.map((column) => `OLD.${column} IS DISTINCT FROM NEW.${column}`).join(' OR ')})`;

const SERIES = ['team_id', 'script_name', 'instance_name', 'current'];

const UP = [
  `CREATE TABLE "history_names" (
    "id" smallint NOT NULL DEFAULT 1,
    "version" uuid NOT NULL DEFAULT gen_random_uuid(),
    "renewed_by" xid8 NOT NULL DEFAULT pg_current_xact_id(),
    CONSTRAINT "history_names_is_one" CHECK (id = 1),
    CONSTRAINT "history_names_pkey" PRIMARY KEY ("id")
  )`,
  `INSERT INTO "history_names" DEFAULT VALUES`,
  `CREATE FUNCTION renew_history_names() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
       UPDATE history_names SET version = gen_random_uuid(), renewed_by = pg_current_xact_id() WHERE id = 1 AND renewed_by <> pg_current_xact_id();
       RETURN NULL;
     END $$`,
  `CREATE CONSTRAINT TRIGGER "hosts_renamed" AFTER UPDATE OF hostname ON "hosts" ${DEFERRED} ${isNew(['hostname'])} ${RENEW}`,
  `CREATE CONSTRAINT TRIGGER "hosts_unnamed" AFTER DELETE ON "hosts" ${DEFERRED} ${RENEW}`,
  `CREATE CONSTRAINT TRIGGER "instance_series_renamed" AFTER UPDATE OF ${SERIES.join(', ')} ON "instance_series" ${DEFERRED} ${isNew(SERIES)} ${RENEW}`,
  `CREATE CONSTRAINT TRIGGER "instance_series_unnamed" AFTER DELETE ON "instance_series" ${DEFERRED} ${RENEW}`,
  // Two that only their extensions tell apart are told with them.
  `CREATE CONSTRAINT TRIGGER "scripts_renamed" AFTER UPDATE OF name, team_id ON "scripts" ${DEFERRED} ${isNew(['name', 'team_id'])} ${RENEW}`,
  `CREATE CONSTRAINT TRIGGER "scripts_named" AFTER INSERT OR DELETE ON "scripts" ${DEFERRED} ${RENEW}`,
];

const DOWN = [
  `DROP TRIGGER "hosts_renamed" ON "hosts"`,
  `DROP TRIGGER "hosts_unnamed" ON "hosts"`,
  `DROP TRIGGER "instance_series_renamed" ON "instance_series"`,
  `DROP TRIGGER "instance_series_unnamed" ON "instance_series"`,
  `DROP TRIGGER "scripts_renamed" ON "scripts"`,
  `DROP TRIGGER "scripts_named" ON "scripts"`,
  `DROP FUNCTION renew_history_names()`,
  `DROP TABLE "history_names"`,
];

export class VersionHistoryNames1790951000000 implements MigrationInterface {
  readonly name = 'VersionHistoryNames1790951000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}
