import { Injectable } from '@nestjs/common';
import { type Caller, require } from '#libs/platform/auth/index';
import { notFound } from '#libs/platform/errors/index';
import { isUuid } from '#libs/platform/http/index';
import { ContentsService } from '#libs/scripts/index';
import { ExecutionsRepository, type TargetRow } from '../executions.repository.js';
import { OutputTailsRepository } from '../results/output-tails.repository.js';
import { type ScriptOutcome, toScriptOutcome } from './script-outcome.js';
import { type ScriptResultDto } from './script-runs.dto.js';

/** Seconds that a waiting caller is given: a script's default timeout and a minute. */
export const SYNC_WAIT_SECONDS = 360;
const OUTPUT_TAIL_BYTES = 1024 * 1024;

/** Fleet's "get script result", from the one ledger. */
@Injectable()
export class ScriptResultsService {
  constructor(
    private readonly repository: ExecutionsRepository,
    private readonly contents: ContentsService,
    private readonly tails: OutputTailsRepository,
  ) {}

  /**
   * Readable as long as the execution is kept, also when script or host are gone.
   * @throws DomainError forbidden; not_found, also for what was cancelled before it started
   */
  async result(caller: Caller, targetUuid: string): Promise<ScriptResultDto> {
    const target = isUuid(targetUuid) ? await this.repository.target(targetUuid) : null;
    require(caller, 'script_result:read', target?.team_id ?? null);
    const unknown = notFound('HostScriptResult', targetUuid);
    const execution = target && (await this.repository.find(target.uuid));
    if (!target || execution?.kind !== 'script') throw unknown;
    const { options, created_at, timeout_seconds } = execution;
    const late = Date.now() > created_at.getTime() + SYNC_WAIT_SECONDS * 1000;
    const waiting = options.sync ? (late ? 'unheard' : 'busy') : 'async';
    const outcome = toScriptOutcome(target, timeout_seconds, waiting);
    if (!outcome) throw unknown;
    return {
      script_contents: (await this.contents.get(execution.content_sha256)).toString('utf8'),
      script_id: execution.script_id,
      exit_code: outcome.exitCode,
      message: outcome.message,
      hostname: target.hostname ?? '',
      host_timeout: waiting === 'unheard' && outcome.exitCode === null,
      host_id: target.host_id,
      execution_id: target.uuid,
      created_at: created_at.toISOString(),
      ...(await this.output(target, outcome)),
    };
  }

  /** The last MiB as text, and what else is known of the run itself. */
  async output(
    target: TargetRow,
    outcome: ScriptOutcome,
  ): Promise<{ output: string; runtime: number; truncated: boolean }> {
    const written = Number(target.stdout_bytes) + Number(target.stderr_bytes);
    const ran = outcome.output === null;
    return {
      output: ran ? await this.tails.both(target.id, OUTPUT_TAIL_BYTES) : (outcome.output ?? ''),
      runtime: Math.round(Number(target.duration_ms ?? 0) / 1000),
      truncated: target.dropped_bytes !== '0' || written > OUTPUT_TAIL_BYTES,
    };
  }
}
