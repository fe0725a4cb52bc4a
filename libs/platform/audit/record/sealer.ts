import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '../../database/index.js';
import { Signer } from '../../signing/index.js';
import {
  BEGINNING,
  type ChainPlace,
  type ChainRow,
  hashAt,
  parseBody,
  placeAfter,
  PREFIX,
  rowHashes,
  rowText,
  type SealBody,
  type Signed,
  type Span,
  Spans,
  type StoredSeal,
  without,
} from '../chain/index.js';
import { ChainSql, MOST_ROWS } from './chain.repository.js';

/** Ids that have been passed by without a row. */
interface OpenSpan {
  readonly span: Span;
  /** Who may have taken one of them and not committed; null: not looked at yet. */
  readonly writers: ReadonlySet<string> | null;
}

interface State {
  readonly place: ChainPlace;
  /** The last seal itself; null: none yet. */
  readonly last: Signed | null;
  /** The highest id sealed. */
  readonly high: number;
  readonly open: readonly OpenSpan[];
  /** What the database ends with instead of `last`, where that is known and was told; undefined: it ends with `last`. */
  readonly cut?: Signed | null;
}

const START: State = { place: BEGINNING, last: null, high: 0, open: [] };

/** The end of the record in the database is not the one that the sealer knows; the message says what it is. */
export class RecordCut extends Error {
  override readonly name = 'RecordCut';

  constructor(
    /** What is there now. */
    readonly there: Signed | null,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Adds seals for rows that have none, in the order in which they are found: a row is in the chain some seconds after its commit, and the
 * statements that write rows know nothing of it. Ids are taken before commits and some are never used, so ids that were passed by stay open until nobody
 * who could have taken them is left.
 */
@Injectable()
export class Sealer {
  private state: State = START;

  constructor(
    private readonly database: Database,
    private readonly signer: Signer,
  ) {}

  /** The last seal; null: none yet. */
  get last(): Signed | null {
    return this.state.last;
  }

  get place(): ChainPlace {
    return this.state.place;
  }

  /** Ids that may still be written. */
  get open(): readonly Span[] {
    return this.state.open.map(({ span }) => span);
  }

  /** Goes on after this seal, wherever it was kept. */
  resume(last: Signed | null): void {
    this.state = last === null ? START : stateAfter(last);
  }

  /**
   * Begins a chain of its own behind an end that nothing vouches for, so that no seal from here on names what is before it.
   * @param lastId no row has a higher id yet: a seal may claim what it likes
   */
  resumeApart(there: Signed, lastId: number): void {
    const claimed = parseBody('seal', there.body);
    const high = Math.min(claimed?.high ?? lastId, lastId);
    this.state = { ...START, high };
    this.acceptCut(there);
  }

  /** Goes on from where the record was, although the database ends elsewhere: the gap stays to be seen. */
  acceptCut(there: Signed | null): void {
    const { place } = this.state;
    // Whatever took a number has it.
    const seal = Math.max(place.seal, (there && parseBody('seal', there.body)?.seal) ?? 0);
    this.state = { ...this.state, cut: there, place: { ...place, seal } };
  }

  /**
   * One look for rows, and a seal when there are any. Not two at once.
   * @returns how many rows were sealed; `MOST_ROWS` and more: there are probably more of them
   * @throws RecordCut: nothing was sealed
   */
  async seal(): Promise<number> {
    const { open, high } = this.state;
    // In this order: who is not there any more has committed what the next statement sees.
    const writers = open.length === 0 ? null : await ChainSql.writers(this.database);
    const rows = await ChainSql.fresh(
      this.database,
      open.map(({ span }) => span),
      high,
    );
    const ids = rows.map(({ id }) => Number(id)).sort((a, b) => a - b);
    const left = this.stillOpen(ids, writers);
    const state = { ...this.state, open: left, high: Math.max(high, ids.at(-1) ?? 0) };
    this.state = rows.length === 0 ? state : await this.add(rows, state);
    if (this.state.open.some((o) => o.writers === null)) await this.lookAtWriters();
    return rows.length;
  }

  private stillOpen(ids: readonly number[], writers: ReadonlySet<string> | null): OpenSpan[] {
    const { open, high } = this.state;
    const before = open.flatMap(({ span, writers: then }) => {
      const found = ids.filter((id) => id >= span[0] && id <= span[1]);
      const looked = found.length < MOST_ROWS;
      const over = looked && writers !== null && then !== null && [...then].every((id) => !writers.has(id));
      return over ? [] : without([span], found).map((rest) => ({ span: rest, writers: then }));
    });
    const above = new Spans();
    for (const id of ids) if (id > high) above.add(id);
    const passed = above.gaps(high + 1, ids.at(-1) ?? 0).map((span) => ({ span, writers: null }));
    return [...before, ...passed];
  }

  private async lookAtWriters(): Promise<void> {
    const writers = await ChainSql.writers(this.database);
    this.state = {
      ...this.state,
      open: this.state.open.map((o) => (o.writers === null ? { ...o, writers } : o)),
    };
  }

  private async add(rows: readonly ChainRow[], state: State): Promise<State> {
    const ordered = [...rows].sort((a, b) => Number(a.id) - Number(b.id));
    const stored = this.sealed(ordered, state);
    await this.database.transaction(async (tx) => {
      await ChainSql.lock(tx);
      await this.checkLast(tx);
      await ChainSql.addSeal(tx, stored);
    });
    const { high, open } = state;
    return { high, open, place: placeAfter(stored, stored.said), last: stored };
  }

  private sealed(rows: readonly ChainRow[], { place, open, high }: State): StoredSeal & { said: SealBody } {
    const hashes = rowHashes(Buffer.from(place.head, 'hex'), rows.map(rowText));
    const said: SealBody = {
      v: 1,
      seal: place.seal + 1,
      previous: place.digest,
      first: place.position + 1,
      count: rows.length,
      from: place.head,
      head: hashAt(hashes, rows.length - 1).toString('hex'),
      high,
      open: open.map(({ span: [first, last] }) => [first, last]),
      sealed_at: new Date().toISOString(),
      key: this.signer.keyId,
    };
    const body = JSON.stringify(said);
    const signature = this.signer.sign(Buffer.from(PREFIX.seal + body));
    return { seal: said.seal, body, signature, ids: rows.map(({ id }) => id), hashes, said };
  }

  /** Nobody has taken the end away, or put another one there. */
  private async checkLast(tx: Transaction): Promise<void> {
    const there = await ChainSql.lastSeal(tx);
    const { last, cut } = this.state;
    const expected = cut === undefined ? last : cut;
    if (there?.body !== expected?.body) throw new RecordCut(there, whereEnds(there));
  }
}

/** Where the sealer stands after a seal. */
function stateAfter(last: Signed): State {
  const body = parseBody('seal', last.body);
  if (body === null) throw new Error('the last seal of the audit record makes no sense');
  const open = body.open.map((span) => ({ span, writers: null }));
  return { place: placeAfter(last, body), last, high: body.high, open };
}

function whereEnds(last: Signed | null): string {
  if (last === null) return 'it has no seals';
  const body = parseBody('seal', last.body);
  return body === null ? 'its last seal makes no sense' : `its last seal is ${body.seal}`;
}
