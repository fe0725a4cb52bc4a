import { createHash, randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { type Lane, type ReasonCode } from '#libs/protocol/index';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller } from '#libs/platform/auth/index';
import { type Settings, SETTINGS } from '#libs/platform/config/index';
import { Database, refusal, type Transaction, violated } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { ContentsService, digestOfContent } from '#libs/scripts/index';
import { DispatcherService, ONE_SERIAL_IN_FLIGHT } from './dispatch/dispatcher.service.js';
import { recordEnds } from './dispatch/ends.js';
import { type OrderRow } from './dispatch/orders.js';
import { type ExecutionKind, type RunOptions } from './execution.entity.js';
import { Nudges } from './results/nudges.js';
import { opening, type Opening } from './rollout/opening.js';
import { type RolloutPlan } from './rollout/plan.js';
import { RolloutsService } from './rollout/rollouts.service.js';
import { IN_FLIGHT_STATES, sqlList } from './states.js';

/** Why nothing is started on a host. */
export interface Unable {
  /** `denied`: the caller may not; default `failed_to_start`: the host cannot. */
  readonly state?: 'failed_to_start' | 'denied';
  readonly reason: ReasonCode;
  readonly message: string;
}

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
  /** Those of the hosts that cannot run it: their targets have ended the moment they come to be. */
  readonly unable?: ReadonlyMap<number, Unable> | undefined;
  /** In which waves the hosts are reached, in the order of their ids; absent, or of one host: all at once. */
  readonly rollout?: RolloutPlan | undefined;
  readonly timeoutSeconds: number;
  /** Between TERM and KILL. Default 10. */
  readonly graceSeconds?: number;
  /** From now; absent: never. */
  readonly expiresInSeconds?: number | undefined;
  /** Default: the setting. */
  readonly leaseSeconds?: number;
  readonly idempotencyKey?: string | undefined;
  /** What the key stands for, as JSON, where the same request may mean other hosts the next time; default: content, options and hosts. */
  readonly asked?: unknown;
  /** Refuse when a host has this many targets of the serial lane waiting. */
  readonly maxWaiting?: number;
  /** Refuse when a host has anything of the serial lane that has not ended, with these words. */
  readonly refuseWhenBusy?: string;
  /** Refuse when the same saved script waits or runs on a host. */
  readonly refuseWhenQueued?: true;
  /** What the audit record says of the request, when it is not `requested_<kind>`. */
  readonly record?: (executionUuid: string) => { act: string; details: Record<string, unknown> };
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
/** What two requests at the same moment can break; each at most once per request. */
const RACES = [ONE_SERIAL_IN_FLIGHT, IDEMPOTENCY];
const ATTEMPTS = RACES.length + 1;

const SQL = {
  insertExecution: {
    name: 'execution_insert',
    text: `INSERT INTO executions (uuid, kind, requested_by, requested_by_email, content_sha256, stdin_sha256, options, timeout_seconds, grace_seconds,
             output_cap_bytes, lease_seconds, expires_at, idempotency_key, request_digest, script_id)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now() + make_interval(secs => $12), $13, $14, $15) RETURNING id`,
  },
  // With one host the target's uuid is the execution's. What has a reason not to start has ended; what is of a later wave waits for it.
  insertTargets: {
    name: 'targets_insert',
    text: `WITH inserted AS (
             INSERT INTO targets (uuid, execution_id, host_id, script_id, lane, expires_at, state, reason, message, finished_at)
             SELECT CASE WHEN cardinality($3::int[]) = 1 THEN e.uuid ELSE gen_random_uuid() END, e.id, h.host_id, e.script_id, $2, e.expires_at,
               h.state, h.reason, h.message, CASE WHEN h.reason IS NOT NULL THEN now() END
             FROM executions e, unnest($3::int[], $4::text[], $5::text[], $6::text[]) AS h(host_id, state, reason, message) WHERE e.uuid = $1 ORDER BY h.host_id
             RETURNING execution_id, uuid, host_id, state, exit_code, stop_reason
           )
           ${recordEnds('inserted')}`,
  },
  // Requests for the same script on the same host take turns: the second sees what the first has stored.
  takeTurns: { name: 'script_turns', text: 'SELECT pg_advisory_xact_lock($1, $2)' },
  holdScript: {
    name: 'script_hold',
    text: 'SELECT 1 FROM scripts WHERE id = $1 AND content_sha256 = $2 FOR SHARE',
  },
  // Looked for in the queue and in flight, never among all that the script has ever run (IS NOT DISTINCT FROM uses no index).
  alreadyQueued: {
    name: 'script_already_queued',
    text: `SELECT 1 WHERE EXISTS (SELECT 1 FROM targets WHERE host_id = $2 AND lane = 'serial' AND state = 'queued' AND script_id IS NOT DISTINCT FROM $1)
              OR EXISTS (SELECT 1 FROM targets WHERE host_id = $2 AND lane = 'serial' AND state IN (${sqlList(IN_FLIGHT_STATES)})
                AND script_id IS NOT DISTINCT FROM $1)`,
  },
  waiting: {
    name: 'targets_waiting',
    text: `SELECT refuse('full') FROM (SELECT 1 FROM targets WHERE host_id = ANY($1::int[]) AND lane = 'serial' AND state = 'queued'
           GROUP BY host_id HAVING count(*) >= $2 LIMIT 1) full_queue`,
  },
  busy: {
    name: 'targets_busy',
    // Two questions, each with an index of its own: one for both would read the host's whole history. No EXISTS: of two of
    // those the planner makes one look at all that waits or runs anywhere.
    text: `SELECT refuse('busy') FROM unnest($1::int[]) AS h(id)
           WHERE (SELECT true FROM targets WHERE host_id = h.id AND lane = 'serial' AND state = 'queued' LIMIT 1)
              OR (SELECT true FROM targets WHERE host_id = h.id AND lane = 'serial' AND state IN (${sqlList(IN_FLIGHT_STATES)}) LIMIT 1) LIMIT 1`,
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
    private readonly rollouts: RolloutsService,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'outputCapBytes' | 'leaseSeconds'>,
  ) {}

  /**
   * Stores the request and nudges the dispatcher; nothing has run yet when this resolves.
   * @throws DomainError conflict (the idempotency key stands for another request); invalid_conflict (queue full, busy, or the
   * script is queued already, or was changed at this moment)
   */
  async start(caller: Caller, request: StartRequest): Promise<Started> {
    const digest = request.idempotencyKey === undefined ? null : digestOf(request);
    for (let attempt = 1; ; attempt++) {
      try {
        return attempt === 1
          ? await this.startAndClaim(caller, request, digest)
          : await this.startOnce(caller, request, digest, false);
      } catch (error) {
        // Somebody was faster, at the same moment: another request for this host was claimed, and this one queues behind it;
        // or one with the same key was stored, and is the answer. Both can happen to one request.
        if (attempt === ATTEMPTS || !RACES.includes(violated(error) ?? '')) throw error;
      }
    }
  }

  /**
   * What an earlier request with this key has started: it is the answer, whatever has become of the hosts since.
   * @throws DomainError conflict: the key stands for another request
   */
  async startedBefore(caller: Caller, key: string | undefined, asked: unknown): Promise<Started | null> {
    return key === undefined ? null : this.findByKey(this.database, caller, key, digestOfAsked(asked));
  }

  /** @throws DomainError invalid_conflict when the request's saved script waits or runs on its host */
  async refuseQueued(request: StartRequest, tx: Pick<Transaction, 'query'> = this.database): Promise<void> {
    const { scriptId, hostIds, refuseWhenQueued } = request;
    if (scriptId === undefined || !refuseWhenQueued) return;
    const [queued] = await tx.query(SQL.alreadyQueued, [scriptId, hostIds[0]]);
    if (!queued) return;
    throw new DomainError('invalid_conflict', {
      name: 'script_id',
      reason: 'The script is already queued on the given host.',
    });
  }

  /** Of several requests for one host at the same moment only one claims: the others would have to wait for it, and try again. */
  private async startAndClaim(
    caller: Caller,
    request: StartRequest,
    digest: Buffer | null,
  ): Promise<Started> {
    const [hostId] = request.hostIds;
    if (hostId === undefined || request.hostIds.length > 1 || request.unable || this.claiming.has(hostId)) {
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
      // The turn comes first: with an idempotency key, what was stored meanwhile is the answer and no reason to refuse.
      const [, known] = await Promise.all([
        this.takeTurn(tx, request),
        this.findByKey(tx, caller, request.idempotencyKey, digest),
      ]);
      if (known) return known;
      await this.hold(tx, request);
      const waves = openingOf(request);
      const { started, claimed } = await this.insert(tx, caller, request, digest, claim, waves);
      const hostIds = waves ? request.hostIds.filter((id) => id <= waves.uptoHost) : request.hostIds;
      tx.afterCommit(() => {
        if (claimed.length === 0) this.nudges.wake(hostIds);
        else this.dispatcher.sendClaimed(claimed);
      });
      return started;
    });
  }

  private async findByKey(
    tx: Pick<Transaction, 'query'>,
    caller: Caller,
    key: string | undefined,
    digest: Buffer | null,
  ): Promise<Started | null> {
    if (digest === null) return null;
    const [row] = await tx.query<{ id: string; uuid: string; request_digest: Buffer }>(SQL.byKey, [
      caller.userId,
      key,
    ]);
    if (!row) return null;
    if (!row.request_digest.equals(digest)) {
      throw new DomainError('conflict', 'this Idempotency-Key was used for another request; use a new key');
    }
    return { id: row.id, uuid: row.uuid, created: false };
  }

  private async takeTurn(tx: Transaction, request: StartRequest): Promise<void> {
    const { scriptId, hostIds, refuseWhenQueued } = request;
    if (scriptId !== undefined && refuseWhenQueued) await tx.query(SQL.takeTurns, [scriptId, hostIds[0]]);
  }

  /** The saved script stays as it is until this is committed: what is withdrawn later finds the run, and withdraws it too. */
  private async hold(tx: Transaction, request: StartRequest): Promise<void> {
    const { scriptId, content } = request;
    if (scriptId === undefined) return;
    const [[held]] = await Promise.all([
      tx.query(SQL.holdScript, [scriptId, digestOfContent(content)]),
      this.refuseQueued(request, tx),
    ]);
    if (held) return;
    throw new DomainError('invalid_conflict', {
      name: 'script_id',
      reason: 'The script was changed or deleted at this moment. Look at it and try again.',
    });
  }

  private async insert(
    tx: Transaction,
    caller: Caller,
    request: StartRequest,
    digest: Buffer | null,
    claim: boolean,
    waves: Opening | null,
  ): Promise<{ started: Started; claimed: OrderRow[] }> {
    const { kind, lane, content, stdin, options = {}, hostIds, maxWaiting, refuseWhenBusy } = request;
    const { contents, audit, settings } = this;
    const stdinSha256 = stdin ? await contents.put(tx, stdin) : null;
    const uuid = randomUUID();
    const sha256 = digestOfContent(content);
    const { userId, email } = caller;
    const { act, details } = request.record?.(uuid) ?? {
      act: `requested_${kind}`,
      details: {
        kind,
        host_ids: hostIds.slice(0, 100),
        hosts: hostIds.length,
        script_name: options.script_name ?? '',
        content_sha256: sha256.toString('hex'),
      },
    };
    // Sent together: none of them needs the other's result.
    const said = Promise.all([
      maxWaiting === undefined || refuseWhenBusy !== undefined
        ? []
        : tx.query(SQL.waiting, [hostIds, maxWaiting]),
      refuseWhenBusy === undefined ? [] : tx.query(SQL.busy, [hostIds]),
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
        : tx.query<OrderRow>(SQL.insertTargets, [
            uuid,
            lane,
            hostIds,
            hostIds.map((id) => firstState(id, request.unable?.get(id), waves)),
            hostIds.map((id) => request.unable?.get(id)?.reason ?? null),
            hostIds.map((id) => request.unable?.get(id)?.message ?? ''),
          ]),
      audit.record(tx, { ...doneBy(caller, act, details), executionUuid: uuid }),
      waves ? this.rollouts.begin(tx, uuid, waves) : undefined,
    ]);
    // A rollout may find out that it is halted before it has begun, and says so in this transaction.
    if (!waves) tx.commitAlong();
    const [, , , [execution], claimed] = await said.catch((error: unknown) => {
      throw refusedFor(request, refusal(error)) ?? error;
    });
    if (!execution) throw new Error('INSERT … RETURNING gave no row');
    return { started: { id: execution.id, uuid, created: true }, claimed };
  }
}

function openingOf({ rollout, hostIds, unable }: StartRequest): Opening | null {
  return rollout ? opening(rollout, hostIds, (id) => unable?.has(id) ?? false) : null;
}

/** What has a reason not to start has ended; what is of a later wave waits for it. */
function firstState(
  hostId: number,
  unable: Unable | undefined,
  waves: Opening | null,
): 'queued' | 'ready' | 'failed_to_start' | 'denied' {
  if (unable !== undefined) return unable.state ?? 'failed_to_start';
  return waves && hostId > waves.uptoHost ? 'ready' : 'queued';
}

/** The error for a refusal that a statement found. */
function refusedFor(
  { maxWaiting, refuseWhenBusy }: StartRequest,
  why: string | undefined,
): DomainError | null {
  if (why === undefined) return null;
  const reason =
    why === 'busy' ? (refuseWhenBusy ?? '') : `cannot queue more than ${maxWaiting} scripts per host`;
  return new DomainError('invalid_conflict', { name: 'script_id', reason });
}

function digestOf(request: StartRequest): Buffer {
  if (request.asked !== undefined) return digestOfAsked(request.asked);
  const {
    kind,
    lane,
    content,
    stdin,
    options,
    hostIds,
    timeoutSeconds,
    expiresInSeconds,
    scriptId,
    rollout,
  } = request;
  const parts = [
    kind,
    lane,
    content.toString('base64'),
    stdin?.toString('base64') ?? null,
    options ?? {},
    hostIds,
    timeoutSeconds,
    expiresInSeconds ?? null,
    ...(scriptId === undefined ? [] : [scriptId]),
    ...(rollout === undefined ? [] : [rollout]),
  ];
  return digestOfAsked(parts);
}

function digestOfAsked(asked: unknown): Buffer {
  return createHash('sha256').update(JSON.stringify(asked)).digest();
}
