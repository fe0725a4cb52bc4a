import { createHash } from 'node:crypto';
import { z } from 'zod';

/*
 * What the chain is made of. Every row of the record has a text, one line of JSON; its hash is the SHA-256 of the hash before it and
 * that text. A seal signs what a number of rows came to, and names the seal before it by its digest, signature included.
 */

/** The hash before the first row, and the digest before the first seal. */
export const NOTHING = '0'.repeat(64);
const HASH_BYTES = 32;

/** One row of the audit record, as PostgreSQL prints its values (`ROW_COLUMNS`). */
export interface ChainRow {
  readonly id: string;
  /** UTC, microseconds. */
  readonly at: string;
  readonly user_id: number | null;
  readonly email: string | null;
  readonly address: string | null;
  readonly act: string;
  readonly outcome: string;
  readonly execution_uuid: string | null;
  readonly host_id: number | null;
  /** The text of a jsonb: numbers keep every digit that PostgreSQL keeps. */
  readonly details: string;
}

/** The columns of `ChainRow`, for a statement whose table is `a` (`ONLY audit`: what inherits from it is no part of the record). Times outside of what ISO 8601 has years for are seconds. */
export const ROW_COLUMNS = `a.id::text AS id,
  CASE WHEN a.at >= '1970-01-01Z' AND a.at < '10000-01-01Z' THEN to_char(a.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    ELSE extract(epoch FROM a.at)::text END AS at,
  a.user_id, a.email, a.address, a.act, a.outcome, a.execution_uuid::text AS execution_uuid, a.host_id, a.details::text AS details`;

/** The line of a row: what is hashed, and what an export holds. */
export function rowText(row: ChainRow): string {
  const { id, at, user_id, email, address, act, outcome, execution_uuid, host_id, details } = row;
  return `{"id":${id},"at":"${at}","user_id":${user_id},"email":${JSON.stringify(email)},"address":${JSON.stringify(address)},"act":${JSON.stringify(act)},"outcome":${JSON.stringify(outcome)},"execution_uuid":${JSON.stringify(execution_uuid)},"host_id":${host_id},"details":${details}}`;
}

/** The hash of the row whose line this is, after that of the row before it. */
export function rowHash(before: Buffer, line: string): Buffer {
  return createHash('sha256').update(before).update(line).digest();
}

/** The hashes of rows in a row, one after the other. */
export function rowHashes(before: Buffer, lines: Iterable<string>): Buffer {
  const hashes: Buffer[] = [];
  let last = before;
  for (const line of lines) hashes.push((last = rowHash(last, line)));
  return Buffer.concat(hashes);
}

/** Of hashes in a row the one at this place, from 0. */
export function hashAt(hashes: Buffer, index: number): Buffer {
  return hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
}

/** Something signed by the server: the bytes are those of its prefix and `body`. */
export interface Signed {
  /** One line of JSON. */
  readonly body: string;
  readonly signature: Buffer;
}

/** What stands before what is signed, so that no signature serves for anything else. */
export const PREFIX = {
  seal: 'muster-audit-seal-v1\n',
  checkpoint: 'muster-audit-checkpoint-v1\n',
  end: 'muster-audit-export-v1\n',
} as const;

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().nonnegative();
const KeyId = z.string().regex(/^[0-9a-f]{16}$/);

/** A place in the chain: after this seal, and after so many rows. */
const Place = { seal: count, position: count, head: hex, digest: hex };
export interface ChainPlace {
  /** The number of the last seal; 0: none yet. */
  readonly seal: number;
  /** The digest of that seal. */
  readonly digest: string;
  /** How many rows there have been, of those that are forgotten too. */
  readonly position: number;
  /** The hash of the last of them. */
  readonly head: string;
}

export const BEGINNING: ChainPlace = { seal: 0, digest: NOTHING, position: 0, head: NOTHING };

const SealBody = z.object({
  v: z.literal(1),
  /** From 1, without gaps. */
  seal: count.min(1),
  /** Digest of the seal before. */
  previous: hex,
  /** Position of its first row, from 1. */
  first: count.min(1),
  count: count.min(1),
  /** The hash before its first row, and that of its last one. */
  from: hex,
  head: hex,
  /** The highest id sealed so far, and the spans of ids below it that have not been seen yet: rows that are being written, or never will be. */
  high: count,
  open: z.array(z.tuple([count, count])),
  sealed_at: z.iso.datetime(),
  key: KeyId,
});
export type SealBody = z.infer<typeof SealBody>;

const CheckpointBody = z.object({
  v: z.literal(1),
  ...Place,
  /** Ids up to this one may have been among the rows that are forgotten. */
  high: count,
  /** When the last of them was sealed. */
  until: z.iso.datetime(),
  made_at: z.iso.datetime(),
  key: KeyId,
});
export type CheckpointBody = z.infer<typeof CheckpointBody>;

const EndBody = z.object({ v: z.literal(1), ...Place, made_at: z.iso.datetime(), key: KeyId });
export type EndBody = z.infer<typeof EndBody>;

const BODIES = { seal: SealBody, checkpoint: CheckpointBody, end: EndBody };

/** @returns null: it makes no sense */
export function parseBody<Kind extends keyof typeof BODIES>(
  kind: Kind,
  body: string,
): z.infer<(typeof BODIES)[Kind]> | null {
  try {
    return (BODIES[kind].safeParse(JSON.parse(body)).data ?? null) as z.infer<(typeof BODIES)[Kind]> | null;
  } catch {
    return null;
  }
}

/** What the next seal calls this one by. */
export function sealDigest({ body, signature }: Signed): string {
  return createHash('sha256').update(body).update('\n').update(signature).digest('hex');
}

/** Where the chain stands after a seal. */
export function placeAfter(seal: Signed, body: SealBody): ChainPlace {
  return {
    seal: body.seal,
    digest: sealDigest(seal),
    position: body.first + body.count - 1,
    head: body.head,
  };
}
