import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { type Caller, type CommandLine } from '#libs/platform/auth/index';
import { type SignedStatementDto } from '#libs/agents/index';
import { type RunOptions } from '../execution.entity.js';
import { ExecutionsRepository, type TargetRow } from '../executions.repository.js';
import { ExecutionsService } from '../executions.service.js';
import { OutputTailsRepository } from '../results/output-tails.repository.js';
import { planRollout } from '../rollout/plan.js';
import { type RolloutDto } from '../rollout/rollout.dto.js';
import { type Started, type StartRequest, StartService } from '../start.service.js';
import { ExecutionStatements } from '../statements/execution-statements.service.js';
import { AnyHostService } from './any-host.service.js';
import { type Command, expiryOf, isGradual, rolloutOf, toCommand, waitOf } from './command-request.js';
import { CommandTargetsService, type TargetPlan } from './command-targets.service.js';
import { type CommandResultDto, type RunDto } from './commands.dto.js';
import { byHostname, counting, toItem, wantedOf } from './items.js';

/** Output in one item, bytes per stream, and in one answer, bytes of all of them. */
const MOST_PER_STREAM = 1024 * 1024;
const MOST_PER_ANSWER = 32 * 1024 * 1024;

/** What is asked for, with everything that a retry needs to ask for it again. */
export interface CommandAsked {
  readonly target: string;
  readonly line: CommandLine;
  readonly command: Command;
  readonly queue: boolean;
  /** Seconds, as asked for; null: not. */
  readonly expiresIn: number | null;
  /** Seconds, as it will be. */
  readonly expiresInSeconds: number;
  readonly rollout: RolloutDto;
  readonly preview?: string | null | undefined;
  /** Only these of the hosts that are meant. */
  readonly only?: ReadonlySet<number> | undefined;
  /** Uuid of the job that this repeats. */
  readonly retryOf?: string;
  readonly idempotencyKey?: string | undefined;
  /** What people have signed of it. */
  readonly statement?: SignedStatementDto | null | undefined;
}

/** osapi's "run a command", over the one ledger. */
@Injectable()
export class CommandsService {
  constructor(
    private readonly targets: CommandTargetsService,
    private readonly starts: StartService,
    private readonly anyHost: AnyHostService,
    private readonly executions: ExecutionsService,
    private readonly ledger: ExecutionsRepository,
    private readonly tails: OutputTailsRepository,
    private readonly statements: ExecutionStatements,
  ) {}

  /**
   * Runs it and gathers what every host says until all of them have, or the wait is over; what has not ended by then goes on.
   * @throws DomainError too_large; as `start`
   */
  async run(
    caller: Caller,
    target: string,
    line: CommandLine,
    dto: RunDto,
    idempotencyKey: string | undefined,
    signal: AbortSignal,
  ): Promise<CommandResultDto> {
    const command = toCommand(line, dto);
    const gradual = isGradual(dto);
    const { id, uuid, created, review } = await this.start(caller, {
      target,
      line,
      command,
      queue: dto.queue === true,
      expiresIn: dto.expires_in ?? null,
      expiresInSeconds: expiryOf(dto, dto.queue === true || gradual),
      rollout: rolloutOf(dto),
      preview: dto.preview,
      idempotencyKey,
      statement: dto.statement,
    });
    // What waits for people is not waited for: the answer says which review it is.
    const seconds = created && review !== null ? 0 : waitOf(dto);
    const rows = await this.gather(id, seconds, signal, created);
    const any = (await this.ledger.find(uuid))?.options.any === true;
    return {
      job_id: uuid,
      ...(review !== null && { review_id: review }),
      results: await this.items(counting(rows, any), command.timeoutSeconds),
    };
  }

  /**
   * Takes it into the ledger. With a key that was used before, what that has started is the answer, whatever became of the hosts.
   * @throws DomainError as `CommandTargetsService.plan`; malformed (rollout); conflict (the key stands for another request)
   */
  async start(caller: Caller, asked: CommandAsked): Promise<Started> {
    const { idempotencyKey, command } = asked;
    const identity = identityOf(asked);
    const before = await this.starts.startedBefore(caller, idempotencyKey, identity);
    if (before) return before;
    const { mode, hostIds, unable, allowed } = await this.targets.plan(caller, asked);
    const request: StartRequest = {
      ...command,
      options: { ...command.options, ...memoryOf(asked, mode) },
      hostIds: mode === 'any' ? [await this.anyHost.choose(hostIds)] : hostIds,
      ...(mode === 'any' && { mayMoveTo: hostIds }),
      ...(unable.size > 0 && { unable }),
      ...(mode === 'all' && { rollout: planRollout(asked.rollout, hostIds.length) }),
      expiresInSeconds: asked.expiresInSeconds,
      idempotencyKey,
      asked: identity,
    };
    const started = await this.starts.start(
      caller,
      await this.statements.with(request, asked.statement, allowed),
    );
    // What waits for approval has its time afterwards, and ends by itself.
    const seconds = started.review === null ? asked.expiresInSeconds : Infinity;
    if (mode === 'any' && started.created) this.anyHost.follow(started.id, hostIds, seconds);
    return started;
  }

  /** Items with their output, sorted by hostname; the output of all of them has a bound. */
  async items(
    rows: readonly TargetRow[],
    timeoutSeconds: number,
    budget = MOST_PER_ANSWER,
  ): Promise<CommandResultDto['results']> {
    const tails = await this.tails.each(rows.map(wantedOf), MOST_PER_STREAM, budget);
    return [...rows].sort(byHostname).map((row) => toItem(row, timeoutSeconds, tails.get(row.id)));
  }

  /** The targets when all have ended, the wait is over, or the client has gone. */
  private async gather(
    executionId: string,
    seconds: number,
    signal: AbortSignal,
    created: boolean,
  ): Promise<TargetRow[]> {
    const until = performance.now() + seconds * 1_000;
    const moves = await this.anyHost.placed(
      executionId,
      AbortSignal.any([signal, AbortSignal.timeout(seconds * 1_000)]),
    );
    const left = Math.max(0, (until - performance.now()) / 1_000);
    return this.executions.settled(executionId, left, signal, created && !moves ? 'listen' : 'look');
  }
}

/** What an Idempotency-Key stands for: the request as it was made, not what it meant at that moment. */
function identityOf({
  target,
  line,
  command,
  queue,
  expiresIn,
  rollout,
  only,
  retryOf,
}: CommandAsked): unknown {
  const { options, stdin, timeoutSeconds } = command;
  const input = stdin === undefined ? null : createHash('sha256').update(stdin).digest('hex');
  const hosts = only === undefined ? null : [...only].sort((a, b) => a - b);
  return [target, line, options, input, timeoutSeconds, queue, expiresIn, rollout, hosts, retryOf ?? null];
}

/** What a retry, and whoever looks at the job, will want to know. */
function memoryOf(
  { target, queue, expiresIn, rollout, retryOf }: CommandAsked,
  mode: TargetPlan['mode'],
): RunOptions {
  return {
    target,
    ...(mode === 'any' && { any: true as const }),
    ...(queue && { queue: true as const }),
    ...(expiresIn !== null && { expires_in: expiresIn }),
    ...(Object.keys(rollout).length > 0 && { rollout }),
    ...(retryOf !== undefined && { retry_of: retryOf }),
  };
}
