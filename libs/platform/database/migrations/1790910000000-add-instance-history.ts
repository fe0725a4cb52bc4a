import { type MigrationInterface, type QueryRunner } from 'typeorm';

/*
 * The history of script instances is a narrow table beside the ledger, so that runs of other kinds write nothing of it, and a page of it
 * reads no wide rows. Triggers keep it: whichever statement changes a target changes its line in the same transaction.
 */

/** Ids that the upper bound of a series runs ahead of its last run. */
const ROOM = 5_000;

const UP = [
  `CREATE TABLE "instance_series" (
    "id" integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    "instance_id" integer NOT NULL,
    "script_id" integer NOT NULL,
    "team_id" integer,
    "script_name" text NOT NULL,
    "instance_name" text NOT NULL,
    "content_sha256" bytea NOT NULL,
    "current" boolean NOT NULL,
    "first_run" bigint NOT NULL,
    "last_run" bigint NOT NULL,
    CONSTRAINT "instance_series_content" UNIQUE ("instance_id", "content_sha256"),
    CONSTRAINT "instance_series_pkey" PRIMARY KEY ("id")
  )`,
  `CREATE INDEX "instance_series_script" ON "instance_series" ("script_id")`,
  `CREATE INDEX "instance_series_names" ON "instance_series" (coalesce("team_id", 0), lower("script_name"), "instance_name")`,
  `CREATE INDEX "instance_series_current" ON "instance_series" ("id") WHERE current`,
  `CREATE TABLE "instance_outcomes" (
    "series_id" integer NOT NULL,
    "outcome" integer NOT NULL,
    CONSTRAINT "instance_outcomes_pkey" PRIMARY KEY ("series_id", "outcome"),
    CONSTRAINT "instance_outcomes_series_id_fkey" FOREIGN KEY ("series_id") REFERENCES "instance_series"("id") ON DELETE CASCADE ON UPDATE NO ACTION
  )`,
  `CREATE INDEX "instance_outcomes_outcome" ON "instance_outcomes" ("outcome", "series_id")`,
  `CREATE TABLE "instance_terms" (
    "id" integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    "digest" bytea NOT NULL,
    "term" jsonb NOT NULL,
    CONSTRAINT "instance_terms_digest" UNIQUE ("digest"),
    CONSTRAINT "instance_terms_pkey" PRIMARY KEY ("id")
  )`,
  `CREATE TABLE "instance_runs" (
    "id" bigint NOT NULL,
    "host_id" integer NOT NULL,
    "series_id" integer NOT NULL,
    "outcome" integer NOT NULL,
    "started_ms" bigint NOT NULL,
    "duration_ms" bigint,
    "start_term" integer NOT NULL,
    "stop_term" integer,
    CONSTRAINT "instance_runs_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "instance_runs_id_fkey" FOREIGN KEY ("id") REFERENCES "targets"("id") ON DELETE CASCADE ON UPDATE NO ACTION
  )`,
  `CREATE INDEX "instance_runs_series" ON "instance_runs" ("series_id", "id") INCLUDE ("outcome")`,
  `CREATE INDEX "instance_runs_outcome" ON "instance_runs" ("outcome", "id") INCLUDE ("series_id")`,
  `CREATE INDEX "instance_runs_series_outcome" ON "instance_runs" ("series_id", "outcome", "id")`,
  `CREATE INDEX "instance_runs_host" ON "instance_runs" ("host_id", "id") INCLUDE ("series_id", "outcome")`,
  `CREATE INDEX "instance_runs_host_series_outcome" ON "instance_runs" ("host_id", "series_id", "outcome", "id")`,

  // What became of a run, as one number that an index can be walked by; null: not in the history, because it never started.
  `CREATE FUNCTION instance_outcome(state text, reason text, exit_code integer, signal integer) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
     SELECT CASE
       WHEN state IN ('dispatched', 'running') THEN -101
       WHEN state = 'terminating' THEN -102
       WHEN state = 'failed_to_start' THEN CASE WHEN reason IN ('already_running', 'host_offline') THEN NULL WHEN reason = 'not_found' THEN 127 ELSE 126 END
       WHEN state IN ('finished', 'timed_out', 'killed', 'lost') THEN CASE
         WHEN signal IS NOT NULL THEN -signal
         WHEN exit_code IS NULL THEN -103
         WHEN state = 'finished' THEN CASE WHEN exit_code >= 0 THEN exit_code ELSE greatest(exit_code, -2147480000) - 1000 END
         ELSE 1073741824 + (exit_code & 1073741823) END
     END $$`,
  `CREATE FUNCTION instance_ms(at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT floor(extract(epoch FROM at) * 1000)::bigint $$`,
  // What many runs say alike (arguments and trigger, what stopped them) is kept once.
  `CREATE FUNCTION instance_term(said jsonb) RETURNS integer LANGUAGE plpgsql AS $$
     DECLARE
       key bytea := sha256(convert_to(said::text, 'UTF8'));
       found integer;
     BEGIN
       IF said IS NULL THEN RETURN NULL; END IF;
       SELECT t.id INTO found FROM instance_terms t WHERE t.digest = key;
       IF found IS NULL THEN
         INSERT INTO instance_terms (digest, term) VALUES (key, said) ON CONFLICT DO NOTHING RETURNING id INTO found;
         -- Somebody else has it, committed or about to: inserting waits for that.
         IF found IS NULL THEN SELECT t.id INTO found FROM instance_terms t WHERE t.digest = key; END IF;
       END IF;
       RETURN found;
     END $$`,
  `CREATE FUNCTION record_instance_run() RETURNS trigger LANGUAGE plpgsql AS $$
     DECLARE
       now_is integer := instance_outcome(NEW.state, NEW.reason, NEW.exit_code, NEW.signal);
       was integer;
       series integer;
       e record;
     BEGIN
       IF TG_OP = 'UPDATE' THEN was := instance_outcome(OLD.state, OLD.reason, OLD.exit_code, OLD.signal); END IF;
       IF now_is IS NULL THEN
         IF was IS NOT NULL THEN DELETE FROM instance_runs WHERE id = NEW.id; END IF;
         RETURN NULL;
       END IF;
       IF was IS NULL THEN
         SELECT x.content_sha256, x.options, x.requested_by_email INTO e FROM executions x WHERE x.id = NEW.execution_id;
         SELECT s.id INTO series FROM instance_series s WHERE s.instance_id = NEW.instance_id AND s.content_sha256 = e.content_sha256;
         IF series IS NULL THEN
           -- Whoever replaces the script at this moment comes before, and is seen, or after, and sees this.
           PERFORM 1 FROM scripts c WHERE c.id = (e.options->'instance'->>'script_id')::int FOR SHARE;
           INSERT INTO instance_series (instance_id, script_id, team_id, script_name, instance_name, content_sha256, current, first_run, last_run)
             SELECT NEW.instance_id, (e.options->'instance'->>'script_id')::int, c.team_id, coalesce(c.name, e.options->>'script_name', ''),
               e.options->'instance'->>'name', e.content_sha256, coalesce(c.content_sha256 = e.content_sha256, false), NEW.id, NEW.id
             FROM (SELECT 1) one LEFT JOIN LATERAL (
               SELECT * FROM scripts WHERE id = (e.options->'instance'->>'script_id')::int) c ON true
             ON CONFLICT DO NOTHING RETURNING id INTO series;
           IF series IS NULL THEN
             SELECT s.id INTO series FROM instance_series s WHERE s.instance_id = NEW.instance_id AND s.content_sha256 = e.content_sha256;
           END IF;
         END IF;
         INSERT INTO instance_runs (id, host_id, series_id, outcome, started_ms, duration_ms, start_term, stop_term)
           VALUES (NEW.id, NEW.host_id, series, now_is, instance_ms(coalesce(NEW.started_at, NEW.dispatched_at, NEW.created_at)), NEW.duration_ms,
             instance_term(jsonb_build_object('arguments', coalesce(e.options->'arguments', '[]'), 'trigger',
               coalesce(e.options->'instance'->'trigger', jsonb_build_object('type', 'manual', 'username', e.requested_by_email)))),
             instance_term(instance_stop(NEW)));
         -- Bounds, with room: the line of a series is not written for each of its runs.
         UPDATE instance_series s SET first_run = least(s.first_run, NEW.id), last_run = greatest(s.last_run, NEW.id + ${ROOM})
           WHERE s.id = series AND (s.first_run > NEW.id OR s.last_run < NEW.id);
       ELSE
         UPDATE instance_runs SET outcome = now_is, started_ms = coalesce(instance_ms(NEW.started_at), started_ms), duration_ms = NEW.duration_ms,
             stop_term = instance_term(instance_stop(NEW))
           WHERE id = NEW.id RETURNING series_id INTO series;
       END IF;
       IF now_is IS DISTINCT FROM was AND series IS NOT NULL THEN
         INSERT INTO instance_outcomes (series_id, outcome) SELECT series, now_is
           WHERE NOT EXISTS (SELECT 1 FROM instance_outcomes o WHERE o.series_id = series AND o.outcome = now_is) ON CONFLICT DO NOTHING;
       END IF;
       RETURN NULL;
     END $$`,
  // What stopped it: its own trigger, somebody, or what is nobody's wish; null while it runs, and when it ended by itself.
  `CREATE FUNCTION instance_stop(t targets) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
     SELECT CASE
       WHEN t.state IN ('dispatched', 'running', 'finished', 'failed_to_start') THEN NULL
       WHEN t.stop_trigger IS NOT NULL THEN t.stop_trigger
       WHEN t.state IN ('killed', 'terminating') AND t.stop_by IS NOT NULL THEN jsonb_build_object('type', 'manual', 'username', t.stop_by)
       WHEN t.state = 'terminating' THEN NULL
       ELSE '{"type": "system"}' END $$`,
  `CREATE TRIGGER record_instance_run AFTER INSERT OR UPDATE ON targets FOR EACH ROW WHEN (NEW.instance_id IS NOT NULL) EXECUTE FUNCTION record_instance_run()`,
  // Which runs are outdated is a matter of what their scripts say now.
  `CREATE FUNCTION renew_instance_series() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
       UPDATE instance_series s SET current = TG_OP <> 'DELETE' AND s.content_sha256 = NEW.content_sha256
         WHERE s.script_id = OLD.id AND s.current IS DISTINCT FROM (TG_OP <> 'DELETE' AND s.content_sha256 = NEW.content_sha256);
       RETURN NULL;
     END $$`,
  `CREATE TRIGGER renew_instance_series AFTER UPDATE OF content_sha256 OR DELETE ON scripts FOR EACH ROW EXECUTE FUNCTION renew_instance_series()`,
];

const DOWN = [
  `DROP TRIGGER renew_instance_series ON scripts`,
  `DROP TRIGGER record_instance_run ON targets`,
  `DROP FUNCTION renew_instance_series()`,
  `DROP FUNCTION record_instance_run()`,
  `DROP FUNCTION instance_term(jsonb)`,
  `DROP FUNCTION instance_ms(timestamptz)`,
  `DROP FUNCTION instance_stop(targets)`,
  `DROP FUNCTION instance_outcome(text, text, integer, integer)`,
  ...['instance_runs', 'instance_terms', 'instance_outcomes', 'instance_series'].map(
    (table) => `DROP TABLE "${table}"`,
  ),
];

/** The history of script instances, to be searched by outcome, instance, content and host. */
export class AddInstanceHistory1790910000000 implements MigrationInterface {
  readonly name = 'AddInstanceHistory1790910000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}
