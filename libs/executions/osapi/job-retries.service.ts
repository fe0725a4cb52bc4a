import { Injectable } from '@nestjs/common';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { ContentsService } from '#libs/scripts/index';
import { type TargetRow } from '../executions.repository.js';
import { isFinal } from '../states.js';
import { expiryOf, GRACE_SECONDS, lineOf } from './command-request.js';
import { type CommandAsked, CommandsService } from './commands.service.js';
import { counting } from './items.js';
import { type JobRetriedDto, type RetryJobDto } from './jobs.dto.js';
import { type JobRow } from './jobs.repository.js';
import { JobsService } from './jobs.service.js';

/** A job once more. */
@Injectable()
export class JobRetriesService {
  constructor(
    private readonly jobs: JobsService,
    private readonly commands: CommandsService,
    private readonly contents: ContentsService,
    private readonly audit: Audit,
  ) {}

  /**
   * A new job for the same command with the same options, on the same target unless it names another; asks for the right to run
   * it, as the first time. Does not wait.
   * @throws DomainError as `JobsService.get` and `CommandsService.start`; conflict when only failures are wanted and there are none
   */
  async retry(
    caller: Caller,
    uuid: string,
    dto: RetryJobDto,
    key: string | undefined,
  ): Promise<JobRetriedDto> {
    const { job, targets } = await this.jobs.visible(caller, uuid);
    const asked = await this.again(job, dto);
    const {
      id,
      uuid: newUuid,
      created,
    } = await this.commands.start(caller, {
      ...asked,
      ...(dto.failed_only === true && { only: failedAmong(job, targets, dto) }),
      idempotencyKey: key,
    });
    if (created)
      await this.audit.record(null, {
        ...doneBy(caller, 'retried_job', { job_id: newUuid }),
        executionUuid: job.uuid,
      });
    return { job_id: newUuid, status: 'created', revision: Number(id), timestamp: new Date().toISOString() };
  }

  private async again(job: JobRow, { target_hostname }: RetryJobDto): Promise<CommandAsked> {
    const { options, timeout_seconds: timeoutSeconds, stdin_sha256 } = job;
    const { cwd, env, user, queue, expires_in, rollout } = options;
    const what = JSON.parse((await this.contents.get(job.content_sha256)).toString('utf8')) as
      string | string[];
    const line = lineOf(what, { cwd, env, user, stdin: stdin_sha256 });
    return {
      target: target_hostname ?? options.target ?? '',
      line,
      command: {
        kind: line.kind,
        lane: 'parallel',
        content: Buffer.from(JSON.stringify(what)),
        ...(stdin_sha256 && { stdin: await this.contents.get(stdin_sha256) }),
        options: {
          ...(cwd !== undefined && { cwd }),
          ...(env !== undefined && { env }),
          ...(user !== undefined && { user }),
        },
        timeoutSeconds,
        graceSeconds: GRACE_SECONDS,
      },
      queue: queue === true,
      expiresIn: expires_in ?? null,
      expiresInSeconds: expiryOf(
        { timeout: timeoutSeconds, expires_in: expires_in ?? null },
        queue === true || rollout !== undefined,
      ),
      rollout: rollout ?? {},
      retryOf: job.uuid,
    };
  }
}

/** Hosts where it did not end with exit code 0; for `_any` whichever, when it failed. @throws DomainError conflict: there are none */
function failedAmong(
  job: JobRow,
  targets: readonly TargetRow[],
  { target_hostname }: RetryJobDto,
): ReadonlySet<number> | undefined {
  const any = job.options.any === true;
  const failed = counting(targets, any).filter((target) => isFailure(target));
  if (failed.length === 0) {
    throw new DomainError('conflict', {
      name: 'failed_only',
      reason: 'there is no host where this job has failed',
    });
  }
  return any && (target_hostname === undefined || target_hostname === null)
    ? undefined
    : new Set(failed.map((target) => target.host_id));
}

function isFailure({ state, exit_code }: TargetRow): boolean {
  return state === 'finished' ? exit_code !== 0 : isFinal(state) && state !== 'cancelled';
}
