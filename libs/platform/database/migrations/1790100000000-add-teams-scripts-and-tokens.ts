import { type MigrationInterface, type QueryRunner } from 'typeorm';

const UP = [
  `CREATE TABLE "teams" (
    "id" integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    "name" text NOT NULL,
    "description" text NOT NULL DEFAULT '',
    "agent_options" jsonb,
    "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    CONSTRAINT "teams_pkey" PRIMARY KEY ("id")
  )`,
  `CREATE UNIQUE INDEX "teams_name" ON "teams" (lower("name"))`,
  `CREATE TABLE "team_roles" (
    "user_id" integer NOT NULL,
    "team_id" integer NOT NULL,
    "role" text NOT NULL,
    CONSTRAINT "team_roles_role" CHECK (role IN ('admin', 'maintainer', 'observer', 'observer_plus', 'gitops')),
    CONSTRAINT "team_roles_pkey" PRIMARY KEY ("user_id", "team_id"),
    CONSTRAINT "team_roles_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE NO ACTION,
    CONSTRAINT "team_roles_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE CASCADE ON UPDATE NO ACTION
  )`,
  `CREATE INDEX "team_roles_team_id" ON "team_roles" ("team_id")`,
  `CREATE TABLE "api_tokens" (
    "id" integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    "user_id" integer NOT NULL,
    "name" text NOT NULL,
    "token_hash" bytea NOT NULL,
    "rights" jsonb,
    "expires_at" TIMESTAMP WITH TIME ZONE,
    "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    "used_at" TIMESTAMP WITH TIME ZONE,
    CONSTRAINT "api_tokens_token_hash" UNIQUE ("token_hash"),
    CONSTRAINT "api_tokens_user_name" UNIQUE ("user_id", "name"),
    CONSTRAINT "api_tokens_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "api_tokens_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE NO ACTION
  )`,
  `CREATE TABLE "scripts" (
    "id" integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    "team_id" integer,
    "name" text NOT NULL,
    "content_sha256" bytea NOT NULL,
    "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    "updated_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    CONSTRAINT "scripts_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "scripts_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE CASCADE ON UPDATE NO ACTION
  )`,
  `CREATE UNIQUE INDEX "scripts_team_name" ON "scripts" (coalesce("team_id", 0), lower("name"))`,
  `ALTER TABLE "hosts" ADD "team_id" integer`,
  `ALTER TABLE "hosts" ADD CONSTRAINT "hosts_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE SET NULL ON UPDATE NO ACTION`,
  `CREATE INDEX "hosts_team" ON "hosts" ("team_id", "id")`,
  `ALTER TABLE "enroll_secrets" ADD "team_id" integer`,
  `ALTER TABLE "enroll_secrets" ADD CONSTRAINT "enroll_secrets_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE CASCADE ON UPDATE NO ACTION`,
  `CREATE INDEX "enroll_secrets_team_id" ON "enroll_secrets" ("team_id")`,
  `ALTER TABLE "executions" ADD "script_id" integer`,
  `ALTER TABLE "executions" ADD CONSTRAINT "executions_script_id_fkey" FOREIGN KEY ("script_id") REFERENCES "scripts"("id") ON DELETE SET NULL ON UPDATE NO ACTION`,
  `CREATE INDEX "executions_script_id" ON "executions" ("script_id") WHERE script_id IS NOT NULL`,
  `ALTER TABLE "targets" ADD "script_id" integer`,
  `CREATE INDEX "targets_script" ON "targets" ("script_id", "host_id", "id") WHERE script_id IS NOT NULL`,
  `ALTER TABLE "audit" ADD "host_id" integer`,
  `CREATE INDEX "audit_host" ON "audit" ("host_id", "id") WHERE host_id IS NOT NULL`,
  `ALTER TABLE "organization" ADD "scripts_disabled" boolean NOT NULL DEFAULT false`,
];

const DOWN = [
  `ALTER TABLE "organization" DROP COLUMN "scripts_disabled"`,
  `ALTER TABLE "audit" DROP COLUMN "host_id"`,
  `ALTER TABLE "targets" DROP COLUMN "script_id"`,
  `ALTER TABLE "executions" DROP COLUMN "script_id"`,
  `ALTER TABLE "enroll_secrets" DROP COLUMN "team_id"`,
  `ALTER TABLE "hosts" DROP COLUMN "team_id"`,
  ...['scripts', 'api_tokens', 'team_roles', 'teams'].map((table) => `DROP TABLE "${table}"`),
];

/** Adds to what was there, so that a server of the version before goes on working beside it. */
export class AddTeamsScriptsAndTokens1790100000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}
