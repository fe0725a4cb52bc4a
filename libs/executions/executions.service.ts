import { Injectable } from '@nestjs/common';
import { Audit } from '#libs/platform/audit/index';
import { type Caller } from '#libs/platform/auth/index';
import { groupBy } from '#libs/platform/batch/index';
import { Database } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { isUuid } from '#libs/platform/http/index';
import { HostsService } from '#libs/agents/index';
import { type StopRow, StopsService } from './dispatch/stops.service.js';
import { toChunkDto, toExecutionDto } from './execution-view.js';
import {
  type ExecutionDto,
  type ExecutionListDto,
  type ExecutionListQueryDto,
  type OutputDto,
  type OutputQueryDto,
} from './executions.dto.js';
import { type ExecutionRow, ExecutionsRepository, type TargetRow } from './executions.repository.js';
import { Nudges } from './results/nudges.js';
import { changes } from './results/watch.js';
import { IN_FLIGHT_STATES, isFinal, sqlList, UNSENT_STATES } from './states.js';

const SQL = {
  cancelUnsent: {
    text: `UPDATE targets SET state = 'cancelled', reason = 'cancel_requested', message = $3, finished_at = now()
           WHERE execution_id = $1 AND ($2::bigint IS NULL OR id = $2) AND state IN (${sqlList(UNSENT_STATES)}) RETURNING host_id`,
  },
  askToStop: {
    text: `UPDATE targets SET stop_reason = 'cancel_requested', stop_by = $3
           WHERE execution_id = $1 AND ($2::bigint IS NULL OR id = $2) AND state IN (${sqlList(IN_FLIGHT_STATES)})
             AND stop_reason IS DISTINCT FROM 'cancel_requested'
           RETURNING attempt_id, host_id, stop_reason, stop_by`,
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
    private readonly stops: StopsService,
    private readonly nudges: Nudges,
    private readonly audit: Audit,
  ) {}

  /** By its uuid or a target's. @throws DomainError not_found */
  async find(uuid: string): Promise<ExecutionRow> {
    const execution = isUuid(uuid) ? await this.repository.find(uuid) : null;
    if (!execution) throw notFound('Execution', uuid);
    return execution;
  }

  /** @param waitSeconds answer when all targets have ended, or after this long */
  async get(uuid: string, waitSeconds = 0, signal?: AbortSignal): Promise<ExecutionDto> {
    const execution = await this.find(uuid);
    const targets =
      waitSeconds > 0
        ? await this.settled(execution.id, waitSeconds, signal)
        : await this.repository.targets([execution.id]);
    return toExecutionDto(execution, targets);
  }

  /**
   * The targets as they are when all of them have ended, the time is over, or the signal aborts.
   * @param first `listen` when the execution was started just now: nothing can have ended yet
   */
  async settled(
    executionId: string,
    seconds: number,
    signal?: AbortSignal,
    first: 'look' | 'listen' = 'look',
  ): Promise<TargetRow[]> {
    const limit = AbortSignal.timeout(seconds * 1000);
    let targets: TargetRow[] = [];
    for await (const _ of changes(
      this.nudges,
      executionId,
      signal ? AbortSignal.any([limit, signal]) : limit,
      first,
    )) {
      // Of thousands of targets the rows are read once, at the end.
      if (targets.length > FEW_TARGETS && (await this.repository.isOpen(executionId))) continue;
      targets = await this.repository.targets([executionId]);
      if (!targets.some(isOpen)) return targets;
    }
    return this.repository.targets([executionId]);
  }

  async list(query: ExecutionListQueryDto): Promise<ExecutionListDto> {
    const limit = bounded('limit', query.limit, 50);
    const rows = await this.repository.list({
      kind: query.kind ?? null,
      state: query.state ?? null,
      hostId: query.host === undefined ? null : (await this.hosts.identify(query.host)).id,
      since: query.since === undefined ? null : new Date(query.since),
      until: query.until === undefined ? null : new Date(query.until),
      before: query.after ?? null,
      limit: limit + 1,
    });
    const page = rows.slice(0, limit);
    const rowsOfTargets = await this.repository.targets(page.map((row) => row.id));
    const targets = groupBy(rowsOfTargets, (target) => target.execution_id);
    return {
      executions: page.map((row) => toExecutionDto(row, targets.get(row.id) ?? [])),
      next: rows.length > limit ? (page.at(-1)?.id ?? null) : null,
    };
  }

  async output(uuid: string, query: OutputQueryDto): Promise<OutputDto> {
    const execution = await this.find(uuid);
    const targetId = await this.targetId(execution, uuid, query.target);
    return this.readOutput(
      execution.id,
      Number(query.after ?? 0),
      targetId,
      query.stream ?? null,
      bounded('limit', query.limit, 100),
    );
  }

  /** Pages of output as they come, the last one with `done`; ends early when the signal aborts. @throws as `output`, before the first page */
  async follow(uuid: string, query: OutputQueryDto, signal: AbortSignal): Promise<AsyncGenerator<OutputDto>> {
    const execution = await this.find(uuid);
    const targetId = await this.targetId(execution, uuid, query.target);
    return this.pages(execution.id, Number(query.after ?? 0), targetId, query.stream ?? null, signal);
  }

  private async *pages(
    executionId: string,
    from: number,
    targetId: string | null,
    stream: string | null,
    signal: AbortSignal,
  ): AsyncGenerator<OutputDto> {
    let after = from;
    for await (const _ of changes(this.nudges, executionId, signal)) {
      for (let more = true; more && !signal.aborted;) {
        const page = await this.readOutput(executionId, after, targetId, stream, 100);
        more = page.chunks.length > 0 && !page.done;
        after = page.next;
        if (page.chunks.length > 0 || page.done) yield page;
        if (page.done) return;
      }
    }
  }

  /**
   * What has not been sent is cancelled at once; what has been is stopped, and says so when its agent confirms.
   * Cancelling what has ended changes nothing.
   */
  async cancel(caller: Caller, uuid: string, target?: string): Promise<ExecutionDto> {
    const execution = await this.find(uuid);
    const targetId = await this.targetId(execution, uuid, target);
    const { userId, email, address } = caller;
    await this.database.transaction(async (tx) => {
      const cancelled = await tx.query<{ host_id: number }>(SQL.cancelUnsent, [
        execution.id,
        targetId,
        `cancelled by ${email}`,
      ]);
      const stopping = await tx.query<StopRow>(SQL.askToStop, [execution.id, targetId, email]);
      const details = { cancelled: cancelled.length, stopping: stopping.length };
      await this.audit.record(tx, {
        userId,
        email,
        address,
        act: 'cancel',
        outcome: 'done',
        executionUuid: execution.uuid,
        details,
      });
      tx.afterCommit(() => {
        this.nudges.changed([execution.id]);
        this.stops.send(stopping);
      });
    });
    return toExecutionDto(execution, await this.repository.targets([execution.id]));
  }

  /** The target that is meant: by parameter, or because the path's uuid is a target's; null for all of them. */
  private async targetId(
    execution: ExecutionRow,
    pathUuid: string,
    parameter: string | undefined,
  ): Promise<string | null> {
    const wanted = parameter ?? (pathUuid.toLowerCase() === execution.uuid ? undefined : pathUuid);
    if (wanted === undefined) return null;
    const targets = await this.repository.targets([execution.id]);
    const target = targets.find((t) => t.uuid === wanted.toLowerCase() || t.id === wanted);
    if (!target)
      throw new DomainError('not_found', {
        name: 'target',
        reason: `this execution has no target ${wanted}`,
      });
    return target.id;
  }

  private async readOutput(
    executionId: string,
    after: number,
    targetId: string | null,
    stream: string | null,
    limit: number,
  ): Promise<OutputDto> {
    // Asked before the chunks are read: an ending is stored with its last chunks, so none can slip in between.
    const open = await this.repository.isOpen(executionId, targetId);
    const rows = await this.repository.chunks(executionId, after, targetId, stream, limit);
    return {
      chunks: rows.map(toChunkDto),
      next: Number(rows.at(-1)?.seq ?? after),
      done: !open && rows.length < limit && !rows.at(-1)?.full,
    };
  }
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
