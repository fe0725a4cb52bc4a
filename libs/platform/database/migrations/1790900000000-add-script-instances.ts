import { type MigrationInterface, type QueryRunner } from 'typeorm';

const UP = [
  `CREATE TABLE "script_instances" (
    "id" integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    "script_id" integer NOT NULL,
    "name" text NOT NULL,
    "arguments" jsonb NOT NULL DEFAULT '[]',
    "start_trigger" jsonb NOT NULL,
    "stop_trigger" jsonb NOT NULL,
    "enabled" boolean NOT NULL DEFAULT true,
    "timeout_seconds" integer,
    "debounce_ms" integer,
    "max_starts_per_minute" integer,
    "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    "updated_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    CONSTRAINT "script_instances_name" UNIQUE ("script_id", "name"),
    CONSTRAINT "script_instances_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "script_instances_script_id_fkey" FOREIGN KEY ("script_id") REFERENCES "scripts"("id") ON DELETE CASCADE ON UPDATE NO ACTION
  )`,
  `CREATE TABLE "script_instance_targets" (
    "id" integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    "instance_id" integer NOT NULL,
    "host_id" integer,
    "label_id" integer,
    CONSTRAINT "script_instance_targets_one" CHECK ((host_id IS NULL) <> (label_id IS NULL)),
    CONSTRAINT "script_instance_targets_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "script_instance_targets_instance_id_fkey" FOREIGN KEY ("instance_id") REFERENCES "script_instances"("id") ON DELETE CASCADE ON UPDATE NO ACTION,
    CONSTRAINT "script_instance_targets_host_id_fkey" FOREIGN KEY ("host_id") REFERENCES "hosts"("id") ON DELETE CASCADE ON UPDATE NO ACTION,
    CONSTRAINT "script_instance_targets_label_id_fkey" FOREIGN KEY ("label_id") REFERENCES "labels"("id") ON DELETE NO ACTION ON UPDATE NO ACTION
  )`,
  `CREATE INDEX "script_instance_targets_instance" ON "script_instance_targets" ("instance_id")`,
  `CREATE INDEX "script_instance_targets_host" ON "script_instance_targets" ("host_id") WHERE host_id IS NOT NULL`,
  `CREATE INDEX "script_instance_targets_label" ON "script_instance_targets" ("label_id") WHERE label_id IS NOT NULL`,
  `ALTER TABLE "targets" ADD "instance_id" integer`,
  `ALTER TABLE "targets" ADD "stop_trigger" jsonb`,
  `ALTER TABLE "targets" DROP CONSTRAINT "targets_lane"`,
  `ALTER TABLE "targets" ADD CONSTRAINT "targets_lane" CHECK (lane IN ('serial', 'parallel', 'instance', 'triggered'))`,
  // Only what the server has ordered: a triggered run may be told of after its successor has begun.
  `CREATE UNIQUE INDEX "targets_one_run_per_instance" ON "targets" ("instance_id", "host_id")
    WHERE lane = 'instance' AND state IN ('queued','dispatched','running','terminating')`,
];

const DOWN = [
  `DROP INDEX "targets_one_run_per_instance"`,
  `UPDATE targets SET lane = 'parallel' WHERE instance_id IS NOT NULL`,
  `ALTER TABLE "targets" DROP CONSTRAINT "targets_lane"`,
  `ALTER TABLE "targets" ADD CONSTRAINT "targets_lane" CHECK (lane IN ('serial', 'parallel'))`,
  `ALTER TABLE "targets" DROP COLUMN "stop_trigger"`,
  `ALTER TABLE "targets" DROP COLUMN "instance_id"`,
  `DROP TABLE "script_instance_targets"`,
  `DROP TABLE "script_instances"`,
];

/** Script instances and whom they are for; targets that are runs of one. The version before knows no such target, and makes none. */
export class AddScriptInstances1790900000000 implements MigrationInterface {
  readonly name = 'AddScriptInstances1790900000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}
