import { type MigrationInterface, type QueryRunner } from 'typeorm';

const UP = [
  `CREATE TABLE "labels" (
    "id" integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    "name" text NOT NULL,
    "description" text NOT NULL DEFAULT '',
    "query" text NOT NULL DEFAULT '',
    "platform" text NOT NULL DEFAULT '',
    "label_type" text NOT NULL DEFAULT 'regular',
    "membership_type" text NOT NULL DEFAULT 'dynamic',
    "author_id" integer,
    "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    "updated_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    CONSTRAINT "labels_label_type" CHECK (label_type IN ('regular', 'builtin')),
    CONSTRAINT "labels_membership_type" CHECK (membership_type IN ('dynamic', 'manual')),
    CONSTRAINT "labels_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "labels_author_id_fkey" FOREIGN KEY ("author_id") REFERENCES "users"("id") ON DELETE SET NULL ON UPDATE NO ACTION
  )`,
  `CREATE UNIQUE INDEX "labels_name" ON "labels" (lower("name"))`,
  `CREATE TABLE "label_membership" (
    "label_id" integer NOT NULL,
    "host_id" integer NOT NULL,
    CONSTRAINT "label_membership_pkey" PRIMARY KEY ("label_id", "host_id"),
    CONSTRAINT "label_membership_label_id_fkey" FOREIGN KEY ("label_id") REFERENCES "labels"("id") ON DELETE CASCADE ON UPDATE NO ACTION,
    CONSTRAINT "label_membership_host_id_fkey" FOREIGN KEY ("host_id") REFERENCES "hosts"("id") ON DELETE CASCADE ON UPDATE NO ACTION
  )`,
  `CREATE INDEX "label_membership_host" ON "label_membership" ("host_id", "label_id")`,
  `INSERT INTO "labels" ("id", "name", "description", "query", "platform", "label_type", "membership_type") OVERRIDING SYSTEM VALUE VALUES
    (1, 'All Hosts', 'All hosts that have enrolled', 'select 1;', '', 'builtin', 'dynamic'),
    (2, 'macOS', 'All macOS hosts', 'select 1 from os_version where platform = ''darwin'';', 'darwin', 'builtin', 'dynamic'),
    (3, 'Ubuntu Linux', 'All Ubuntu hosts', 'select 1 from os_version where platform = ''ubuntu'';', 'ubuntu', 'builtin', 'dynamic'),
    (4, 'CentOS Linux', 'All CentOS hosts', 'select 1 from os_version where platform = ''centos'' or name like ''%centos%''', '', 'builtin', 'dynamic'),
    (5, 'MS Windows', 'All Windows hosts', 'select 1 from os_version where platform = ''windows'';', 'windows', 'builtin', 'dynamic'),
    (6, 'Red Hat Linux', 'All Red Hat Enterprise Linux hosts', 'select 1 from os_version where name like ''%red hat%''', '', 'builtin', 'dynamic'),
    (7, 'All Linux', 'All Linux hosts', 'select 1 from osquery_info where build_platform like ''%ubuntu%'' or build_distro like ''%centos%'';', '', 'builtin', 'dynamic'),
    (8, 'chrome', 'All ChromeOS hosts', 'select 1 from os_version where platform = ''chrome'';', '', 'builtin', 'dynamic'),
    (9, 'macOS 14+ (Sonoma+)', 'macOS hosts with version 14 or later', 'select 1 from os_version where platform = ''darwin'' and major >= 14;', 'darwin', 'builtin', 'dynamic'),
    (10, 'iOS', 'All iOS hosts', '', 'ios', 'builtin', 'manual'),
    (11, 'iPadOS', 'All iPadOS hosts', '', 'ipados', 'builtin', 'manual'),
    (12, 'Fedora Linux', 'All Fedora hosts', 'select 1 from os_version where name = ''Fedora Linux'';', 'rhel', 'builtin', 'dynamic'),
    (13, 'Android', 'All Android hosts', '', 'android', 'builtin', 'manual')`,
  // Room for further built-in labels.
  `ALTER TABLE "labels" ALTER COLUMN "id" RESTART WITH 1000`,
  // The hosts that are there; from now on their agents' words decide (libs/agents/labels/builtin-labels.ts).
  `INSERT INTO "label_membership" ("label_id", "host_id")
   SELECT rule.label_id, h.id
   FROM (SELECT id, coalesce(facts->>'platform', '') AS platform, coalesce(facts->>'os_version', '') AS os FROM hosts) h
   CROSS JOIN LATERAL (VALUES
     (1, true),
     (2, platform = 'darwin'),
     (3, platform = 'ubuntu'),
     (4, platform = 'centos' OR os ILIKE '%centos%'),
     (5, platform = 'windows'),
     (6, os ILIKE '%red hat%'),
     (7, platform NOT IN ('', 'aix', 'android', 'chrome', 'cygwin', 'darwin', 'freebsd', 'ios', 'ipados', 'netbsd', 'openbsd', 'sunos', 'win32', 'windows')),
     (8, platform = 'chrome'),
     (9, platform = 'darwin' AND coalesce(substring(os FROM '[0-9]+'), '0')::numeric >= CASE WHEN os ILIKE 'darwin%' THEN 23 ELSE 14 END),
     (12, os ILIKE 'fedora%')
   ) AS rule(label_id, member)
   WHERE rule.member`,
  `CREATE TABLE "queries" (
    "id" integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    "team_id" integer,
    "name" text NOT NULL,
    "description" text NOT NULL DEFAULT '',
    "query" text NOT NULL,
    "saved" boolean NOT NULL,
    "author_id" integer,
    "observer_can_run" boolean NOT NULL DEFAULT false,
    "interval" integer NOT NULL DEFAULT 0,
    "platform" text NOT NULL DEFAULT '',
    "min_osquery_version" text NOT NULL DEFAULT '',
    "automations_enabled" boolean NOT NULL DEFAULT false,
    "logging" text NOT NULL DEFAULT 'snapshot',
    "discard_data" boolean NOT NULL DEFAULT false,
    "created_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    "updated_at" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    CONSTRAINT "queries_logging" CHECK (logging IN ('snapshot', 'differential', 'differential_ignore_removals')),
    CONSTRAINT "queries_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "queries_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE CASCADE ON UPDATE NO ACTION,
    CONSTRAINT "queries_author_id_fkey" FOREIGN KEY ("author_id") REFERENCES "users"("id") ON DELETE SET NULL ON UPDATE NO ACTION
  )`,
  `CREATE UNIQUE INDEX "queries_team_name" ON "queries" (coalesce("team_id", 0), lower("name")) WHERE saved`,
  // A user or a team that is deleted is looked for here.
  `CREATE INDEX "queries_author_id" ON "queries" ("author_id")`,
];

const DOWN = ['queries', 'label_membership', 'labels'].map((table) => `DROP TABLE "${table}"`);

/** Adds to what was there, so that a server of the version before goes on working beside it. */
export class AddLabelsAndQueries1790500000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}
