import { Injectable } from '@nestjs/common';
import { ReasonCode } from '#libs/protocol/index';
import { HostsService, type RunnableHost } from '#libs/agents/index';
import { type Caller, require } from '#libs/platform/auth/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { isUuid, MAX_ID } from '#libs/platform/http/index';
import { ContentsService, type SavedScript, ScriptsService } from '#libs/scripts/index';
import { ExecutionStatements } from '../statements/execution-statements.service.js';
import { planRollout } from '../rollout/plan.js';
import { type StartRequest, StartService } from '../start.service.js';
import {
  type BatchFiltersDto,
  type BatchSummaryDto,
  type RunBatchDto,
  type RunBatchResponseDto,
} from './batch-runs.dto.js';
import { BatchRunsRepository } from './batch-runs.repository.js';
import { extensionFor } from './platforms.js';
import { RunPolicy } from './run-policy.js';

const MAX_HOSTS = 5_000;

/** Fleet's batches: one saved script on many hosts is one execution with a target for each. */
@Injectable()
export class BatchRunsService {
  constructor(
    private readonly scripts: ScriptsService,
    private readonly contents: ContentsService,
    private readonly policy: RunPolicy,
    private readonly repository: BatchRunsRepository,
    private readonly hosts: HostsService,
    private readonly starts: StartService,
    private readonly statements: ExecutionStatements,
  ) {}

  /**
   * Hosts that cannot run it are recorded, each with its reason; the others queue it, also where it is queued already.
   * @throws DomainError switched_off, forbidden, not_found (script), malformed (no hosts, or asked for in two ways), invalid
   * (too many hosts, hosts of another team, or a statement that does not fit); malformed, too, for waves that make no sense
   */
  async run(caller: Caller, dto: RunBatchDto): Promise<RunBatchResponseDto> {
    await this.policy.checkEnabled();
    const script = await this.script(caller, dto.script_id ?? 0);
    const hosts = await this.hostsFor(script, dto);
    const request: StartRequest = {
      kind: 'script',
      lane: 'serial',
      content: await this.contents.get(script.contentSha256),
      options: {
        script_name: script.name,
        batch: true,
        ...(script.teamId !== null && { team_id: script.teamId }),
      },
      scriptId: script.id,
      hostIds: hosts.map((host) => host.id),
      unable: unableAmong(hosts, script),
      rollout: planRollout(dto, hosts.length),
      timeoutSeconds: await this.policy.timeout(script.teamId),
      record: (batch_execution_id) => ({
        act: 'ran_script_batch',
        details: {
          batch_execution_id,
          script_name: script.name,
          host_count: hosts.length,
          team_id: script.teamId,
        },
      }),
    };
    const { uuid } = await this.starts.start(caller, await this.statements.with(request, dto.statement));
    return { batch_execution_id: uuid };
  }

  /** @throws DomainError forbidden; not_found */
  async summary(caller: Caller, uuid: string): Promise<BatchSummaryDto> {
    const batch = isUuid(uuid) ? await this.repository.find(uuid) : null;
    require(caller, 'script:read', batch?.team_id ?? null);
    if (!batch) throw notFound('BatchExecution', uuid);
    const { script_id, script_name, team_id, created_at } = batch;
    const { targeted, pending, ran, canceled } = await this.repository.counts(batch.id);
    return {
      script_id,
      script_name,
      team_id: team_id ?? 0,
      created_at: created_at.toISOString(),
      targeted,
      pending,
      ran,
      errored: targeted - pending - ran - canceled,
      canceled,
    };
  }

  private async script(caller: Caller, id: number): Promise<SavedScript> {
    const script = id > 0 && id <= MAX_ID ? await this.scripts.find(id) : null;
    require(caller, 'script:write', script?.teamId ?? null);
    if (!script) throw notFound('Script', id);
    return script;
  }

  private async hostsFor(script: SavedScript, { host_ids, filters }: RunBatchDto): Promise<RunnableHost[]> {
    const ids = [...new Set(host_ids ?? [])];
    if (ids.length > 0 && filters)
      throw new DomainError('malformed', 'Only one of host_ids and filters is allowed.');
    if (ids.length > MAX_HOSTS) throw tooMany();
    const hosts = filters ? await this.filtered(script, filters) : await this.named(script, ids);
    if (hosts.length === 0)
      throw new DomainError('malformed', 'no hosts match the specified host identifiers');
    if (hosts.length > MAX_HOSTS) throw tooMany();
    return hosts;
  }

  private async named(script: SavedScript, ids: readonly number[]): Promise<RunnableHost[]> {
    const hosts = await this.hosts.allRunnable(ids.filter((id) => id > 0 && id <= MAX_ID));
    if (hosts.length === ids.length && hosts.every((host) => host.teamId === script.teamId)) return hosts;
    // One word for both: whether there is a host of another team is told to nobody.
    throw new DomainError('invalid', {
      name: 'host_ids',
      reason: 'all hosts must be on the same team (or no team) as the script',
    });
  }

  private filtered(script: SavedScript, filters: BatchFiltersDto): Promise<RunnableHost[]> {
    const { team_id, status, query, label_id } = filters;
    if (team_id === undefined || team_id === null)
      throw new DomainError('malformed', {
        name: 'filters',
        reason: 'filters must include a team_id filter',
      });
    if (team_id !== (script.teamId ?? 0))
      throw new DomainError('invalid', {
        name: 'filters',
        reason: 'team_id must be the team of the script (0 for no team)',
      });
    return this.hosts.matching(
      { teamId: script.teamId ?? 0, status: status || null, match: query?.trim() ?? '', labelId: label_id },
      MAX_HOSTS + 1,
    );
  }
}

function unableAmong(hosts: readonly RunnableHost[], script: SavedScript): StartRequest['unable'] {
  const unable = new Map<number, { reason: ReasonCode; message: string }>();
  for (const { id, platform, scriptsEnabled } of hosts) {
    const extension = extensionFor(platform);
    if (!script.name.endsWith(extension))
      unable.set(id, {
        reason: ReasonCode.incompatiblePlatform,
        message: `on ${platform} only scripts whose names end in ${extension} can run`,
      });
    else if (scriptsEnabled === false)
      unable.set(id, { reason: ReasonCode.scriptsDisabled, message: 'scripts are disabled on this host' });
  }
  return unable.size > 0 ? unable : undefined;
}

function tooMany(): DomainError {
  return new DomainError('invalid', { name: 'filters', reason: 'too_many_hosts' });
}
