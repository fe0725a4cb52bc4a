import { type Transaction } from './database.js';

const SQL = {
  fold: {
    name: 'names_fold',
    text: 'SELECT lower(n) AS key FROM unnest($1::text[]) WITH ORDINALITY AS k(n, i) ORDER BY i',
  },
  // Until the transaction has ended.
  lock: { name: 'names_lock', text: 'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))' },
};

/** Names as unique indexes compare them: by PostgreSQL's `lower`, which JavaScript's is not. In the same order. */
export async function foldNames(tx: Transaction, names: readonly string[]): Promise<string[]> {
  if (names.length === 0) return [];
  return (await tx.query<{ key: string }>(SQL.fold, [names])).map(({ key }) => key);
}

/** Two transactions that change many things of one kind take turns: in whatever order they name them, neither stops the other. */
export async function takeTurns(tx: Transaction, kind: string): Promise<void> {
  await tx.query(SQL.lock, [`sets of ${kind}`]);
}
