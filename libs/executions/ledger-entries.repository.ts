import { Injectable } from '@nestjs/common';
import { type ReasonCode } from '#libs/protocol/index';
import { type AuditRecord, AUDIT_COLUMNS, auditValues } from '#libs/platform/audit/index';
import { type Database, plainArray, refusal, type Transaction } from '#libs/platform/database/index';
import { recordEnds } from './dispatch/ends.js';
import { type OrderRow } from './dispatch/orders.js';
import { type ExecutionKind, type RunOptions } from './execution.entity.js';
import { IN_FLIGHT_STATES, sqlList } from './states.js';
import { type TargetLane } from './target.entity.js';

/** One request on its way into the ledger, everything decided but which of its hosts are free. */
export interface LedgerEntry {
  readonly uuid: string;
  readonly kind: ExecutionKind;
  readonly lane: TargetLane;
  readonly userId: number | null;
  readonly email: string | null;
  readonly content: { readonly sha256: Buffer; readonly bytes: Buffer };
  readonly stdin: { readonly sha256: Buffer; readonly bytes: Buffer } | null;
  readonly options: RunOptions;
  readonly timeoutSeconds: number;
  readonly graceSeconds: number;
  readonly outputCapBytes: number;
  readonly leaseSeconds: number;
  readonly expiresInSeconds: number | null;
  readonly idempotencyKey: string | null;
  readonly requestDigest: Buffer | null;
  readonly scriptId: number | null;
  readonly hostIds: readonly number[];
  /** Of each host: its target, and the attempt that this begins with where it is claimed. */
  readonly targets: readonly { readonly uuid: string; readonly attemptId: string }[];
  /** How each host's target begins; absent: all are queued. What has a reason has ended. */
  readonly beginnings?: readonly Beginning[] | undefined;
  /** Hosts that are online, free and given work have it in flight from the first row version on. */
  readonly claim: boolean;
  /** Refuse when a host has so many of the serial lane waiting. */
  readonly maxWaiting: number | null;
  /** Refuse when a host has anything of the serial lane that has not ended. */
  readonly refuseWhenBusy: boolean;
  readonly record: AuditRecord;
}

export interface Beginning {
  readonly state: 'waiting_approval' | 'queued' | 'ready' | 'failed_to_start' | 'denied';
  readonly reason: ReasonCode | null;
  readonly message: string;
}

export interface Entered {
  /** The execution's internal id. */
  readonly id: string;
  /** What is in flight, to be sent once this is committed. */
  readonly claimed: OrderRow[];
}

/** Why nothing was entered: what a statement found, in the moment of entering. */
export class EntryRefused extends Error {
  constructor(readonly why: 'busy' | 'full') {
    super(why);
  }
}

const IN_FLIGHT = sqlList(IN_FLIGHT_STATES);
/** Starts of script instances wait for nobody; each of them runs once at a time. */
const INSTANCES_AT_ONCE = 1_000;

/*
 * All of a request in one statement: a statement costs a wake-up of the server and of PostgreSQL however little it does, and
 * seven of them were a fifth of a run. Its parts do not see each other's rows, so each hands on what the next one needs;
 * what waits or runs on a host is what did before. Uuids are given, which costs a tenth of making them there. No EXISTS: of two of
 * those the planner makes one look at all that waits or runs anywhere. Hosts are found one by one: whatever the plan, it is by their id.
 */
const SQL = {
  enter: {
    name: 'ledger_enter',
    text: `
      WITH given AS MATERIALIZED (
        SELECT host_id, uuid, attempt_id, coalesce(state, 'queued') AS state, reason, coalesce(message, '') AS message
        FROM unnest($17::int[], $18::text[], $19::text[], $20::text[], $34::uuid[], $35::uuid[]) AS h(host_id, state, reason, message, uuid, attempt_id)
      ), refused AS MATERIALIZED (
        SELECT refuse(CASE WHEN $23::boolean THEN 'busy' ELSE 'full' END) FROM given g
        WHERE $23 AND ((SELECT true FROM targets q WHERE q.host_id = g.host_id AND q.lane = 'serial' AND q.state = 'queued' LIMIT 1)
            OR (SELECT true FROM targets f WHERE f.host_id = g.host_id AND f.lane = 'serial' AND f.state IN (${IN_FLIGHT}) LIMIT 1))
          OR NOT $23 AND $22::int IS NOT NULL
            AND (SELECT count(*) FROM targets q WHERE q.host_id = g.host_id AND q.lane = 'serial' AND q.state = 'queued') >= $22
      ), content AS (
        INSERT INTO contents (sha256, bytes) VALUES ($5, $6) ON CONFLICT DO NOTHING
      ), input AS (
        INSERT INTO contents (sha256, bytes) SELECT $7::bytea, $8::bytea WHERE $7 IS NOT NULL ON CONFLICT DO NOTHING
      ), e AS (
        INSERT INTO executions (uuid, kind, requested_by, requested_by_email, content_sha256, stdin_sha256, options, timeout_seconds, grace_seconds,
          output_cap_bytes, lease_seconds, expires_at, idempotency_key, request_digest, script_id)
        VALUES ($1::uuid, $2, $3, $4, $5, $7, $9, $10, $11, $12, $13, now() + make_interval(secs => $14), $15, $16, $24) RETURNING *
      ), t AS (
        INSERT INTO targets (uuid, execution_id, host_id, script_id, instance_id, lane, expires_at, state, reason, message, finished_at, attempt_id, journal_id, dispatched_at)
        SELECT g.uuid, e.id, g.host_id, e.script_id, (e.options->'instance'->>'id')::int, $21::text, e.expires_at,
          CASE WHEN free.journal_id IS NULL THEN g.state ELSE 'dispatched' END, g.reason, g.message, CASE WHEN g.reason IS NOT NULL THEN now() END,
          CASE WHEN free.journal_id IS NOT NULL THEN g.attempt_id END, free.journal_id, CASE WHEN free.journal_id IS NOT NULL THEN now() END
        FROM e CROSS JOIN given g LEFT JOIN LATERAL (
          SELECT h.journal_id FROM hosts h
          WHERE $25::boolean AND g.state = 'queued' AND h.id = g.host_id AND h.online AND h.draining_since IS NULL
            AND (SELECT true FROM targets q WHERE q.host_id = g.host_id AND q.lane = $21 AND q.state = 'queued' LIMIT 1) IS NULL
            AND (SELECT count(*) FROM targets f WHERE f.host_id = g.host_id AND f.lane = $21 AND f.state IN (${IN_FLIGHT}))
              < CASE $21 WHEN 'serial' THEN 1 WHEN 'instance' THEN ${INSTANCES_AT_ONCE} ELSE h.parallel_slots END
        ) free ON true
        ORDER BY g.host_id
        RETURNING id, uuid, execution_id, host_id, state, attempt_id, exit_code, stop_reason
      ), recorded AS (
        ${recordEnds('t', 'e')}
      ), asked AS (
        INSERT INTO audit (${AUDIT_COLUMNS}) VALUES ($26, $27, $28, $29, $30, $31, $32, $33)
      )
      SELECT e.id, e.expires_at, (SELECT count(*) FROM refused) AS refused, sent.*
      FROM e CROSS JOIN (SELECT json_agg(host_id) AS hosts FROM t WHERE state = 'dispatched') sent`,
  },
};

interface EnteredRow {
  id: string;
  expires_at: Date | null;
  /** null: none is in flight. */
  hosts: number[] | null;
}

/** The one way into the ledger. */
@Injectable()
export class LedgerEntries {
  /**
   * Content, execution, targets, audit row.
   * @param tx the database itself when nothing else belongs to it: then it is committed when this resolves
   * @throws EntryRefused; the database's own errors where somebody was faster (`ONE_SERIAL_IN_FLIGHT`, a key used twice)
   */
  async enter(tx: Pick<Transaction | Database, 'query'>, entry: LedgerEntry): Promise<Entered> {
    const [row] = await tx.query<EnteredRow>(SQL.enter, values(entry)).catch((error: unknown) => {
      const why = refusal(error);
      throw why === 'busy' || why === 'full' ? new EntryRefused(why) : error;
    });
    if (!row) throw new Error('INSERT … RETURNING gave no row');
    return { id: row.id, claimed: ordersOf(entry, row) };
  }
}

function values(entry: LedgerEntry): unknown[] {
  const { content, stdin, beginnings = [] } = entry;
  return [
    entry.uuid,
    entry.kind,
    entry.userId,
    entry.email,
    content.sha256,
    content.bytes,
    stdin?.sha256 ?? null,
    stdin?.bytes ?? null,
    JSON.stringify(entry.options),
    entry.timeoutSeconds,
    entry.graceSeconds,
    entry.outputCapBytes,
    entry.leaseSeconds,
    entry.expiresInSeconds,
    entry.idempotencyKey,
    entry.requestDigest,
    plainArray(entry.hostIds),
    beginnings.map(({ state }) => state),
    beginnings.map(({ reason }) => reason),
    beginnings.map(({ message }) => message),
    entry.lane,
    entry.maxWaiting,
    entry.refuseWhenBusy,
    entry.scriptId,
    entry.claim,
    ...auditValues(entry.record),
    plainArray(entry.targets.map(({ uuid }) => uuid)),
    plainArray(entry.targets.map(({ attemptId }) => attemptId)),
  ];
}

function ordersOf(entry: LedgerEntry, { id, expires_at, hosts }: EnteredRow): OrderRow[] {
  if (hosts === null) return [];
  const places = new Map(entry.hostIds.map((hostId, place) => [hostId, place]));
  const rowAt = orderRows(entry, id, expires_at);
  return hosts.map((hostId) => rowAt(places.get(hostId) ?? 0));
}

/**
 * What will be in flight where all hosts are free, before the ledger knows of it. None: it waits for approval, or something that an order needs is stored
 * with it. When it expires is told by this server's clock, which agents go by, where the ledger's is the database's: an order that is late by one
 * of them does not start.
 */
export function expectedOrders(entry: LedgerEntry): OrderRow[] {
  const { claim, expiresInSeconds, kind, options, hostIds, beginnings } = entry;
  if (!claim || kind === 'exec_session') return [];
  if (options.signed === true || options.review !== undefined) return [];
  const expiresAt = expiresInSeconds === null ? null : new Date(Date.now() + expiresInSeconds * 1000);
  const rowAt = orderRows(entry, '', expiresAt);
  return hostIds.flatMap((_, place) =>
    (beginnings?.[place]?.state ?? 'queued') === 'queued' ? [rowAt(place)] : [],
  );
}

/** Rows by the places of their hosts in the entry. */
function orderRows(
  entry: LedgerEntry,
  executionId: string,
  expiresAt: Date | null,
): (place: number) => OrderRow {
  const execution = {
    lane: entry.lane,
    expires_at: expiresAt,
    execution_id: executionId,
    execution_uuid: entry.uuid,
    kind: entry.kind,
    content_sha256: entry.content.sha256,
    stdin_sha256: entry.stdin?.sha256 ?? null,
    options: entry.options,
    timeout_seconds: entry.timeoutSeconds,
    grace_seconds: entry.graceSeconds,
    output_cap_bytes: String(entry.outputCapBytes),
    requested_by_email: entry.email ?? '',
    // What waits for approval is never claimed here.
    approved_by: null,
  };
  return (place) => ({
    uuid: entry.targets[place]?.uuid ?? '',
    attempt_id: entry.targets[place]?.attemptId ?? '',
    host_id: entry.hostIds[place] ?? 0,
    ...execution,
  });
}
