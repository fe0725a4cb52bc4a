import { type MigrationInterface, type QueryRunner } from 'typeorm';

const ID = '"id" integer GENERATED ALWAYS AS IDENTITY NOT NULL';
const references = (table: string, column: string, target: string, onDelete = 'CASCADE'): string =>
  `CONSTRAINT "${table}_${column}_fkey" FOREIGN KEY ("${column}") REFERENCES "${target}"("id") ON DELETE ${onDelete} ON UPDATE NO ACTION`;
const TIMES = `"created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    "updated_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now()`;

const UP = [
  `CREATE TABLE "query_labels" (
    "query_id" integer NOT NULL,
    "label_id" integer NOT NULL,
    CONSTRAINT "query_labels_pkey" PRIMARY KEY ("query_id", "label_id"),
    ${references('query_labels', 'query_id', 'queries')},
    ${references('query_labels', 'label_id', 'labels', 'NO ACTION')}
  )`,
  `CREATE INDEX "query_labels_label" ON "query_labels" ("label_id")`,
  `CREATE TABLE "packs" (
    ${ID},
    "name" text NOT NULL,
    "description" text NOT NULL DEFAULT '',
    "platform" text NOT NULL DEFAULT '',
    "disabled" boolean NOT NULL DEFAULT false,
    ${TIMES},
    CONSTRAINT "packs_pkey" PRIMARY KEY ("id")
  )`,
  `CREATE UNIQUE INDEX "packs_name" ON "packs" (lower("name"))`,
  `CREATE TABLE "pack_queries" (
    ${ID},
    "pack_id" integer NOT NULL,
    "query_id" integer NOT NULL,
    "name" text NOT NULL,
    "description" text NOT NULL DEFAULT '',
    "interval" integer NOT NULL,
    "snapshot" boolean,
    "removed" boolean,
    "platform" text NOT NULL DEFAULT '',
    "version" text NOT NULL DEFAULT '',
    "shard" integer,
    "denylist" boolean,
    CONSTRAINT "pack_queries_interval" CHECK ("interval" BETWEEN 1 AND 604800),
    CONSTRAINT "pack_queries_pkey" PRIMARY KEY ("id"),
    ${references('pack_queries', 'pack_id', 'packs')},
    ${references('pack_queries', 'query_id', 'queries')}
  )`,
  `CREATE UNIQUE INDEX "pack_queries_name" ON "pack_queries" ("pack_id", "name")`,
  `CREATE INDEX "pack_queries_query" ON "pack_queries" ("query_id")`,
  `CREATE TABLE "pack_targets" (
    ${ID},
    "pack_id" integer NOT NULL,
    "label_id" integer,
    "team_id" integer,
    CONSTRAINT "pack_targets_one" CHECK ((label_id IS NULL) <> (team_id IS NULL)),
    CONSTRAINT "pack_targets_pkey" PRIMARY KEY ("id"),
    ${references('pack_targets', 'pack_id', 'packs')},
    ${references('pack_targets', 'label_id', 'labels')},
    ${references('pack_targets', 'team_id', 'teams')}
  )`,
  `CREATE INDEX "pack_targets_pack" ON "pack_targets" ("pack_id", "label_id", "team_id")`,
  `CREATE INDEX "pack_targets_label" ON "pack_targets" ("label_id")`,
  `CREATE INDEX "pack_targets_team" ON "pack_targets" ("team_id")`,
  `CREATE TABLE "policies" (
    ${ID},
    "scope" text NOT NULL DEFAULT 'global',
    "team_id" integer,
    "name" text NOT NULL,
    "query" text NOT NULL,
    "description" text NOT NULL DEFAULT '',
    "resolution" text NOT NULL DEFAULT '',
    "platform" text NOT NULL DEFAULT '',
    "critical" boolean NOT NULL DEFAULT false,
    "author_id" integer,
    ${TIMES},
    CONSTRAINT "policies_scope" CHECK (scope IN ('global', 'team', 'no_team')),
    CONSTRAINT "policies_team" CHECK ((scope = 'team') = (team_id IS NOT NULL)),
    CONSTRAINT "policies_pkey" PRIMARY KEY ("id"),
    ${references('policies', 'team_id', 'teams')},
    ${references('policies', 'author_id', 'users', 'SET NULL')}
  )`,
  `CREATE UNIQUE INDEX "policies_scope_team_name" ON "policies" ("scope", coalesce("team_id", 0), lower("name"))`,
  `CREATE INDEX "policies_team_id" ON "policies" ("team_id")`,
  `CREATE INDEX "policies_author_id" ON "policies" ("author_id")`,
  `CREATE TABLE "policy_labels" (
    "policy_id" integer NOT NULL,
    "label_id" integer NOT NULL,
    "exclude" boolean NOT NULL DEFAULT false,
    CONSTRAINT "policy_labels_pkey" PRIMARY KEY ("policy_id", "label_id"),
    ${references('policy_labels', 'policy_id', 'policies')},
    ${references('policy_labels', 'label_id', 'labels', 'NO ACTION')}
  )`,
  `CREATE INDEX "policy_labels_label" ON "policy_labels" ("label_id")`,
  `CREATE TABLE "policy_results" (
    "policy_id" integer NOT NULL,
    "host_id" integer NOT NULL,
    "passes" boolean,
    "updated_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    CONSTRAINT "policy_results_pkey" PRIMARY KEY ("policy_id", "host_id"),
    ${references('policy_results', 'policy_id', 'policies')},
    ${references('policy_results', 'host_id', 'hosts')}
  )`,
  `CREATE INDEX "policy_results_host" ON "policy_results" ("host_id")`,
  // Counted without a look at the rows.
  `CREATE INDEX "policy_results_counts" ON "policy_results" ("policy_id", "passes")`,
  `CREATE TABLE "query_results" (
    "query_id" integer NOT NULL,
    "host_id" integer NOT NULL,
    "rows" text NOT NULL,
    "last_fetched" TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT "query_results_pkey" PRIMARY KEY ("query_id", "host_id"),
    ${references('query_results', 'query_id', 'queries')},
    ${references('query_results', 'host_id', 'hosts')}
  )`,
  `CREATE INDEX "query_results_host" ON "query_results" ("host_id")`,
];

const DOWN = [
  'query_results',
  'policy_results',
  'policy_labels',
  'policies',
  'pack_targets',
  'pack_queries',
  'packs',
  'query_labels',
].map((table) => `DROP TABLE "${table}"`);

/** Adds to what was there, so that a server of the version before goes on working beside it. */
export class AddPacksAndPolicies1790600000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}
