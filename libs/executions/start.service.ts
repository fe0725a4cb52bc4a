import { createHash, randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { type ReasonCode } from '#libs/protocol/index';
import { doneBy } from '#libs/platform/audit/index';
import { type Caller } from '#libs/platform/auth/index';
import { type Settings, SETTINGS } from '#libs/platform/config/index';
import { Database, timeOrderedUuid, type Transaction, violated } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { ContentsService, digestOfContent } from '#libs/scripts/index';
import { type ApprovalAsked, ParkingService } from './approvals/parking.service.js';
import { type NewReview } from './approvals/reviews.repository.js';
import { DispatcherService, ONE_SERIAL_IN_FLIGHT } from './dispatch/dispatcher.service.js';
import { type EarlyOrders } from './dispatch/early-orders.js';
import { type OrderRow } from './dispatch/orders.js';
import { type ExecutionKind, type RunOptions } from './execution.entity.js';
import {
  type Beginning,
  type Entered,
  EntryRefused,
  expectedOrders,
  LedgerEntries,
  type LedgerEntry,
} from './ledger-entries.repository.js';
import { Nudges } from './results/nudges.js';
import { opening, type Opening } from './rollout/opening.js';
import { type RolloutPlan } from './rollout/plan.js';
import { RolloutsService } from './rollout/rollouts.service.js';
import { IN_FLIGHT_STATES, sqlList } from './states.js';
import { type TargetLane } from './target.entity.js';

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
  readonly lane: TargetLane;
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
  /** Hosts that it may move to while nothing has started: policies look at them, too. */
  readonly mayMoveTo?: readonly number[] | undefined;
  /** Whose approval it needs; beside that, policies may demand more. Absent: only what they demand. */
  readonly approval?: ApprovalAsked | undefined;
  /** Only for `StartService`: what it waits for. */
  readonly parked?: NewReview | undefined;
  readonly timeoutSeconds: number;
  /** Of one target; default: the setting. */
  readonly outputCapBytes?: number | undefined;
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
  /** What a dialect stores beside the execution, in its transaction: statements that find it by its uuid, and wait for nothing. */
  readonly beside?: (tx: Transaction, executionUuid: string) => Promise<unknown>;
  /** What the audit record says of the request, when it is not `requested_<kind>`. */
  readonly record?: (executionUuid: string) => { act: string; details: Record<string, unknown> };
}

export interface Started {
  /** Internal id, for watching. */
  readonly id: string;
  readonly uuid: string;
  /** False when the idempotency key had been used for the same request. */
  readonly created: boolean;
  /** Id of the review that it waits or waited for; null: nobody has to approve it. */
  readonly review: string | null;
}

const DEFAULT_GRACE_SECONDS = 10;
/** From so many on the ledger takes long enough that orders are written meanwhile. */
const MANY_HOSTS = 128;
/** Unique index over requester and key. */
const IDEMPOTENCY = 'executions_idempotency';
/** What two requests at the same moment can break; each at most once per request. */
const RACES = [ONE_SERIAL_IN_FLIGHT, IDEMPOTENCY];
const ATTEMPTS = RACES.length + 1;

const SQL = {
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
  byKey: {
    name: 'execution_by_key',
    text: `SELECT id, uuid, request_digest, options->>'review' AS review FROM executions WHERE requested_by = $1 AND idempotency_key = $2`,
  },
};

/** Takes requests into the ledger: frozen content, options and hosts, one row per host, the audit row, one transaction. */
@Injectable()
export class StartService {
  private readonly claiming = new Set<number>();

  constructor(
    private readonly database: Database,
    private readonly contents: ContentsService,
    private readonly entries: LedgerEntries,
    private readonly nudges: Nudges,
    private readonly dispatcher: DispatcherService,
    private readonly rollouts: RolloutsService,
    private readonly parking: ParkingService,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'outputCapBytes' | 'leaseSeconds'>,
  ) {}

  /**
   * Stores the request and nudges the dispatcher; nothing has run yet when this resolves.
   * @throws DomainError conflict (the idempotency key stands for another request); invalid_conflict (queue full, busy, or the
   * script is queued already, or was changed at this moment)
   */
  async start(caller: Caller, asked: StartRequest): Promise<Started> {
    const digest = asked.idempotencyKey === undefined ? null : digestOf(asked);
    const request = await this.parking.admit(asked);
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

  /** Of several requests for a host at the same moment only one claims: the others would have to wait for it, and try again. */
  private async startAndClaim(
    caller: Caller,
    request: StartRequest,
    digest: Buffer | null,
  ): Promise<Started> {
    const { hostIds, lane, parked } = request;
    // One busy host of many would fail the claim of all.
    if (parked || (lane === 'serial' && hostIds.length > 1) || hostIds.some((id) => this.claiming.has(id))) {
      return this.startOnce(caller, request, digest, false);
    }
    for (const id of hostIds) this.claiming.add(id);
    try {
      const { scriptId, beside } = request;
      // A key that was used before is a rare case, and found out by the index.
      return scriptId === undefined && beside === undefined && openingOf(request) === null
        ? await this.enterAlone(caller, request, digest)
        : await this.startOnce(caller, request, digest, true);
    } finally {
      for (const id of hostIds) this.claiming.delete(id);
    }
  }

  /** What needs to know nothing beforehand is one statement, and committed with it. */
  private async enterAlone(caller: Caller, request: StartRequest, digest: Buffer | null): Promise<Started> {
    const entry = entryOf(caller, request, digest, { claim: true, waves: null, settings: this.settings });
    const early = request.hostIds.length < MANY_HOSTS ? null : this.writeAhead(entry);
    try {
      const { id, claimed } = await this.enter(this.database, request, entry);
      this.sendOrWake(request.hostIds, claimed, early);
      return { id, uuid: entry.uuid, created: true, review: null };
    } finally {
      early?.stop();
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
      const entry = entryOf(caller, request, digest, { claim, waves, settings: this.settings });
      const { parked } = request;
      // Sent together: none needs another's result.
      const entered = this.enter(tx, request, entry);
      const said = Promise.all([
        entered,
        waves ? this.rollouts.begin(tx, entry.uuid, waves) : undefined,
        parked ? this.parking.park(tx, caller, entry.uuid, parked) : undefined,
        request.beside?.(tx, entry.uuid),
      ]).catch(async (error: unknown) => {
        // When entering fails, the rest fails for that alone, and may be heard of first.
        await entered;
        throw error;
      });
      // A rollout may find out that it is halted before it has begun, and says so in this transaction.
      if (!waves) tx.commitAlong();
      const [{ id, claimed }] = await said;
      const hostIds = waves ? request.hostIds.filter((host) => host <= waves.uptoHost) : request.hostIds;
      tx.afterCommit(() => this.sendOrWake(hostIds, claimed));
      return { id, uuid: entry.uuid, created: true, review: parked?.id ?? null };
    });
  }

  private async enter(
    tx: Pick<Transaction | Database, 'query'>,
    request: StartRequest,
    entry: LedgerEntry,
  ): Promise<Entered> {
    const entered = await this.entries.enter(tx, entry).catch((error: unknown) => {
      throw error instanceof EntryRefused ? refusedFor(request, error.why) : error;
    });
    if (entered.claimed.length > 0) this.remember(entry);
    return entered;
  }

  private writeAhead(entry: LedgerEntry): EarlyOrders {
    this.remember(entry);
    return this.dispatcher.writeAhead(expectedOrders(entry));
  }

  private remember({ content, stdin }: LedgerEntry): void {
    for (const part of [content, stdin]) if (part) this.contents.remember(part.sha256, part.bytes);
  }

  /** What is in flight leaves; hosts that were not free are looked at as soon as they are. */
  private sendOrWake(
    hostIds: readonly number[],
    claimed: readonly OrderRow[],
    early: EarlyOrders | null = null,
  ): void {
    if (claimed.length > 0) this.dispatcher.sendClaimed(claimed, early);
    if (claimed.length === hostIds.length) return;
    const sent = new Set(claimed.map((row) => row.host_id));
    this.nudges.wake(hostIds.filter((id) => !sent.has(id)));
  }

  private async findByKey(
    tx: Pick<Transaction, 'query'>,
    caller: Caller,
    key: string | undefined,
    digest: Buffer | null,
  ): Promise<Started | null> {
    if (digest === null) return null;
    const [row] = await tx.query<{ id: string; uuid: string; request_digest: Buffer; review: string | null }>(
      SQL.byKey,
      [caller.userId, key],
    );
    if (!row) return null;
    if (!row.request_digest.equals(digest)) {
      throw new DomainError('conflict', 'this Idempotency-Key was used for another request; use a new key');
    }
    return { id: row.id, uuid: row.uuid, created: false, review: row.review };
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
}

/** The request as the ledger takes it, with what it begins with on each host. */
function entryOf(
  caller: Caller,
  request: StartRequest,
  requestDigest: Buffer | null,
  how: { claim: boolean; waves: Opening | null; settings: Pick<Settings, 'outputCapBytes' | 'leaseSeconds'> },
): LedgerEntry {
  const { kind, content, stdin, options = {}, hostIds, unable, parked, refuseWhenBusy } = request;
  const { claim, waves, settings } = how;
  const uuid = randomUUID();
  const sha256 = digestOfContent(content);
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
  return {
    uuid,
    kind,
    lane: request.lane,
    userId: caller.userId,
    email: caller.email,
    content: { sha256, bytes: content },
    stdin: stdin ? { sha256: digestOfContent(stdin), bytes: stdin } : null,
    options,
    timeoutSeconds: request.timeoutSeconds,
    graceSeconds: request.graceSeconds ?? DEFAULT_GRACE_SECONDS,
    outputCapBytes: request.outputCapBytes ?? settings.outputCapBytes,
    leaseSeconds: request.leaseSeconds ?? settings.leaseSeconds,
    expiresInSeconds: request.expiresInSeconds ?? null,
    idempotencyKey: request.idempotencyKey ?? null,
    requestDigest,
    scriptId: request.scriptId ?? null,
    hostIds,
    // With one host the target's uuid is the execution's.
    targets: hostIds.map(() => ({
      uuid: hostIds.length === 1 ? uuid : randomUUID(),
      attemptId: timeOrderedUuid(),
    })),
    beginnings: unable || waves || parked ? hostIds.map((id) => beginningOf(id, request, waves)) : undefined,
    claim,
    maxWaiting: request.maxWaiting ?? null,
    refuseWhenBusy: refuseWhenBusy !== undefined,
    record: { ...doneBy(caller, act, details), executionUuid: uuid },
  };
}

function openingOf({ rollout, hostIds, unable }: StartRequest): Opening | null {
  return rollout ? opening(rollout, hostIds, (id) => unable?.has(id) ?? false) : null;
}

/** What has a reason not to start has ended; what needs approval waits for that, what is of a later wave for its turn. */
function beginningOf(hostId: number, request: StartRequest, waves: Opening | null): Beginning {
  const unable = request.unable?.get(hostId);
  if (unable !== undefined) {
    const { state = 'failed_to_start', reason, message } = unable;
    return { state, reason, message };
  }
  if (request.parked) return { state: 'waiting_approval', reason: null, message: '' };
  return { state: waves && hostId > waves.uptoHost ? 'ready' : 'queued', reason: null, message: '' };
}

/** The error for a refusal that the statement found. */
function refusedFor({ maxWaiting, refuseWhenBusy }: StartRequest, why: EntryRefused['why']): DomainError {
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
