import { createHash, randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { type Lane } from '#libs/protocol/index';
import { Audit } from '#libs/platform/audit/index';
import { type Caller } from '#libs/platform/auth/index';
import { type Settings, SETTINGS } from '#libs/platform/config/index';
import { Database, type Transaction, violated } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { ContentsService, digestOfContent } from '#libs/scripts/index';
import { DispatcherService, ONE_SERIAL_IN_FLIGHT } from './dispatch/dispatcher.service.js';
import { type OrderRow } from './dispatch/orders.js';
import { type ExecutionKind, type RunOptions } from './execution.entity.js';
import { Nudges } from './results/nudges.js';
import { IN_FLIGHT_STATES, sqlList } from './states.js';

/** What is to be run; the dialect has checked its form. */
export interface StartRequest {
  readonly kind: ExecutionKind;
  readonly lane: Lane;
  /** Script bytes, or the JSON of argv or shell line. */
  readonly content: Buffer;
  readonly stdin?: Buffer;
  readonly options?: RunOptions;
  /** The saved script that the content was taken from. */
  readonly scriptId?: number | undefined;
  /** One target each; the caller may run this on all of them. */
  readonly hostIds: readonly number[];
  readonly timeoutSeconds: number;
  /** Between TERM and KILL. Default 10. */
  readonly graceSeconds?: number;
  /** From now; absent: never. */
  readonly expiresInSeconds?: number | undefined;
  /** Default: the setting. */
  readonly leaseSeconds?: number;
  readonly idempotencyKey?: string | undefined;
  /** Refuse when a host has this many targets of the serial lane waiting. */
  readonly maxWaiting?: number;
  /** Refuse when a host has anything of the serial lane that has not ended, with these words. */
  readonly refuseWhenBusy?: string;
}

export interface Started {
  /** Internal id, for watching. */
  readonly id: string;
  readonly uuid: string;
  /** False when the idempotency key had been used for the same request. */
  readonly created: boolean;
}

const DEFAULT_GRACE_SECONDS = 10;
/** Unique index over requester and key. */
const IDEMPOTENCY = 'executions_idempotency';

const SQL = {
  insertExecution: {
    name: 'execution_insert',
    text: `INSERT INTO executions (uuid, kind, requested_by, requested_by_email, content_sha256, stdin_sha256, options, timeout_seconds, grace_seconds,
             output_cap_bytes, lease_seconds, expires_at, idempotency_key, request_digest, script_id)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now() + make_interval(secs => $12), $13, $14, $15) RETURNING id`,
  },
  // With one host the target's uuid is the execution's.
  insertTargets: {
    name: 'targets_insert',
    text: `INSERT INTO targets (uuid, execution_id, host_id, script_id, lane, state, expires_at)
           SELECT CASE WHEN cardinality($3::int[]) = 1 THEN e.uuid ELSE gen_random_uuid() END, e.id, h.host_id, e.script_id, $2, 'queued', e.expires_at
           FROM executions e, unnest($3::int[]) AS h(host_id) WHERE e.uuid = $1 ORDER BY h.host_id`,
  },
  waiting: {
    name: 'targets_waiting',
    text: `SELECT host_id FROM targets WHERE host_id = ANY($1::int[]) AND lane = 'serial' AND state = 'queued' GROUP BY host_id HAVING count(*) >= $2 LIMIT 1`,
  },
  busy: {
    name: 'targets_busy',
    // Two questions, each with an index of its own: one for both would read the host's whole history.
    text: `SELECT h.id AS host_id FROM unnest($1::int[]) AS h(id)
           WHERE EXISTS (SELECT 1 FROM targets WHERE host_id = h.id AND lane = 'serial' AND state = 'queued')
              OR EXISTS (SELECT 1 FROM targets WHERE host_id = h.id AND lane = 'serial' AND state IN (${sqlList(IN_FLIGHT_STATES)})) LIMIT 1`,
  },
  byKey: {
    name: 'execution_by_key',
    text: 'SELECT id, uuid, request_digest FROM executions WHERE requested_by = $1 AND idempotency_key = $2',
  },
};

/** Takes requests into the ledger: frozen content, options and hosts, one row per host, the audit row, one transaction. */
@Injectable()
export class StartService {
  private readonly claiming = new Set<number>();

  constructor(
    private readonly database: Database,
    private readonly contents: ContentsService,
    private readonly audit: Audit,
    private readonly nudges: Nudges,
    private readonly dispatcher: DispatcherService,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'outputCapBytes' | 'leaseSeconds'>,
  ) {}

  /**
   * Stores the request and nudges the dispatcher; nothing has run yet when this resolves.
   * @throws DomainError conflict (queue full, or the idempotency key stands for another request)
   */
  async start(caller: Caller, request: StartRequest): Promise<Started> {
    const digest = request.idempotencyKey === undefined ? null : digestOf(request);
    try {
      return await this.startAndClaim(caller, request, digest);
    } catch (error) {
      // Somebody was faster, at the same moment: another request for this host was claimed, and this one queues behind it;
      // or one with the same key was stored, and is the answer.
      if (![ONE_SERIAL_IN_FLIGHT, IDEMPOTENCY].includes(violated(error) ?? '')) throw error;
      return this.startOnce(caller, request, digest, false);
    }
  }

  /** Of several requests for one host at the same moment only one claims: the others would have to wait for it, and try again. */
  private async startAndClaim(
    caller: Caller,
    request: StartRequest,
    digest: Buffer | null,
  ): Promise<Started> {
    const [hostId] = request.hostIds;
    if (hostId === undefined || request.hostIds.length > 1 || this.claiming.has(hostId)) {
      return this.startOnce(caller, request, digest, false);
    }
    this.claiming.add(hostId);
    try {
      return await this.startOnce(caller, request, digest, true);
    } finally {
      this.claiming.delete(hostId);
    }
  }

  private startOnce(
    caller: Caller,
    request: StartRequest,
    digest: Buffer | null,
    claim: boolean,
  ): Promise<Started> {
    return this.database.transaction(async (tx) => {
      const known = await this.findByKey(tx, caller, request, digest);
      if (known) return known;
      const { started, claimed } = await this.insert(tx, caller, request, digest, claim);
      tx.afterCommit(() => {
        if (claimed.length === 0) this.nudges.wake(request.hostIds);
        else this.dispatcher.sendClaimed(claimed);
      });
      return started;
    });
  }

  private async findByKey(
    tx: Transaction,
    caller: Caller,
    request: StartRequest,
    digest: Buffer | null,
  ): Promise<Started | null> {
    if (digest === null) return null;
    const [row] = await tx.query<{ id: string; uuid: string; request_digest: Buffer }>(SQL.byKey, [
      caller.userId,
      request.idempotencyKey,
    ]);
    if (!row) return null;
    if (!row.request_digest.equals(digest)) {
      throw new DomainError('conflict', 'this Idempotency-Key was used for another request; use a new key');
    }
    return { id: row.id, uuid: row.uuid, created: false };
  }

  private async insert(
    tx: Transaction,
    caller: Caller,
    request: StartRequest,
    digest: Buffer | null,
    claim: boolean,
  ): Promise<{ started: Started; claimed: OrderRow[] }> {
    const { kind, lane, content, stdin, options = {}, hostIds, maxWaiting, refuseWhenBusy } = request;
    const { contents, audit, settings } = this;
    const stdinSha256 = stdin ? await contents.put(tx, stdin) : null;
    const uuid = randomUUID();
    const sha256 = digestOfContent(content);
    const { userId, email, address } = caller;
    const details = {
      kind,
      host_ids: hostIds.slice(0, 100),
      hosts: hostIds.length,
      content_sha256: sha256.toString('hex'),
    };
    // Sent together: none of them needs the other's result.
    const [[full], [busy], , [execution], claimed] = await Promise.all([
      maxWaiting === undefined || refuseWhenBusy !== undefined
        ? []
        : tx.query<{ host_id: number }>(SQL.waiting, [hostIds, maxWaiting]),
      refuseWhenBusy === undefined ? [] : tx.query<{ host_id: number }>(SQL.busy, [hostIds]),
      contents.put(tx, content),
      tx.query<{ id: string }>(SQL.insertExecution, [
        uuid,
        kind,
        userId,
        email,
        sha256,
        stdinSha256,
        JSON.stringify(options),
        request.timeoutSeconds,
        request.graceSeconds ?? DEFAULT_GRACE_SECONDS,
        settings.outputCapBytes,
        request.leaseSeconds ?? settings.leaseSeconds,
        request.expiresInSeconds ?? null,
        request.idempotencyKey ?? null,
        digest,
        request.scriptId ?? null,
      ]),
      claim && hostIds[0] !== undefined
        ? this.dispatcher.place(tx, uuid, lane, hostIds[0])
        : tx.query<OrderRow>(SQL.insertTargets, [uuid, lane, hostIds]),
      audit.record(tx, {
        userId,
        email,
        address,
        act: `run_${kind}`,
        outcome: 'done',
        executionUuid: uuid,
        details,
      }),
    ]);
    if (full) {
      const reason = `cannot queue more than ${maxWaiting} scripts per host`;
      throw new DomainError('invalid_conflict', { name: 'script_id', reason });
    }
    if (busy) throw new DomainError('invalid_conflict', { name: 'script_id', reason: refuseWhenBusy ?? '' });
    if (!execution) throw new Error('INSERT … RETURNING gave no row');
    return { started: { id: execution.id, uuid, created: true }, claimed };
  }
}

function digestOf(request: StartRequest): Buffer {
  const { kind, lane, content, stdin, options, hostIds, timeoutSeconds, expiresInSeconds } = request;
  const parts = [
    kind,
    lane,
    content.toString('base64'),
    stdin?.toString('base64') ?? null,
    options ?? {},
    hostIds,
    timeoutSeconds,
    expiresInSeconds ?? null,
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest();
}
