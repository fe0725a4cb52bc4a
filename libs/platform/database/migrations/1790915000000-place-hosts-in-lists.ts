import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** What a host is listed by; the id stands behind each, and is one by itself. */
const KEYS = { hostname: 'text', uuid: 'uuid', created_at: 'timestamptz', enrolled_at: 'timestamptz' };
const COLUMNS = Object.keys(KEYS).join(', ');
const MOVED = ['team_id', ...Object.keys(KEYS)].map(
  (column) => `OLD.${column} IS DISTINCT FROM NEW.${column}`,
);

const logged = (row: string, hosts: string): string =>
  `(${[`${row}.id`, `coalesce(${row}.team_id, 0)`, ...Object.keys(KEYS).map((key) => `${row}.${key}`), hosts].join(', ')})`;
const LOG = `INSERT INTO host_list_changes (host_id, team_id, ${COLUMNS}, hosts)`;
const LOG_ALL = (hosts: string): string =>
  `${LOG} SELECT id, coalesce(team_id, 0), ${COLUMNS}, ${hosts} FROM changed;`;

/*
 * Where an offset into the list of hosts lies: a few hosts of each order are cuts, and how many hosts there are from one
 * to the next is a count and the changes since, each change written in its own transaction, with what the host is listed
 * by. So where the cuts lie decides what a page costs, never what it holds, and they can be placed anew at any time.
 * Without cuts, as now, a list is walked from its start; the server places them (`libs/agents/cuts`).
 */
const UP = [
  `CREATE TABLE "host_list_changes" (
     "id" bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
     "host_id" integer NOT NULL,
     "team_id" integer NOT NULL,
     ${Object.entries(KEYS)
       .map(([key, type]) => `"${key}" ${type} NOT NULL,`)
       .join(' ')}
     "hosts" smallint NOT NULL,
     CONSTRAINT "host_list_changes_pkey" PRIMARY KEY ("id")
   )`,
  `CREATE TABLE "host_list_cuts" (
     "key" text NOT NULL,
     "place" integer NOT NULL,
     "host_id" integer NOT NULL,
     ${Object.entries(KEYS)
       .map(([key, type]) => `"${key}" ${type},`)
       .join(' ')}
     CONSTRAINT "host_list_cuts_pkey" PRIMARY KEY ("key", "place")
   )`,
  `CREATE INDEX "host_list_cuts_id" ON "host_list_cuts" ("host_id") INCLUDE ("place") WHERE "key" = 'id'`,
  ...Object.keys(KEYS).map(
    (key) =>
      `CREATE INDEX "host_list_cuts_${key}" ON "host_list_cuts" ("${key}", "host_id") INCLUDE ("place") WHERE "key" = '${key}'`,
  ),
  `CREATE TABLE "host_list_counts" (
     "key" text NOT NULL,
     "team_id" integer NOT NULL,
     "place" integer NOT NULL,
     "hosts" integer NOT NULL,
     CONSTRAINT "host_list_counts_pkey" PRIMARY KEY ("key", "team_id", "place") INCLUDE ("hosts")
   )`,
  // A row that is always on its way out is soon in the way.
  `ALTER TABLE "host_list_changes" SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)`,
  `CREATE OR REPLACE FUNCTION count_new_hosts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
     INSERT INTO host_changes (team_id, hosts) SELECT coalesce(team_id, 0), count(*) FROM changed GROUP BY 1;
     ${LOG_ALL('1')}
     RETURN NULL; END $$`,
  `CREATE OR REPLACE FUNCTION count_gone_hosts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
     INSERT INTO host_changes (team_id, hosts) SELECT coalesce(team_id, 0), -count(*) FROM changed GROUP BY 1;
     ${LOG_ALL('-1')}
     RETURN NULL; END $$`,
  // Changes of one row, not of a statement: those would have to keep a copy of every host that comes online or goes.
  `CREATE FUNCTION move_listed_host() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
     ${LOG} VALUES ${logged('OLD', '-1')}, ${logged('NEW', '1')};
     RETURN NULL; END $$`,
  `CREATE OR REPLACE FUNCTION count_no_hosts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
     DELETE FROM host_changes;
     TRUNCATE host_list_changes, host_list_cuts, host_list_counts;
     RETURN NULL; END $$`,
  `CREATE TRIGGER "hosts_list_moved" AFTER UPDATE OF "team_id", ${COLUMNS} ON "hosts" FOR EACH ROW
     WHEN (${MOVED.join(' OR ')}) EXECUTE FUNCTION move_listed_host()`,
];

const DOWN = [
  `DROP TRIGGER "hosts_list_moved" ON "hosts"`,
  `DROP FUNCTION move_listed_host()`,
  `CREATE OR REPLACE FUNCTION count_new_hosts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
     INSERT INTO host_changes (team_id, hosts) SELECT coalesce(team_id, 0), count(*) FROM changed GROUP BY 1;
     RETURN NULL; END $$`,
  `CREATE OR REPLACE FUNCTION count_gone_hosts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
     INSERT INTO host_changes (team_id, hosts) SELECT coalesce(team_id, 0), -count(*) FROM changed GROUP BY 1;
     RETURN NULL; END $$`,
  `CREATE OR REPLACE FUNCTION count_no_hosts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
     DELETE FROM host_changes;
     RETURN NULL; END $$`,
  `DROP TABLE "host_list_counts"`,
  `DROP TABLE "host_list_cuts"`,
  `DROP TABLE "host_list_changes"`,
];

/** A page deep in the list of hosts costs what the first does. */
export class PlaceHostsInLists1790915000000 implements MigrationInterface {
  readonly name = 'PlaceHostsInLists1790915000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}
