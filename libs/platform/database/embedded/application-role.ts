import { createHmac } from 'node:crypto';

/**
 * Whom the server is to its own PostgreSQL: it owns the tables, and may do nothing else. A superuser could have PostgreSQL read files and start programs, so that
 * a single statement that somebody slips in would be worth as much as the account that PostgreSQL runs under, which may be the server's.
 */
export const APPLICATION = 'muster_app';

/** Derived, so that there is nothing more to be kept; the other way round it does not go. */
export function applicationPassword(superuserPassword: string): string {
  return createHmac('sha256', superuserPassword).update('muster application role').digest('base64url');
}

/** For the superuser, in the database that is always there. */
export function roleStatements(database: string, superuserPassword: string): string[] {
  const rights = `LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD '${applicationPassword(superuserPassword)}'`;
  return [
    `DO $$ BEGIN CREATE ROLE ${APPLICATION}; EXCEPTION WHEN duplicate_object THEN NULL; END $$`,
    `ALTER ROLE ${APPLICATION} ${rights}`,
    `ALTER DATABASE ${database} OWNER TO ${APPLICATION}`,
  ];
}

/** As whoever owns a database may set what its sessions begin with, the superuser's own must find PostgreSQL's functions and nothing else. */
export const TRUST_NOBODY = '-c search_path=pg_catalog,pg_temp';

/**
 * For the superuser, in the database itself: what a superuser has made there (a server of before did) becomes the application's. Takes no lock on what is its own already.
 * Sequences of columns and types of tables follow their tables.
 */
export const HAND_OVER = `DO $$ DECLARE change text; BEGIN
  FOR change IN
    SELECT format('ALTER %s %s OWNER TO ${APPLICATION}', o.kind, o.name)
    FROM pg_namespace n CROSS JOIN LATERAL (
      SELECT 'TABLE' AS kind, c.oid::regclass::text AS name, c.relowner AS owner FROM pg_class c
        WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0)
      UNION ALL SELECT 'ROUTINE', p.oid::regprocedure::text, p.proowner FROM pg_proc p WHERE p.pronamespace = n.oid
      UNION ALL SELECT 'TYPE', t.oid::regtype::text, t.typowner FROM pg_type t
        WHERE t.typnamespace = n.oid AND t.typtype IN ('e', 'd', 'r') AND t.typelem = 0
    ) o
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND o.owner <> '${APPLICATION}'::regrole
  LOOP EXECUTE change; END LOOP;
END $$`;
