import { setImmediate } from 'node:timers/promises';
import { type PublicKey } from '#libs/protocol/index';
import {
  ChainVerifier,
  type KnownPlace,
  rowText,
  type Span,
  type StoredSeal,
  type Verdict,
} from '../chain/index.js';
import { ChainSql, type Queries, type ReadLines } from './chain.repository.js';

/** Below every number that a seal can be stored under. */
export const BEFORE_ALL = '-9223372036854775808';
const SEALS_AT_ONCE = 20;
const ROWS_AT_ONCE = 1_000;
/** Rows without a seal that are named. */
const MOST_ADDED = 100;

/** A stored seal with the lines of its rows. */
export interface SealedRows extends ReadLines {
  readonly stored: StoredSeal;
}

/** All seals after a number, each with its rows as they are now; in small steps, so that nobody has to wait for it. */
export async function* sealedRows(queries: Queries, after = BEFORE_ALL): AsyncGenerator<SealedRows> {
  for (let last = after; ;) {
    const seals = await ChainSql.seals(queries, last, SEALS_AT_ONCE);
    for (const some of portions(seals)) {
      const read = await ChainSql.lines(
        queries,
        some.flatMap(({ ids }) => ids),
        rowText,
      );
      for (const stored of some) {
        yield { stored, ...read };
        if (seals.length === SEALS_AT_ONCE) await setImmediate();
      }
    }
    if (seals.length < SEALS_AT_ONCE) return;
    last = seals.at(-1)?.stored ?? last;
  }
}

function* portions(seals: readonly StoredSeal[]): Generator<StoredSeal[]> {
  let some: StoredSeal[] = [];
  let rows = 0;
  for (const seal of seals) {
    some.push(seal);
    rows += seal.ids.length;
    if (rows < ROWS_AT_ONCE) continue;
    yield some;
    [some, rows] = [[], 0];
  }
  if (some.length > 0) yield some;
}

/** Compares a seal with its rows. */
export function verifySealed(verifier: ChainVerifier, { stored, lines, more }: SealedRows): void {
  verifier.seal(stored, lines);
  for (const id of stored.ids) if (more.has(id)) verifier.doubled(id);
}

/**
 * Compares the record in the database with its seals. Rows of the last seconds, which have none yet, are not looked at.
 * @param keys the server's own
 * @param known places that must be in it
 * @param open spans of ids that may still be written, as the sealer knows them; absent: as the last seal says
 */
export async function verifyRecord(
  queries: Queries,
  keys: readonly PublicKey[],
  known: readonly KnownPlace[],
  open?: readonly Span[],
): Promise<Verdict> {
  const verifier = new ChainVerifier(keys, known);
  verifier.begin(await ChainSql.checkpoints(queries));
  for (const { table, what } of await ChainSql.oddities(queries)) verifier.tableChanged(table, what);
  for await (const sealed of sealedRows(queries)) verifySealed(verifier, sealed);
  for (const id of await ChainSql.idsIn(queries, verifier.unsealed(open), MOST_ADDED)) verifier.added(id);
  return verifier.verdict();
}
