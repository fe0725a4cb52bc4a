import { Injectable } from '@nestjs/common';
import { type Caller, require } from '#libs/platform/auth/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { MAX_ID } from '#libs/platform/http/index';
import { HostRights, type RunnableHost } from '#libs/agents/index';
import {
  ADHOC_SCRIPT_LIMIT,
  checkScriptContents,
  ContentsService,
  refuseSecretVariables,
  type SavedScript,
  ScriptsService,
} from '#libs/scripts/index';
import { ExecutionsService } from '../executions.service.js';
import { ExecutionStatements } from '../statements/execution-statements.service.js';
import { type StartRequest, StartService } from '../start.service.js';
import { RunPolicy } from './run-policy.js';
import { MESSAGES, toScriptOutcome } from './script-outcome.js';
import { ScriptResultsService, SYNC_WAIT_SECONDS } from './script-results.service.js';
import { type RunScriptDto, type RunScriptResponseDto, type SyncScriptResultDto } from './script-runs.dto.js';

const MAX_WAITING_PER_HOST = 1_000;
const MAX_ARGUMENT_BYTES = 128 * 1024 - 1;

/** Fleet's "run script", over the one ledger. */
@Injectable()
export class ScriptRunsService {
  constructor(
    private readonly rights: HostRights,
    private readonly scripts: ScriptsService,
    private readonly contents: ContentsService,
    private readonly policy: RunPolicy,
    private readonly starts: StartService,
    private readonly executions: ExecutionsService,
    private readonly results: ScriptResultsService,
    private readonly statements: ExecutionStatements,
  ) {}

  /** In the order of Fleet's checks (`reference/fleet.md`, 3.2). @throws DomainError, the first that applies */
  async run(caller: Caller, dto: RunScriptDto, idempotencyKey?: string): Promise<RunScriptResponseDto> {
    const { host, request } = await this.prepare(caller, dto);
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
    const { host, request } = await this.prepare(caller, dto);
    if (!host.online) {
      await this.starts.refuseQueued(request);
      throw new DomainError('invalid', { name: 'host_id', reason: "Script can't run on offline host." });
    }
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
        script_id: request.scriptId ?? null,
        policy_id: null,
        team_id: null,
        exit_code,
        message,
        timeout: request.timeoutSeconds,
        host_timeout: exit_code === null,
        ...(await this.results.output(target, outcome)),
      },
    };
  }

  /** The checks in their order, and what is to be started when they pass. */
  private async prepare(
    caller: Caller,
    dto: RunScriptDto,
  ): Promise<{ host: RunnableHost; request: StartRequest }> {
    const hostId = dto.host_id ?? 0;
    const { host: found, timeoutSeconds } = await this.policy.forHost(
      hostId > 0 && hostId <= MAX_ID ? hostId : 0,
    );
    checkSource(dto);
    refuseSecretVariables(dto.script_contents ?? '', 'script');
    const named = dto.script_name ? await this.scriptByName(caller, dto.script_name, dto.team_id ?? 0) : null;
    const host = runnable(caller, hostId, found);
    await this.rights.require(caller, 'script:execute', [host]);
    const script = named ?? (isGiven(dto.script_id) ? await this.scriptById(dto.script_id) : null);
    if (script && script.teamId !== host.teamId) {
      throw new DomainError('invalid', {
        name: 'script_id',
        reason: 'The script does not belong to the same team (or no team) as the host.',
      });
    }
    const request: StartRequest = {
      kind: 'script',
      lane: 'serial',
      content: await this.contentOf(script, dto),
      options: {
        ...(dto.arguments?.length && { arguments: checkArguments(dto.arguments) }),
        ...(script && { script_name: script.name }),
      },
      scriptId: script?.id,
      refuseWhenQueued: true,
      hostIds: [host.id],
      timeoutSeconds: dto.timeout ?? timeoutSeconds,
      expiresInSeconds: dto.expires_in ?? undefined,
      maxWaiting: MAX_WAITING_PER_HOST,
    };
    return { host, request: await this.statements.with(request, dto.statement) };
  }

  private async scriptByName(caller: Caller, name: string, teamId: number): Promise<SavedScript> {
    const team = teamId > 0 ? teamId : null;
    require(caller, 'script:read', team);
    const script = teamId > MAX_ID || name.includes('\0') ? null : await this.scripts.findByName(team, name);
    if (!script)
      throw new DomainError('invalid', { name: 'script_name', reason: `Script '${name}' doesn’t exist.` });
    return script;
  }

  private async scriptById(id: number): Promise<SavedScript> {
    const script = id > 0 && id <= MAX_ID ? await this.scripts.find(id) : null;
    if (!script) {
      throw new DomainError('invalid_unknown', {
        name: 'script_id',
        reason: 'No script exists for the provided "script_id".',
      });
    }
    return script;
  }

  private async contentOf(script: SavedScript | null, dto: RunScriptDto): Promise<Buffer> {
    if (script) return this.contents.get(script.contentSha256);
    const contents = dto.script_contents ?? '';
    checkScriptContents(contents, ADHOC_SCRIPT_LIMIT, 'script_contents');
    return Buffer.from(contents);
  }
}

/**
 * The host, when a script can run there and the caller may do that.
 * @throws DomainError not_found, refused, forbidden; what does not exist belongs to no team
 */
function runnable(caller: Caller, id: number, host: RunnableHost | null): RunnableHost {
  if (!host) {
    require(caller, 'script:execute', null);
    throw notFound('Host', id === 0 ? undefined : id);
  }
  if (host.scriptsEnabled === false) {
    throw new DomainError(
      'refused',
      "Couldn't run script. To run a script, deploy the fleetd agent with --enable-scripts.",
    );
  }
  require(caller, 'script:execute', host.teamId);
  return host;
}

function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

/** One source, and a team only with a name. */
function checkSource(dto: RunScriptDto): void {
  const id = isGiven(dto.script_id);
  const contents = isGiven(dto.script_contents) && dto.script_contents !== '';
  const name = isGiven(dto.script_name) && dto.script_name !== '';
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
