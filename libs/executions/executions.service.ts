import { Injectable } from '@nestjs/common';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller, may, teamsWhere } from '#libs/platform/auth/index';
import { groupBy } from '#libs/platform/batch/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { isUuid } from '#libs/platform/http/index';
import { HostRights, HostsService } from '#libs/agents/index';
import { recordCancelled } from './dispatch/ends.js';
import { type StopRow, StopsService } from './dispatch/stops.service.js';
import { toChunkDto, toExecutionDto } from './execution-view.js';
import {
  type ExecutionDto,
  type ExecutionListDto,
  type ExecutionListQueryDto,
  type OutputDto,
  type OutputQueryDto,
} from './executions.dto.js';
import {
  type ExecutionRow,
  ExecutionsRepository,
  type Scope,
  type TargetRow,
} from './executions.repository.js';
import { Nudges } from './results/nudges.js';
import { maxFailuresOf } from './rollout/plan.js';
import { type ResumeDto } from './rollout/rollout.dto.js';
import { RolloutsService } from './rollout/rollouts.service.js';
import { IN_FLIGHT_STATES, isFinal, sqlList, type TargetState, UNSENT_STATES } from './states.js';

const SQL = {
  cancelUnsent: {
    text: `UPDATE targets SET state = 'cancelled', reason = 'cancel_requested', message = $2, finished_at = now()
           WHERE id = ANY($1::bigint[]) AND state IN (${sqlList(UNSENT_STATES)}) RETURNING id`,
  },
  askToStop: {
    text: `UPDATE targets SET stop_reason = 'cancel_requested', stop_by = $2
           WHERE id = ANY($1::bigint[]) AND state IN (${sqlList(IN_FLIGHT_STATES)})
             AND (stop_reason IS NULL OR stop_reason = 'expired')
           RETURNING id, attempt_id, host_id, stop_reason, stop_by`,
  },
};

const MAX_LIMIT = 1_000;
const FEW_TARGETS = 16;

/** One view of every execution: look, wait, read its output, cancel. */
@Injectable()
export class ExecutionsService {
  constructor(
    private readonly database: Database,
    private readonly repository: ExecutionsRepository,
    private readonly hosts: HostsService,
    private readonly rights: HostRights,
    private readonly stops: StopsService,
    private readonly rollouts: RolloutsService,
    private readonly nudges: Nudges,
    private readonly audit: Audit,
  ) {}

  /** @param waitSeconds answer when all targets have ended, or after this long; @throws as `visible` */
  async get(caller: Caller, uuid: string, waitSeconds = 0, signal?: AbortSignal): Promise<ExecutionDto> {
    const { execution, targets, scope } = await this.visible(caller, uuid);
    if (waitSeconds === 0) return toExecutionDto(execution, targets);
    const settled = await this.settled(execution.id, waitSeconds, signal, 'look', scope);
    return toExecutionDto(await this.renewed(execution), settled);
  }

  /**
   * The targets as they are when all of them have ended or are held back by a halted rollout, the time is over, or the signal
   * aborts.
   * @param first `listen` when the execution was started just now: nothing can have ended yet
   */
  async settled(
    executionId: string,
    seconds: number,
    signal?: AbortSignal,
    first: 'look' | 'listen' = 'look',
    scope: Scope = null,
  ): Promise<TargetRow[]> {
    const limit = AbortSignal.timeout(Math.round(seconds * 1000));
    let many = false;
    let from = 0;
    const until = signal ? AbortSignal.any([limit, signal]) : limit;
    for await (const _ of this.nudges.changes(executionId, until, first)) {
      const few: TargetRow[] | null = many
        ? null
        : await this.repository.fewTargets(executionId, scope, FEW_TARGETS);
      many = few === null;
      // Of thousands of targets the rows are read once, at the end.
      if (many) {
        const moving = await this.repository.firstMoving(executionId, scope, from);
        from = moving ?? 0;
        if (moving !== null) continue;
      }
      const targets = few ?? (await this.repository.targets([executionId], scope));
      const open = targets.filter(isOpen);
      if (open.length === 0) return targets;
      const waiting = open.every(({ state }) => state === 'ready');
      if (waiting && (await this.repository.firstMoving(executionId, scope)) === null) return targets;
    }
    return this.repository.targets([executionId], scope);
  }

  /** Those with a target on a host that the caller may see, and only those targets. @throws as `refuseLabelled` */
  async list(caller: Caller, query: ExecutionListQueryDto): Promise<ExecutionListDto> {
    refuseLabelled(caller);
    const limit = bounded('limit', query.limit, 50);
    const scope = teamsWhere(caller, 'execution:read');
    const rows = await this.repository.list({
      scope,
      kind: query.kind ?? null,
      state: query.state ?? null,
      hostId: query.host === undefined ? null : await this.hostId(caller, query.host, scope),
      since: query.since === undefined ? null : new Date(query.since),
      until: query.until === undefined ? null : new Date(query.until),
      before: query.after ?? null,
      limit: limit + 1,
    });
    const page = rows.slice(0, limit);
    const rowsOfTargets = await this.repository.targets(
      page.map((row) => row.id),
      scope,
    );
    const targets = groupBy(rowsOfTargets, (target) => target.execution_id);
    return {
      executions: page.map((row) => toExecutionDto(row, targets.get(row.id) ?? [])),
      next: rows.length > limit ? (page.at(-1)?.id ?? null) : null,
    };
  }

  /** @throws as `visible`; not_found when it has no such target */
  async output(caller: Caller, uuid: string, query: OutputQueryDto): Promise<OutputDto> {
    const limit = bounded('limit', query.limit, 100);
    return this.readOutput(await this.wanted(caller, uuid, query), Number(query.after ?? 0), limit);
  }

  /** Pages of output as they come, the last one with `done`; ends early when the signal aborts. @throws as `output`, before the first page */
  async follow(
    caller: Caller,
    uuid: string,
    query: OutputQueryDto,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<OutputDto>> {
    return this.pages(await this.wanted(caller, uuid, query), Number(query.after ?? 0), signal);
  }

  /** As `follow`, for whoever is known to be allowed to read all of it. */
  followAll(executionId: string, after: number, signal: AbortSignal): AsyncGenerator<OutputDto> {
    return this.pages({ executionId, targetId: null, stream: null, scope: null }, after, signal);
  }

  private async wanted(caller: Caller, uuid: string, query: OutputQueryDto): Promise<Wanted> {
    const { execution, targets, scope } = await this.visible(caller, uuid);
    const target = wantedTarget(execution, targets, uuid, query.target);
    return { executionId: execution.id, targetId: target?.id ?? null, stream: query.stream ?? null, scope };
  }

  private async *pages(wanted: Wanted, from: number, signal: AbortSignal): AsyncGenerator<OutputDto> {
    let after = from;
    for await (const _ of this.nudges.changes(wanted.executionId, signal)) {
      for (let more = true; more && !signal.aborted;) {
        const page = await this.readOutput(wanted, after, 100);
        more = page.chunks.length > 0 && !page.done;
        after = page.next;
        if (page.chunks.length > 0 || page.done) yield page;
        if (page.done) return;
      }
    }
  }

  /**
   * What has not been sent is cancelled at once; what has been is stopped, and says so when its agent confirms.
   * Cancelling what has ended changes nothing. Only targets on hosts where the caller may cancel are touched.
   * @throws as `visible`; forbidden when the caller may cancel none of them
   */
  async cancel(caller: Caller, uuid: string, parameter?: string): Promise<ExecutionDto> {
    const { execution, targets, scope } = await this.visible(caller, uuid);
    const target = wantedTarget(execution, targets, uuid, parameter);
    const mine = (target ? [target] : targets).filter((t) => may(caller, 'execution:cancel', t.team_id));
    if (mine.length === 0) throw new DomainError('forbidden', 'forbidden', { required: 'execution:cancel' });
    await this.cancelTargets(caller, execution, mine);
    return this.asItIs(execution, scope);
  }

  /** As `cancel`, for targets of which it is known that the caller may end them. */
  async cancelTargets(caller: Caller, execution: ExecutionRow, targets: readonly TargetRow[]): Promise<void> {
    const ids = targets.map((t) => t.id);
    const cancel = async (tx: Transaction): Promise<void> => {
      const cancelled = await tx.query<{ id: string }>(SQL.cancelUnsent, [
        ids,
        `cancelled by ${caller.email}`,
      ]);
      const stopping = await tx.query<StopRow & { id: string }>(SQL.askToStop, [ids, caller.email]);
      await recordCancelled(
        tx,
        caller,
        [...cancelled, ...stopping].map((row) => row.id),
      );
      const details = { cancelled: cancelled.length, stopping: stopping.length };
      await this.audit.record(tx, { ...doneBy(caller, 'cancel', details), executionUuid: execution.uuid });
      tx.afterCommit(() => {
        this.nudges.ended([execution.id]);
        this.stops.send(stopping);
      });
    };
    await this.database.transaction((tx) =>
      execution.rollout ? this.rollouts.during(tx, execution.id, () => cancel(tx)) : cancel(tx),
    );
  }

  /**
   * Goes on with a rollout that was halted.
   * @throws as `visible`; forbidden when the caller may not on every host that is still to be reached; conflict when it is not
   * halted; malformed
   */
  async resume(caller: Caller, uuid: string, { max_failures }: ResumeDto): Promise<ExecutionDto> {
    const { execution, scope } = await this.visible(caller, uuid);
    const all = await this.repository.targets([execution.id]);
    const unsent = all.filter(({ state }) => (UNSENT_STATES as readonly TargetState[]).includes(state));
    const asked = unsent.length > 0 ? unsent : all;
    if (!asked.every((t) => may(caller, 'execution:resume', t.team_id)))
      throw new DomainError('forbidden', 'forbidden');
    const max =
      max_failures === undefined || max_failures === null
        ? undefined
        : maxFailuresOf(max_failures, all.length);
    await this.database.transaction((tx) => this.rollouts.resume(tx, caller, execution.id, max));
    return this.asItIs(execution, scope);
  }

  private async asItIs(execution: ExecutionRow, scope: Scope): Promise<ExecutionDto> {
    const renewed = await this.renewed(execution);
    return toExecutionDto(renewed, await this.repository.targets([execution.id], scope));
  }

  /** All of an execution is frozen, but its rollout. */
  private async renewed(execution: ExecutionRow): Promise<ExecutionRow> {
    return execution.rollout ? ((await this.repository.find(execution.uuid)) ?? execution) : execution;
  }

  /**
   * An execution by its uuid or a target's, with the targets that the caller may see.
   * @throws DomainError not_found, also when there is none that the caller may see
   */
  private async visible(
    caller: Caller,
    uuid: string,
  ): Promise<{ execution: ExecutionRow; targets: TargetRow[]; scope: Scope }> {
    const execution = isUuid(uuid) ? await this.repository.find(uuid) : null;
    if (!execution) throw notFound('Execution', uuid);
    const scope = teamsWhere(caller, 'execution:read');
    const targets = await this.repository.targets([execution.id], scope);
    const own = execution.uuid === uuid.toLowerCase() || targets.some((t) => t.uuid === uuid.toLowerCase());
    if (!own || (scope !== null && targets.length === 0)) throw notFound('Execution', uuid);
    if (!(await this.withinLabels(caller, targets))) throw notFound('Execution', uuid);
    return { execution, targets, scope };
  }

  /** A token that is limited to labels sees an execution when all its hosts are in them. */
  private async withinLabels(caller: Caller, targets: readonly TargetRow[]): Promise<boolean> {
    if (!caller.scope?.labels) return true;
    const hosts = targets.map(({ host_id: id, team_id: teamId }) => ({ id, teamId }));
    return hosts.length > 0 && (await this.rights.refusals(caller, 'execution:read', hosts)).size === 0;
  }

  /** @throws DomainError not_found, also for a host that the caller may not see; conflict as `identify` */
  private async hostId(caller: Caller, identifier: string, scope: Scope): Promise<number> {
    const { id, teamId } = await this.hosts.identify(identifier, caller).catch((error: unknown) => {
      throw error instanceof DomainError && error.code === 'forbidden' ? notFound('Host', identifier) : error;
    });
    if (scope !== null && (teamId === null || !scope.includes(teamId))) throw notFound('Host', identifier);
    return id;
  }

  private async readOutput(
    { executionId, targetId, stream, scope }: Wanted,
    after: number,
    limit: number,
  ): Promise<OutputDto> {
    // Asked before the chunks are read: an ending is stored with its last chunks, so none can slip in between.
    const open = await this.repository.isOpen(executionId, targetId, scope);
    const rows = await this.repository.chunks(executionId, after, targetId, stream, limit, scope);
    return {
      chunks: rows.map(toChunkDto),
      next: Number(rows.at(-1)?.seq ?? after),
      done: !open && rows.length < limit && !rows.at(-1)?.full,
    };
  }
}

/** @throws DomainError forbidden: a list does not look at labels, so a token that is limited to some has none */
function refuseLabelled({ scope }: Caller): void {
  if (!scope?.labels) return;
  const reason = `the token "${scope.token}" is limited to labels: it reads executions one by one, by their uuid`;
  throw new DomainError('forbidden', reason);
}

/** What of an execution's output is read. */
interface Wanted {
  readonly executionId: string;
  /** null: of all targets. */
  readonly targetId: string | null;
  readonly stream: string | null;
  readonly scope: Scope;
}

/** The target that is meant: by parameter, or because the path's uuid is a target's; null for all of them. */
function wantedTarget(
  execution: ExecutionRow,
  targets: readonly TargetRow[],
  pathUuid: string,
  parameter: string | undefined,
): TargetRow | null {
  const wanted = parameter ?? (pathUuid.toLowerCase() === execution.uuid ? undefined : pathUuid);
  if (wanted === undefined) return null;
  const target = targets.find((t) => t.uuid === wanted.toLowerCase() || t.id === wanted);
  if (!target)
    throw new DomainError('not_found', { name: 'target', reason: `this execution has no target ${wanted}` });
  return target;
}

function bounded(name: string, text: string | undefined, fallback: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (value < 1 || value > MAX_LIMIT)
    throw new DomainError('malformed', { name, reason: `must be between 1 and ${MAX_LIMIT}` });
  return value;
}

function isOpen({ state }: TargetRow): boolean {
  return !isFinal(state);
}
