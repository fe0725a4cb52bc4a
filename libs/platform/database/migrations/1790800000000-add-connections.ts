import { type MigrationInterface, type QueryRunner } from 'typeorm';

const ID = '"id" uuid NOT NULL';
const references = (table: string, column: string, target: string): string =>
  `CONSTRAINT "${table}_${column}_fkey" FOREIGN KEY ("${column}") REFERENCES "${target}"("id") ON DELETE CASCADE ON UPDATE NO ACTION`;
const TIMES = `"created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    "updated_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now()`;
const TEXTS = `text array NOT NULL DEFAULT '{}'`;
const mode = (column: string, byDefault: string): string =>
  `"${column}" text NOT NULL DEFAULT '${byDefault}',
    CONSTRAINT "connections_${column}" CHECK (${column} IN ('enabled', 'disabled'))`;

const UP = [
  `CREATE TABLE "connections" (
    ${ID},
    "name" text NOT NULL,
    "type" text NOT NULL,
    "subtype" text NOT NULL DEFAULT '',
    "command" ${TEXTS},
    "agent" text NOT NULL,
    "team_id" integer,
    "resource_name" text NOT NULL DEFAULT '',
    ${mode('access_mode_exec', 'enabled')},
    ${mode('access_mode_connect', 'disabled')},
    ${mode('access_mode_runbooks', 'disabled')},
    ${mode('access_schema', 'disabled')},
    "reviewers" ${TEXTS},
    "min_review_approvals" integer,
    "force_approve_groups" ${TEXTS},
    "access_max_duration" integer,
    "redact_enabled" boolean NOT NULL DEFAULT false,
    "redact_types" ${TEXTS},
    "mask_types" ${TEXTS},
    "attributes" ${TEXTS},
    "connection_tags" jsonb NOT NULL DEFAULT '{}',
    "tags" ${TEXTS},
    "mandatory_metadata_fields" ${TEXTS},
    "timeout_seconds" integer NOT NULL DEFAULT 3600,
    "output_cap_bytes" bigint,
    "allowed_client_args" text array,
    "allowed_env" ${TEXTS},
    "secrets_updated_at" TIMESTAMP WITH TIME ZONE,
    ${TIMES},
    CONSTRAINT "connections_type" CHECK (type IN ('database', 'application', 'custom')),
    CONSTRAINT "connections_timeout" CHECK (timeout_seconds > 0),
    CONSTRAINT "connections_name" UNIQUE ("name"),
    CONSTRAINT "connections_pkey" PRIMARY KEY ("id"),
    ${references('connections', 'team_id', 'teams')}
  )`,
  `CREATE INDEX "connections_team_id" ON "connections" ("team_id")`,
  `CREATE TABLE "connection_secrets" (
    "connection_id" uuid NOT NULL,
    "name" text NOT NULL,
    "sealed" bytea NOT NULL,
    "key_id" text NOT NULL,
    "updated_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    CONSTRAINT "connection_secrets_pkey" PRIMARY KEY ("connection_id", "name"),
    ${references('connection_secrets', 'connection_id', 'connections')}
  )`,
  `CREATE INDEX "connection_secrets_key" ON "connection_secrets" ("key_id")`,
  `CREATE TABLE "guardrails" (
    ${ID},
    "name" text NOT NULL,
    "description" text NOT NULL DEFAULT '',
    "team_id" integer,
    "input" jsonb NOT NULL,
    "output" jsonb NOT NULL,
    "attributes" ${TEXTS},
    ${TIMES},
    CONSTRAINT "guardrails_name" UNIQUE ("name"),
    CONSTRAINT "guardrails_pkey" PRIMARY KEY ("id"),
    ${references('guardrails', 'team_id', 'teams')}
  )`,
  `CREATE INDEX "guardrails_team_id" ON "guardrails" ("team_id")`,
  `CREATE TABLE "connection_guardrails" (
    "connection_id" uuid NOT NULL,
    "guardrail_id" uuid NOT NULL,
    CONSTRAINT "connection_guardrails_pkey" PRIMARY KEY ("connection_id", "guardrail_id"),
    ${references('connection_guardrails', 'connection_id', 'connections')},
    ${references('connection_guardrails', 'guardrail_id', 'guardrails')}
  )`,
  `CREATE INDEX "connection_guardrails_guardrail" ON "connection_guardrails" ("guardrail_id")`,
];

const DOWN = ['connection_guardrails', 'guardrails', 'connection_secrets', 'connections'].map(
  (table) => `DROP TABLE "${table}"`,
);

/** New tables only: a server of the version before goes on working beside them. */
export class AddConnections1790800000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}
