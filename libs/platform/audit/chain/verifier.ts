import { type KeyObject } from 'node:crypto';
import { type PublicKey, publicKeyObject, verifySignature } from '#libs/protocol/index';
import {
  BEGINNING,
  type ChainPlace,
  type EndBody,
  hashAt,
  parseBody,
  placeAfter,
  PREFIX,
  rowHash,
  rowHashes,
  type SealBody,
  type Signed,
} from './format.js';
import { type Span, Spans, subtract } from './spans.js';

/** A seal as it is stored: what is signed, and by which rows and hashes it came about. */
export interface StoredSeal extends Signed {
  /** The number that it is stored under. */
  readonly seal: number;
  /** Ids of its rows, in the order of the chain. */
  readonly ids: readonly string[];
  /** Their hashes, 32 bytes each. */
  readonly hashes: Buffer;
}

export interface Problem {
  readonly problem:
    | 'row_changed'
    | 'row_missing'
    | 'row_added'
    | 'table_changed'
    | 'seal_changed'
    | 'seal_missing'
    | 'checkpoint_changed'
    | 'end_missing'
    | 'unknown_key';
  /** The row's place in the record, from 1; null: it has none. */
  readonly position: number | null;
  /** The row's id in the audit table; null: it cannot be known. */
  readonly id: number | null;
  /** The seal that it belongs to. */
  readonly seal: number | null;
  /** For people. */
  readonly message: string;
}

export interface Verdict {
  readonly ok: boolean;
  /** How many rows were compared, and how many seals. */
  readonly rows: number;
  readonly seals: number;
  /** The first row that is not what was sealed, or the place where it begins. */
  readonly first_bad: Problem | null;
  /** The first so many, in the order of the record. */
  readonly problems: readonly Problem[];
  readonly problem_count: number;
  /** Rows that were sealed later than is usual after they were written, as after a time without a server. */
  readonly sealed_late: number;
  readonly first_sealed_late: number | null;
  /** The position of the first row: 1 unless older ones are forgotten. */
  readonly first_position: number;
  /** Where the record ends. */
  readonly end: ChainPlace;
  readonly last_sealed_at: string | null;
}

const MOST_PROBLEMS = 50;
/** A row is sealed within seconds, unless the server is away. */
const LATE_MS = 300_000;

/** A place in the record that is known from elsewhere. */
export type KnownPlace = Pick<ChainPlace, 'seal' | 'digest'>;

/**
 * Compares a record with its seals, seal by seal, whatever it comes from: `begin`, each `seal` in turn, `added` for rows that are in no seal, `verdict`.
 * Trusts the given public keys and nothing else.
 */
export class ChainVerifier {
  private readonly keys: ReadonlyMap<string, KeyObject>;
  private readonly problems: Problem[] = [];
  private readonly sealed = new Spans();
  private place: ChainPlace = BEGINNING;
  /** False: what the last seal says of itself cannot be relied on. */
  private sound = true;
  private firstPosition = 1;
  private high = 0;
  private open: readonly Span[] = [];
  private rows = 0;
  private seals = 0;
  private late = 0;
  private firstLate: number | null = null;
  private lastSealedAt: string | null = null;
  /** The first seal of an unknown key since the last one of a known key. */
  private unvouched: { readonly body: SealBody; readonly id: number | null } | null = null;
  private readonly known: Map<number, string>;

  /** @param known places that must be in the record */
  constructor(keys: readonly PublicKey[], known: readonly KnownPlace[] = []) {
    this.keys = new Map(keys.map(({ id, publicKey }) => [id, publicKeyObject(publicKey)]));
    this.known = new Map(known.map(({ seal, digest }) => [seal, digest]));
  }

  /** @param checkpoints what says how much is forgotten: none, or one; with the number that it is stored under, where it has one */
  begin(checkpoints: readonly (Signed & { readonly seal?: string })[]): void {
    const [checkpoint, more] = checkpoints;
    if (!checkpoint) return;
    const body = parseBody('checkpoint', checkpoint.body);
    const stored = checkpoint.seal ?? String(body?.seal);
    if (
      more !== undefined ||
      body === null ||
      stored !== String(body.seal) ||
      !this.signed('checkpoint', checkpoint, body.key)
    )
      this.tell(
        'checkpoint_changed',
        {},
        'what says how much of the record is forgotten was changed, or is signed with a key that is not known',
      );
    if (body === null) return;
    this.place = { seal: body.seal, digest: body.digest, position: body.position, head: body.head };
    this.firstPosition = body.position + 1;
    this.high = body.high;
    this.checkKnown(body.seal, body.digest);
  }

  /** The record goes on after this seal, which is itself compared with nothing but its signature. */
  beginAfter(seal: Signed): void {
    const body = parseBody('seal', seal.body);
    if (body === null || !this.signed('seal', seal, body.key)) {
      this.tell('seal_changed', {}, 'the seal that this part of the record begins after was changed');
      return;
    }
    this.place = placeAfter(seal, body);
    this.firstPosition = this.place.position + 1;
    this.high = body.high;
    this.checkKnown(body.seal, this.place.digest);
  }

  /** @param lines of its rows by their ids; one that is missing is missing */
  seal(stored: StoredSeal, lines: ReadonlyMap<string, string>): void {
    this.seals++;
    for (const id of stored.ids) this.sealed.add(Number(id));
    const body = parseBody('seal', stored.body);
    const firstId = stored.ids[0] === undefined ? null : Number(stored.ids[0]);
    if (body?.seal !== stored.seal) {
      this.sealChanged(stored.seal, firstId, 'it is not what was signed');
      return;
    }
    this.checkPlace(body, firstId);
    this.checkSignature(stored, body, firstId);
    this.checkRows(stored, body, lines);
    this.place = placeAfter(stored, body);
    this.high = Math.max(this.high, body.high);
    this.open = body.open;
    this.lastSealedAt = body.sealed_at;
    this.checkKnown(body.seal, this.place.digest);
  }

  /**
   * Spans of ids from 1 on that no seal has: a row in one of these was added, as was any with an id below 1.
   * @param open where rows may still be written; absent: as the last seal says
   */
  unsealed(open: readonly Span[] = this.open): Span[] {
    return this.sealed.gaps(1, this.high).flatMap((span) => subtract(span, open));
  }

  /** A row that is in none of the seals, and was not written just now. @param id as it is written: a number may not hold it */
  added(id: string): void {
    this.tell(
      'row_added',
      { id: Number(id) },
      `row ${id} is in no seal: it was put into the record afterwards`,
    );
  }

  /** More than one row has this id, of which one was sealed. */
  doubled(id: string): void {
    this.tell('row_added', { id: Number(id) }, `row ${id} is there more than once: another one was put in`);
  }

  /** Something about a table of the record with which rows can be kept from it, or shown to some and not to others. */
  tableChanged(table: string, what: string): void {
    this.tell(
      'table_changed',
      {},
      `the table ${table} ${what}: rows may be kept out of the record, or hidden in it`,
    );
  }

  /** The end of an export. */
  end(end: Signed | null): void {
    const body = end && parseBody('end', end.body);
    const fits = (said: EndBody): boolean =>
      said.seal === this.place.seal &&
      said.digest === this.place.digest &&
      said.position === this.place.position;
    if (!end || !body || !this.signed('end', end, body.key) || (this.sound && !fits(body)))
      this.tell(
        'end_missing',
        {},
        'the end is missing or is not that of this record: what came after is not here',
      );
  }

  verdict(): Verdict {
    this.checkEnd();
    const problems = this.problems.map((problem, i) => ({ problem, i }));
    // Without an id: where it was found.
    problems.sort((a, b) => (a.problem.id ?? Infinity) - (b.problem.id ?? Infinity) || a.i - b.i);
    const sorted = problems.map(({ problem }) => problem);
    return {
      ok: sorted.length === 0,
      rows: this.rows,
      seals: this.seals,
      first_bad: sorted[0] ?? null,
      problems: sorted.slice(0, MOST_PROBLEMS),
      problem_count: sorted.length,
      sealed_late: this.late,
      first_sealed_late: this.firstLate,
      first_position: this.firstPosition,
      end: this.place,
      last_sealed_at: this.lastSealedAt,
    };
  }

  private checkPlace(body: SealBody, id: number | null): void {
    const { seal, digest, position, head } = this.place;
    const { sound } = this;
    this.sound = true;
    if (body.seal > seal + 1) {
      const rows = body.first - position - 1;
      this.tell(
        'seal_missing',
        { position: position + 1, id, seal: seal + 1 },
        `${named('seal', seal + 1, body.seal - 1)} ${body.seal - seal > 2 ? 'are' : 'is'} missing, with ${rows === 1 ? 'the row' : `the ${rows} rows`} from position ${position + 1} on; the record goes on at position ${body.first}, with row ${id ?? '?'}`,
      );
    } else if (body.seal <= seal) this.sealChanged(body.seal, id, 'its number has been there before');
    else if (sound && (body.previous !== digest || body.first !== position + 1 || body.from !== head)) {
      this.tellUnvouched();
      this.sealChanged(body.seal, id, 'it does not follow the one before it');
    }
  }

  private checkSignature(stored: Signed, body: SealBody, id: number | null): void {
    if (!this.keys.has(body.key)) {
      this.unvouched ??= { body, id };
      return;
    }
    if (this.signed('seal', stored, body.key)) {
      // It names the one before it, and so all of them.
      this.unvouched = null;
      return;
    }
    this.sealChanged(body.seal, id, 'it is not what was signed');
  }

  private checkRows(stored: StoredSeal, body: SealBody, lines: ReadonlyMap<string, string>): void {
    const { ids, hashes } = stored;
    const firstId = ids[0] === undefined ? null : Number(ids[0]);
    if (ids.length !== body.count || hashes.length !== 32 * body.count) {
      this.sealChanged(body.seal, firstId, 'its list of rows was changed');
      return;
    }
    let before: Buffer = Buffer.from(body.from, 'hex');
    const bad: number[] = [];
    for (const [i, id] of ids.entries()) {
      const line = lines.get(id);
      const hash = hashAt(hashes, i);
      if (line === undefined || !rowHash(before, line).equals(hash)) bad.push(i);
      else this.checkTime(line, body, Number(id));
      before = hash;
    }
    this.rows += ids.length;
    const ends = before.toString('hex') === body.head;
    if (bad.length === 0 && ends) return;
    if (this.intact(stored, body, lines)) {
      const id = Number(ids[bad[0] ?? ids.length - 1]);
      this.sealChanged(body.seal, id, 'its list of hashes was changed, and its rows were not');
      return;
    }
    for (const i of bad) this.tellRow(stored, body, i, lines);
    if (bad.length === 0) this.sealChanged(body.seal, firstId, 'its rows are not those that it was made for');
  }

  /** Whether the rows by themselves come to what is signed. */
  private intact({ ids }: StoredSeal, body: SealBody, lines: ReadonlyMap<string, string>): boolean {
    const texts = ids.flatMap((id) => lines.get(id) ?? []);
    if (texts.length !== ids.length) return false;
    return (
      hashAt(rowHashes(Buffer.from(body.from, 'hex'), texts), ids.length - 1).toString('hex') === body.head
    );
  }

  private tellRow({ ids }: StoredSeal, body: SealBody, i: number, lines: ReadonlyMap<string, string>): void {
    const id = ids[i] ?? '';
    const at = { position: body.first + i, id: Number(id), seal: body.seal };
    const where = `row ${id} (position ${at.position}, in seal ${body.seal})`;
    if (lines.has(id))
      this.tell('row_changed', at, `${where} is not what was sealed: it was changed, or moved`);
    else this.tell('row_missing', at, `${where} is missing`);
  }

  private checkTime(line: string, body: SealBody, id: number): void {
    const at = /^\{"id":\d+,"at":"([^"]+)"/.exec(line)?.[1] ?? '';
    if (!(Date.parse(body.sealed_at) - Date.parse(at) > LATE_MS)) return;
    this.late++;
    this.firstLate ??= id;
  }

  private checkKnown(seal: number, digest: string): void {
    const known = this.known.get(seal);
    this.known.delete(seal);
    if (known !== undefined && known !== digest)
      this.sealChanged(seal, null, `it is not the one that was noted (${known})`);
  }

  private checkEnd(): void {
    const { seal, position } = this.place;
    const last = Math.max(...this.known.keys());
    if (last > seal)
      this.tell(
        'end_missing',
        { position: position + 1, seal: seal + 1 },
        `the record ends with seal ${seal} and position ${position}, and has gone on to seal ${last}: what came after is missing`,
      );
    this.known.clear();
    this.tellUnvouched();
  }

  private tellUnvouched(): void {
    if (this.unvouched === null) return;
    const { body, id } = this.unvouched;
    this.tell(
      'unknown_key',
      { position: body.first, id, seal: body.seal },
      `from seal ${body.seal} on the record is signed with a key that is not known (${body.key})`,
    );
    this.unvouched = null;
  }

  private signed(kind: keyof typeof PREFIX, { body, signature }: Signed, keyId: string): boolean {
    const key = this.keys.get(keyId);
    return key !== undefined && verifySignature(key, Buffer.from(PREFIX[kind] + body), signature);
  }

  private sealChanged(seal: number, id: number | null, why: string): void {
    this.sound = false;
    this.tell('seal_changed', { id, seal }, `seal ${seal} was changed: ${why}`);
  }

  private tell(
    problem: Problem['problem'],
    { position = null, id = null, seal = null }: Partial<Pick<Problem, 'position' | 'id' | 'seal'>>,
    message: string,
  ): void {
    this.problems.push({ problem, position, id, seal, message });
  }
}

function named(what: string, first: number, last: number): string {
  return first === last ? `${what} ${first}` : `${what}s ${first} to ${last}`;
}
