import { type Database, type Transaction } from '../../database/index.js';
import { type ChainRow, ROW_COLUMNS, type Signed, type Span, type StoredSeal } from '../chain/index.js';

/** Where statements go: a transaction, or the database itself. */
export type Queries = Pick<Transaction | Database, 'query'>;

/** Rows of one seal, and of one look for new ones. */
export const MOST_ROWS = 500;
/** Key of the advisory lock under which seals are added. */
const SEALING_LOCK = 0x6d757364;

const SEAL = 's.seal::text AS seal, body, signature, ids::text[] AS ids, hashes';

const SQL = {
  lock: { name: 'audit_seals_lock', text: 'SELECT pg_advisory_xact_lock($1)' },
  last: {
    name: 'audit_seals_last',
    text: 'SELECT body, signature FROM audit_seals ORDER BY seal DESC LIMIT 1',
  },
  // In the spans that are still open, and above everything seen so far; not above what the table itself has numbered. Up to which id is
  // asked first: the plan sorts what it finds, and would write out the columns of all that wait for a seal, each time.
  fresh: {
    name: 'audit_fresh',
    text: `SELECT r.* FROM (
             SELECT o.* FROM unnest($1::bigint[], $2::bigint[]) s(first, last)
               CROSS JOIN LATERAL (SELECT ${ROW_COLUMNS} FROM ONLY audit a WHERE a.id BETWEEN s.first AND s.last ORDER BY a.id LIMIT ${MOST_ROWS}) o
             UNION ALL
             (SELECT ${ROW_COLUMNS} FROM ONLY audit a WHERE a.id > $3::bigint AND a.id <= (
                SELECT max(n.id) FROM (SELECT id FROM ONLY audit WHERE id > $3::bigint AND id <= (SELECT last_value FROM audit_id_seq) ORDER BY id LIMIT ${MOST_ROWS}) n
              ) ORDER BY a.id LIMIT ${MOST_ROWS})
           ) r`,
  },
  lastId: { text: 'SELECT last_value::float8 AS id FROM audit_id_seq' },
  // Whoever is to write a row holds this lock from before the row has its id until the end of the transaction.
  writers: {
    name: 'audit_writers',
    text: `SELECT virtualtransaction AS id FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted
             AND relation = 'audit'::regclass AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  },
  add: {
    name: 'audit_seals_add',
    text: 'INSERT INTO audit_seals (seal, body, signature, ids, hashes) VALUES ($1, $2, $3, $4, $5)',
  },
  checkpoints: {
    name: 'audit_checkpoints',
    text: 'SELECT c.seal::text AS seal, body, signature FROM audit_checkpoints c ORDER BY c.seal DESC',
  },
  seals: {
    name: 'audit_seals_page',
    text: `SELECT ${SEAL} FROM audit_seals s WHERE s.seal > $1::bigint ORDER BY s.seal LIMIT $2`,
  },
  rows: {
    name: 'audit_rows_by_id',
    text: `SELECT ${ROW_COLUMNS} FROM ONLY audit a WHERE a.id = ANY($1::bigint[])`,
  },
  inSpans: {
    name: 'audit_rows_in_spans',
    text: `SELECT o.id::text AS id FROM unnest($1::bigint[], $2::bigint[]) s(first, last)
             CROSS JOIN LATERAL (SELECT a.id FROM ONLY audit a WHERE a.id BETWEEN s.first AND s.last ORDER BY a.id LIMIT $3) o
           UNION ALL
           (SELECT a.id::text FROM ONLY audit a WHERE a.id < 1 ORDER BY a.id LIMIT $3)
           UNION ALL
           (SELECT a.id::text FROM ONLY audit a WHERE a.id > (SELECT last_value FROM audit_id_seq) ORDER BY a.id LIMIT $3)`,
  },
  // What an ordinary table has none of.
  oddities: {
    name: 'audit_oddities',
    text: `SELECT t.name AS table, o.what FROM unnest(ARRAY['audit', 'audit_seals', 'audit_checkpoints']) t(name)
             JOIN pg_class c ON c.oid = to_regclass(t.name)
             CROSS JOIN LATERAL (
               SELECT 'is not a table' AS what WHERE c.relkind <> 'r'
               UNION ALL SELECT 'has row security' WHERE c.relrowsecurity
               UNION ALL SELECT 'has the rule ' || r.rulename FROM pg_rewrite r WHERE r.ev_class = c.oid AND c.relkind = 'r'
               UNION ALL SELECT 'has the trigger ' || g.tgname FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal
               UNION ALL SELECT 'is inherited by ' || i.inhrelid::regclass FROM pg_inherits i WHERE i.inhparent = c.oid
               UNION ALL SELECT 'inherits from ' || i.inhparent::regclass FROM pg_inherits i WHERE i.inhrelid = c.oid
             ) o ORDER BY 1, 2`,
  },
  forgetRows: { text: 'DELETE FROM audit WHERE id = ANY($1::bigint[])' },
  forgetSeals: { text: 'DELETE FROM audit_seals WHERE seal = ANY($1::bigint[])' },
  dropCheckpoints: { text: 'DELETE FROM audit_checkpoints' },
  addCheckpoint: { text: 'INSERT INTO audit_checkpoints (seal, body, signature) VALUES ($1, $2, $3)' },
};

/** What is stored under the ids that were asked for. */
export interface ReadLines {
  /** Lines by their rows' ids. */
  readonly lines: ReadonlyMap<string, string>;
  /** Further lines of the same ids: there are none, unless somebody has made it possible. */
  readonly more: ReadonlyMap<string, readonly string[]>;
}

/** Something about a table of the record that should not be. */
export interface Oddity {
  readonly table: string;
  /** What it has or is, for people. */
  readonly what: string;
}

interface SealRow extends Omit<StoredSeal, 'seal'> {
  readonly seal: string;
}

/** Statements over the audit record and its chain; each finds what it looks for by an index. */
export const ChainSql = {
  /** Until the end of the transaction nobody else adds a seal. */
  async lock(tx: Queries): Promise<void> {
    await tx.query(SQL.lock, [SEALING_LOCK]);
  },

  async lastSeal(tx: Queries): Promise<Signed | null> {
    const [row] = await tx.query<Signed>(SQL.last);
    return row ?? null;
  },

  /** Rows that have no seal yet: those in these spans, at most `MOST_ROWS` of each, and as many above `high`. */
  fresh(tx: Queries, open: readonly Span[], high: number): Promise<ChainRow[]> {
    return tx.query<ChainRow>(SQL.fresh, [open.map(([first]) => first), open.map(([, last]) => last), high]);
  },

  /** The highest id that the table has numbered. */
  async lastId(tx: Queries): Promise<number> {
    const [row] = await tx.query<{ id: number }>(SQL.lastId);
    return row?.id ?? 0;
  },

  /** Transactions that may have taken an id for a row which nobody else can see yet. */
  async writers(tx: Queries): Promise<ReadonlySet<string>> {
    return new Set((await tx.query<{ id: string }>(SQL.writers)).map(({ id }) => id));
  },

  async addSeal(tx: Queries, { seal, body, signature, ids, hashes }: StoredSeal): Promise<void> {
    await tx.query(SQL.add, [seal, body, signature, ids, hashes]);
  },

  /** The newest first; there should be one at most. */
  checkpoints(tx: Queries): Promise<(Signed & { readonly seal: string })[]> {
    return tx.query(SQL.checkpoints);
  },

  /** The next seals after this number. */
  async seals(
    tx: Queries,
    after: string,
    limit: number,
  ): Promise<(StoredSeal & { readonly stored: string })[]> {
    const rows = await tx.query<SealRow>(SQL.seals, [after, limit]);
    return rows.map((row) => ({ ...row, seal: Number(row.seal), stored: row.seal }));
  },

  /** Lines of the chain by their rows' ids. */
  async lines(tx: Queries, ids: readonly string[], toLine: (row: ChainRow) => string): Promise<ReadLines> {
    const lines = new Map<string, string>();
    const more = new Map<string, string[]>();
    for (const row of await tx.query<ChainRow>(SQL.rows, [ids])) {
      if (!lines.has(row.id)) lines.set(row.id, toLine(row));
      else more.set(row.id, [...(more.get(row.id) ?? []), toLine(row)]);
    }
    return { lines, more };
  },

  /** What is not ordinary about the tables of the record. */
  oddities(tx: Queries): Promise<Oddity[]> {
    return tx.query<Oddity>(SQL.oddities);
  },

  /** Ids of rows in these spans, and of rows that the table has not numbered itself; at most so many each. */
  async idsIn(tx: Queries, spans: readonly Span[], limit: number): Promise<string[]> {
    const rows = await tx.query<{ id: string }>(SQL.inSpans, [
      spans.map(([first]) => first),
      spans.map(([, last]) => last),
      limit,
    ]);
    return rows.map(({ id }) => id);
  },

  async forget(tx: Queries, seals: readonly StoredSeal[]): Promise<void> {
    await Promise.all([
      tx.query(SQL.forgetRows, [seals.flatMap(({ ids }) => ids)]),
      tx.query(SQL.forgetSeals, [seals.map(({ seal }) => seal)]),
    ]);
  },

  async setCheckpoint(tx: Queries, seal: number, { body, signature }: Signed): Promise<void> {
    await tx.query(SQL.dropCheckpoints);
    await tx.query(SQL.addCheckpoint, [seal, body, signature]);
  },
};
