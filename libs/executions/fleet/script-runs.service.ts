import { Inject, Injectable } from '@nestjs/common';
import { type Caller } from '#libs/platform/auth/index';
import { type Settings, SETTINGS } from '#libs/platform/config/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { isUuid } from '#libs/platform/http/index';
import { HostsService, type RunnableHost } from '#libs/agents/index';
import {
  ADHOC_SCRIPT_LIMIT,
  checkScriptContents,
  ContentsService,
  refuseSecretVariables,
} from '#libs/scripts/index';
import { ExecutionsRepository, type TargetRow } from '../executions.repository.js';
import { ExecutionsService } from '../executions.service.js';
import { type StartRequest, StartService } from '../start.service.js';
import { MESSAGES, type ScriptOutcome, toScriptOutcome } from './script-outcome.js';
import {
  type RunScriptDto,
  type RunScriptResponseDto,
  type ScriptResultDto,
  type SyncScriptResultDto,
} from './script-runs.dto.js';

/** PostgreSQL's integer; a host with a larger id does not exist. */
const MAX_ID = 2_147_483_647;
const MAX_WAITING_PER_HOST = 1_000;
/** A script's default timeout and a minute. */
const SYNC_WAIT_SECONDS = 360;
const OUTPUT_TAIL_BYTES = 1024 * 1024;
const MAX_ARGUMENT_BYTES = 128 * 1024 - 1;

/** Fleet's "run script" and "get script result", over the one ledger. */
@Injectable()
export class ScriptRunsService {
  constructor(
    private readonly hosts: HostsService,
    private readonly starts: StartService,
    private readonly executions: ExecutionsService,
    private readonly repository: ExecutionsRepository,
    private readonly contents: ContentsService,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'scriptTimeoutSeconds'>,
  ) {}

  /** In the order of Fleet's checks (`reference/fleet.md`, 3.2). @throws DomainError, the first that applies */
  async run(caller: Caller, dto: RunScriptDto, idempotencyKey?: string): Promise<RunScriptResponseDto> {
    const { host, request } = await this.prepare(dto);
    const { uuid } = await this.starts.start(caller, { ...request, idempotencyKey });
    return { host_id: host.id, execution_id: uuid };
  }

  /**
   * Runs and waits for the result, up to Fleet's six minutes; what has no result by then goes on by itself.
   * @throws as `run`; also invalid (offline host), invalid_conflict (something else runs or waits there)
   */
  async runAndWait(
    caller: Caller,
    dto: RunScriptDto,
    signal: AbortSignal,
  ): Promise<{ done: boolean; body: SyncScriptResultDto }> {
    const { host, request } = await this.prepare(dto);
    if (!host.online)
      throw new DomainError('invalid', { name: 'host_id', reason: "Script can't run on offline host." });
    const { id, uuid } = await this.starts.start(caller, {
      ...request,
      options: { ...request.options, sync: true },
      refuseWhenBusy: MESSAGES.busy,
    });
    const [target] = await this.executions.settled(id, SYNC_WAIT_SECONDS, signal, 'listen');
    const outcome = target && toScriptOutcome(target, request.timeoutSeconds, 'unheard');
    if (!target || !outcome) throw notFound('HostScriptResult', uuid);
    const { exitCode: exit_code, message } = outcome;
    return {
      done: exit_code !== null,
      body: {
        host_id: host.id,
        execution_id: uuid,
        script_contents: request.content.toString('utf8'),
        script_id: null,
        policy_id: null,
        team_id: null,
        exit_code,
        message,
        timeout: request.timeoutSeconds,
        host_timeout: exit_code === null,
        ...(await this.outputOf(target, outcome)),
      },
    };
  }

  /** @throws DomainError not_found, also for what was cancelled before it started */
  async result(targetUuid: string): Promise<ScriptResultDto> {
    const unknown = notFound('HostScriptResult', targetUuid);
    const execution = isUuid(targetUuid) ? await this.repository.find(targetUuid) : null;
    if (execution?.kind !== 'script') throw unknown;
    const target = (await this.repository.targets([execution.id])).find(
      (t) => t.uuid === targetUuid.toLowerCase(),
    );
    const { options, created_at, timeout_seconds } = execution;
    const late = Date.now() > created_at.getTime() + SYNC_WAIT_SECONDS * 1000;
    const waiting = options.sync ? (late ? 'unheard' : 'busy') : 'async';
    const outcome = target && toScriptOutcome(target, timeout_seconds, waiting);
    if (!target || !outcome) throw unknown;
    return {
      script_contents: (await this.contents.get(execution.content_sha256)).toString('utf8'),
      script_id: null,
      exit_code: outcome.exitCode,
      message: outcome.message,
      hostname: target.hostname ?? '',
      host_timeout: waiting === 'unheard' && outcome.exitCode === null,
      host_id: target.host_id,
      execution_id: target.uuid,
      created_at: created_at.toISOString(),
      ...(await this.outputOf(target, outcome)),
    };
  }

  /** The checks in their order, and what is to be started when they pass. */
  private async prepare(dto: RunScriptDto): Promise<{ host: RunnableHost; request: StartRequest }> {
    checkSource(dto);
    const host = await this.runnableHost(dto.host_id ?? 0);
    if (dto.script_id !== undefined && dto.script_id !== null) {
      throw new DomainError('invalid_unknown', {
        name: 'script_id',
        reason: 'No script exists for the provided "script_id".',
      });
    }
    const contents = dto.script_contents ?? '';
    checkContents(contents);
    const request: StartRequest = {
      kind: 'script',
      lane: 'serial',
      content: Buffer.from(contents),
      options: dto.arguments?.length ? { arguments: checkArguments(dto.arguments) } : {},
      hostIds: [host.id],
      timeoutSeconds: dto.timeout ?? this.settings.scriptTimeoutSeconds,
      expiresInSeconds: dto.expires_in ?? undefined,
      maxWaiting: MAX_WAITING_PER_HOST,
    };
    return { host, request };
  }

  private async outputOf(
    target: TargetRow,
    outcome: ScriptOutcome,
  ): Promise<{ output: string; runtime: number; truncated: boolean }> {
    const written = Number(target.stdout_bytes) + Number(target.stderr_bytes);
    const ran = outcome.output === null;
    const tail = ran
      ? await this.repository.tail(target.id, OUTPUT_TAIL_BYTES)
      : Buffer.from(outcome.output ?? '');
    return {
      output: lastText(tail, OUTPUT_TAIL_BYTES),
      runtime: Math.round(Number(target.duration_ms ?? 0) / 1000),
      truncated: target.dropped_bytes !== '0' || written > OUTPUT_TAIL_BYTES,
    };
  }

  private async runnableHost(id: number): Promise<RunnableHost> {
    const host = id > 0 && id <= MAX_ID ? await this.hosts.runnable(id) : null;
    if (!host) throw notFound('Host', id === 0 ? undefined : id);
    if (host.scriptsEnabled === false) {
      throw new DomainError(
        'refused',
        "Couldn't run script. To run a script, deploy the fleetd agent with --enable-scripts.",
      );
    }
    return host;
  }
}

/** One source, and a team only with a name. */
function checkSource(dto: RunScriptDto): void {
  const id = dto.script_id !== undefined && dto.script_id !== null;
  const contents =
    dto.script_contents !== undefined && dto.script_contents !== null && dto.script_contents !== '';
  const name = dto.script_name !== undefined && dto.script_name !== null && dto.script_name !== '';
  const team = (dto.team_id ?? 0) > 0;
  const refuse = (field: string, reason: string): never => {
    throw new DomainError('invalid', { name: field, reason });
  };
  if (!id && !contents && !name)
    refuse('script', "One of 'script_id', 'script_contents', or 'script_name' is required.");
  if (id && contents) refuse('script_id', "Only one of 'script_id' or 'script_contents' is allowed.");
  if (id && name) refuse('script_id', "Only one of 'script_id' or 'script_name' is allowed.");
  if (id && team) refuse('script_id', "Only one of 'script_id' or 'team_id' is allowed.");
  if (contents && name)
    refuse('script_contents', "Only one of 'script_contents' or 'script_name' is allowed.");
  if (contents && team) refuse('script_contents', "Only one of 'script_contents' or 'team_id' is allowed.");
  if (name) refuse('script_name', `Script '${dto.script_name}' doesn’t exist.`);
}

function checkContents(contents: string): void {
  checkScriptContents(contents, ADHOC_SCRIPT_LIMIT, 'script_contents');
  refuseSecretVariables(contents, 'script');
}

function checkArguments(args: readonly string[]): string[] {
  for (const argument of args) {
    if (argument.includes('\0') || !argument.isWellFormed())
      throw new DomainError('invalid', {
        name: 'arguments',
        reason: 'must not contain NUL characters or broken text',
      });
    if (Buffer.byteLength(argument) > MAX_ARGUMENT_BYTES)
      throw new DomainError('invalid', {
        name: 'arguments',
        reason: `each must have at most ${MAX_ARGUMENT_BYTES} bytes`,
      });
  }
  return [...args];
}

/** At most the last `bytes` as text, not beginning in the middle of a character. */
function lastText(buffer: Buffer, bytes: number): string {
  let start = Math.max(0, buffer.length - bytes);
  while (start > 0 && start < buffer.length && ((buffer[start] ?? 0) & 0xc0) === 0x80) start += 1;
  return buffer.subarray(start).toString('utf8');
}
