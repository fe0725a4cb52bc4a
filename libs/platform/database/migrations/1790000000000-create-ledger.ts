import { type MigrationInterface, type QueryRunner } from 'typeorm';

const UP = [
  `CREATE TABLE "audit" (
    "id" bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    "at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    "user_id" integer,
    "email" text,
    "address" text,
    "act" text NOT NULL,
    "outcome" text NOT NULL,
    "execution_uuid" uuid,
    "details" jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT "audit_outcome" CHECK (outcome IN ('done', 'denied', 'failed')),
    CONSTRAINT "audit_pkey" PRIMARY KEY ("id")
  )`,
  `CREATE INDEX "audit_at" ON "audit" ("at")`,
  `CREATE TABLE "hosts" (
    "id" integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    "uuid" uuid NOT NULL,
    "hardware_uuid" uuid NOT NULL,
    "instance" text NOT NULL,
    "hostname" text NOT NULL,
    "hardware_serial" text NOT NULL DEFAULT '',
    "facts" jsonb NOT NULL,
    "labels" jsonb NOT NULL DEFAULT '{}',
    "agent_version" text NOT NULL DEFAULT '',
    "scripts_enabled" boolean,
    "parallel_slots" integer NOT NULL DEFAULT '4',
    "node_key_hash" bytea NOT NULL,
    "journal_id" uuid,
    "online" boolean NOT NULL DEFAULT false,
    "connection_id" text,
    "seen_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    "enrolled_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    "facts_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    "updated_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    CONSTRAINT "hosts_machine" UNIQUE ("hardware_uuid", "instance"),
    CONSTRAINT "hosts_uuid" UNIQUE ("uuid"),
    CONSTRAINT "hosts_node_key_hash" UNIQUE ("node_key_hash"),
    CONSTRAINT "hosts_pkey" PRIMARY KEY ("id")
  )`,
  `CREATE INDEX "hosts_hostname" ON "hosts" ("hostname")`,
  `CREATE INDEX "hosts_hardware_serial" ON "hosts" ("hardware_serial")`,
  `CREATE TABLE "enroll_secrets" (
    "secret" text NOT NULL,
    "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    CONSTRAINT "enroll_secrets_pkey" PRIMARY KEY ("secret")
  )`,
  `CREATE TABLE "enrolment" (
    "id" integer NOT NULL,
    CONSTRAINT "enrolment_one_row" CHECK (id = 1),
    CONSTRAINT "enrolment_pkey" PRIMARY KEY ("id")
  )`,
  `CREATE TABLE "contents" (
    "sha256" bytea NOT NULL,
    "bytes" bytea NOT NULL,
    "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    CONSTRAINT "contents_pkey" PRIMARY KEY ("sha256")
  )`,
  `CREATE TABLE "executions" (
    "id" bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    "uuid" uuid NOT NULL,
    "kind" text NOT NULL,
    "requested_by" integer,
    "requested_by_email" text NOT NULL,
    "content_sha256" bytea NOT NULL,
    "stdin_sha256" bytea,
    "options" jsonb NOT NULL DEFAULT '{}',
    "timeout_seconds" integer NOT NULL,
    "grace_seconds" integer NOT NULL,
    "output_cap_bytes" bigint NOT NULL,
    "lease_seconds" integer NOT NULL,
    "expires_at" TIMESTAMP WITH TIME ZONE,
    "idempotency_key" text,
    "request_digest" bytea,
    "last_seq" bigint NOT NULL DEFAULT '0',
    "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    CONSTRAINT "executions_uuid" UNIQUE ("uuid"),
    CONSTRAINT "executions_kind" CHECK (kind IN ('script', 'command', 'shell', 'exec_session', 'instance')),
    CONSTRAINT "executions_pkey" PRIMARY KEY ("id")
  )`,
  `CREATE INDEX "executions_created_at" ON "executions" ("created_at")`,
  `CREATE UNIQUE INDEX "executions_idempotency" ON "executions" ("requested_by", "idempotency_key") WHERE idempotency_key IS NOT NULL`,
  `CREATE TABLE "output_chunks" (
    "execution_id" bigint NOT NULL,
    "seq" bigint NOT NULL,
    "target_id" bigint NOT NULL,
    "chunk_no" integer NOT NULL,
    "stream" text NOT NULL,
    "at" TIMESTAMP WITH TIME ZONE NOT NULL,
    "data" bytea NOT NULL,
    CONSTRAINT "output_chunks_target_chunk" UNIQUE ("target_id", "chunk_no"),
    CONSTRAINT "output_chunks_pkey" PRIMARY KEY ("execution_id", "seq")
  )`,
  `CREATE TABLE "targets" (
    "id" bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    "uuid" uuid NOT NULL,
    "execution_id" bigint NOT NULL,
    "host_id" integer NOT NULL,
    "lane" text NOT NULL,
    "state" text NOT NULL,
    "attempt_id" uuid,
    "journal_id" uuid,
    "expires_at" TIMESTAMP WITH TIME ZONE,
    "stop_reason" text,
    "stop_by" text,
    "reason" text,
    "message" text NOT NULL DEFAULT '',
    "exit_code" integer,
    "signal" integer,
    "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    "dispatched_at" TIMESTAMP WITH TIME ZONE,
    "started_at" TIMESTAMP WITH TIME ZONE,
    "finished_at" TIMESTAMP WITH TIME ZONE,
    "duration_ms" bigint,
    "stdout_bytes" bigint NOT NULL DEFAULT '0',
    "stderr_bytes" bigint NOT NULL DEFAULT '0',
    "dropped_bytes" bigint NOT NULL DEFAULT '0',
    "gap_chunk" integer,
    CONSTRAINT "targets_execution_host" UNIQUE ("execution_id", "host_id"),
    CONSTRAINT "targets_uuid" UNIQUE ("uuid"),
    CONSTRAINT "targets_attempt" CHECK (state NOT IN ('dispatched','running','terminating') OR attempt_id IS NOT NULL),
    CONSTRAINT "targets_lane" CHECK (lane IN ('serial', 'parallel')),
    CONSTRAINT "targets_state" CHECK (state IN ('waiting_approval','ready','queued','dispatched','running','terminating','finished','timed_out','killed','failed_to_start','lost','expired','cancelled','denied')),
    CONSTRAINT "targets_pkey" PRIMARY KEY ("id")
  )`,
  `CREATE UNIQUE INDEX "targets_attempt_id" ON "targets" ("attempt_id") WHERE attempt_id IS NOT NULL`,
  `CREATE INDEX "targets_host_history" ON "targets" ("host_id", "id")`,
  `CREATE INDEX "targets_expiry" ON "targets" ("expires_at") WHERE expires_at IS NOT NULL AND state IN ('waiting_approval','ready','queued','dispatched')`,
  `CREATE INDEX "targets_in_flight" ON "targets" ("host_id", "lane") WHERE state IN ('dispatched','running','terminating')`,
  `CREATE INDEX "targets_queue" ON "targets" ("host_id", "lane", "id") WHERE state = 'queued'`,
  `CREATE UNIQUE INDEX "targets_one_serial_in_flight" ON "targets" ("host_id") WHERE lane = 'serial' AND state IN ('dispatched','running','terminating')`,
  `CREATE TABLE "organization" (
    "id" integer NOT NULL,
    "org_name" text NOT NULL DEFAULT '',
    "org_logo_url" text NOT NULL DEFAULT '',
    "server_url" text NOT NULL DEFAULT '',
    CONSTRAINT "organization_one_row" CHECK (id = 1),
    CONSTRAINT "organization_pkey" PRIMARY KEY ("id")
  )`,
  `CREATE TABLE "users" (
    "id" integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    "name" text NOT NULL,
    "email" text NOT NULL,
    "password_hash" text NOT NULL,
    "global_role" text,
    "api_only" boolean NOT NULL DEFAULT false,
    "force_password_reset" boolean NOT NULL DEFAULT false,
    "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    "updated_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    CONSTRAINT "users_email" UNIQUE ("email"),
    CONSTRAINT "users_global_role" CHECK (global_role IN ('admin', 'maintainer', 'observer', 'observer_plus', 'gitops')),
    CONSTRAINT "users_email_lower" CHECK (email = lower(email)),
    CONSTRAINT "users_pkey" PRIMARY KEY ("id")
  )`,
  `CREATE TABLE "sessions" (
    "id" integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    "user_id" integer NOT NULL,
    "token_hash" bytea NOT NULL,
    "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    "accessed_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    CONSTRAINT "sessions_token_hash" UNIQUE ("token_hash"),
    CONSTRAINT "sessions_pkey" PRIMARY KEY ("id")
  )`,
  `CREATE INDEX "sessions_user_id" ON "sessions" ("user_id")`,
  `ALTER TABLE "output_chunks" ADD CONSTRAINT "output_chunks_execution_id_fkey" FOREIGN KEY ("execution_id") REFERENCES "executions"("id") ON DELETE CASCADE ON UPDATE NO ACTION`,
  `ALTER TABLE "targets" ADD CONSTRAINT "targets_execution_id_fkey" FOREIGN KEY ("execution_id") REFERENCES "executions"("id") ON DELETE CASCADE ON UPDATE NO ACTION`,
  `ALTER TABLE "sessions" ADD CONSTRAINT "sessions_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE NO ACTION`,
];

const TABLES = [
  'output_chunks',
  'targets',
  'executions',
  'contents',
  'sessions',
  'users',
  'organization',
  'hosts',
  'enroll_secrets',
  'enrolment',
  'audit',
];

/** The first schema: users and their sessions, hosts and enrolment, the ledger, the audit record. */
export class CreateLedger1790000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of TABLES) await runner.query(`DROP TABLE "${table}"`);
  }
}
