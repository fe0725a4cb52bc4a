import { Injectable } from '@nestjs/common';
import { HostRights } from '#libs/agents/index';
import { type Caller, require } from '#libs/platform/auth/index';
import { violated } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { ReasonCode } from '#libs/protocol/index';
import { ContentsService, InstancesRepository, type StoredInstance } from '#libs/scripts/index';
import { RunPolicy } from '../fleet/run-policy.js';
import { StartService } from '../start.service.js';
import { InFlightRunsService, type InFlightRun } from './in-flight-runs.service.js';
import { type InstanceParams } from './rpc-params.js';
import { type LastExecutionDto, type RpcHostResultDto, type RpcInstanceResultDto } from './rpc.dto.js';
import { RpcScopeService } from './rpc-scope.service.js';
import { RunViewService, toLast } from './run-view.service.js';

/** A host that an instance is to be started or stopped on. */
interface Candidate {
  readonly id: number;
  readonly hostname: string;
  readonly teamId: number | null;
  readonly online: boolean;
}

/** Why it cannot be there. */
interface Refusal {
  readonly code: 'already_running' | 'not_running' | 'host_offline' | 'forbidden' | 'denied' | 'failed';
  readonly message: string;
}

/** A host has this long to say that it has started, or is stopping. */
const PATIENCE_SECONDS = 5;
/** What no host took by then is not started later. */
const EXPIRY_SECONDS = 15;
const ONE_RUN = 'targets_one_run_per_instance';
const ATTEMPTS = 3;

/** `script_start` and `script_stop`. */
@Injectable()
export class InstanceRunsService {
  constructor(
    private readonly scope: RpcScopeService,
    private readonly instances: InstancesRepository,
    private readonly contents: ContentsService,
    private readonly policy: RunPolicy,
    private readonly rights: HostRights,
    private readonly starts: StartService,
    private readonly running: InFlightRunsService,
    private readonly view: RunViewService,
  ) {}

  /**
   * On one host, or on all that it reaches; resolves when the hosts have said that it runs.
   * @throws DomainError as `RpcScopeService`; switched_off; forbidden; conflict (`already_running`, `host_offline`, `denied` by the agent's policy), of many hosts when none could
   */
  async start(caller: Caller, params: InstanceParams): Promise<RpcInstanceResultDto> {
    const { instance, candidates } = await this.candidates(caller, params);
    await this.policy.checkEnabled();
    const refused = await this.refusals(caller, candidates);
    for (let attempt = 1; ; attempt++) {
      for (const run of await this.running.of(instance.id))
        if (!refused.has(run.hostId))
          refused.set(run.hostId, { code: 'already_running', message: `it is ${run.state} on this host` });
      const hostIds = candidates.map(({ id }) => id).filter((id) => !refused.has(id));
      if (hostIds.length === 0) break;
      try {
        const { id } = await this.begin(caller, instance, hostIds);
        const runs = await this.running.begun(id, PATIENCE_SECONDS);
        for (const run of runs) {
          const why = whyNot(run);
          if (why) refused.set(run.hostId, why);
        }
        return await this.answer(params, instance, candidates, refused, runs);
      } catch (error) {
        // Somebody else was faster on one of the hosts, at the same moment.
        if (violated(error) !== ONE_RUN || attempt === ATTEMPTS) throw error;
      }
    }
    return this.answer(params, instance, candidates, refused, []);
  }

  /**
   * On one host, or wherever it runs; resolves when the hosts have said that they are at it.
   * @throws DomainError as `RpcScopeService`; forbidden; conflict (`not_running`, `host_offline`), of many hosts when none could
   */
  async stop(caller: Caller, params: InstanceParams): Promise<RpcInstanceResultDto> {
    const { instance, candidates } = await this.candidates(caller, params, 'stop');
    const refused = await this.refusals(caller, candidates);
    const runs = new Map((await this.running.of(instance.id)).map((run) => [run.hostId, run]));
    for (const { id } of candidates)
      if (!refused.has(id) && runs.get(id)?.state !== 'running')
        refused.set(id, { code: 'not_running', message: 'it is not running on this host' });
    const toStop = candidates.flatMap(({ id }) => (refused.has(id) ? [] : (runs.get(id) ?? [])));
    await this.running.stop(caller, toStop);
    return this.answer(
      params,
      instance,
      candidates,
      refused,
      await this.running.stopped(toStop, PATIENCE_SECONDS),
    );
  }

  /** @throws DomainError as `RpcScopeService`; malformed: the instance is not for the host */
  private async candidates(
    caller: Caller,
    params: InstanceParams,
    what: 'start' | 'stop' = 'start',
  ): Promise<{ instance: StoredInstance; candidates: Candidate[] }> {
    const host = params.host ? await this.scope.host(caller, params.host) : null;
    const instance = await this.scope.instance(
      caller,
      host ? { ...params, team_id: params.team_id ?? host.teamId } : params,
    );
    const reached = await this.instances.hostsOf(instance.id);
    if (host) {
      // What runs can be stopped also where it is not meant to be any more.
      if (what === 'start' && !reached.some(({ id }) => id === host.id))
        throw new DomainError('malformed', {
          name: 'host',
          reason: `the instance "${instance.name}" is not for the host "${host.hostname}"`,
        });
      return { instance, candidates: [host] };
    }
    return { instance, candidates: reached };
  }

  private async refusals(caller: Caller, candidates: readonly Candidate[]): Promise<Map<number, Refusal>> {
    const rules = await this.rights.refusals(caller, 'script:execute', candidates);
    if (candidates.length > 0 && rules.size === candidates.length) {
      require(caller, 'script:execute', candidates[0]?.teamId ?? null);
      throw new DomainError('forbidden', rules.values().next().value ?? 'forbidden');
    }
    return new Map(
      candidates.flatMap(({ id, online }): [number, Refusal][] => {
        const message = rules.get(id);
        if (message !== undefined) return [[id, { code: 'forbidden', message }]];
        return online ? [] : [[id, { code: 'host_offline', message: 'the host is offline' }]];
      }),
    );
  }

  private async begin(
    caller: Caller,
    instance: StoredInstance,
    hostIds: readonly number[],
  ): Promise<{ id: string }> {
    const { id, name, scriptId, scriptName, contentSha256, timeoutSeconds, teamId } = instance;
    return this.starts.start(caller, {
      kind: 'instance',
      lane: 'instance',
      content: await this.contents.get(contentSha256),
      options: {
        arguments: [...instance.arguments],
        script_name: scriptName,
        instance: { id, name, script_id: scriptId },
      },
      hostIds,
      timeoutSeconds: timeoutSeconds ?? (await this.policy.timeout(teamId)),
      expiresInSeconds: EXPIRY_SECONDS,
    });
  }

  private async answer(
    { host }: InstanceParams,
    instance: StoredInstance,
    candidates: readonly Candidate[],
    refused: ReadonlyMap<number, Refusal>,
    runs: readonly InFlightRun[],
  ): Promise<RpcInstanceResultDto> {
    const done = candidates.filter(({ id }) => !refused.has(id));
    if (done.length === 0) throw nowhere(candidates, refused);
    const executions = await this.view.executions(runs.map(({ id }) => Number(id)));
    const byId = new Map(executions.map((one) => [one.id, toLast(one)]));
    const byHost = new Map(
      runs.flatMap(({ id, hostId }): [number, LastExecutionDto][] => {
        const one = byId.get(Number(id));
        return one ? [[hostId, one]] : [];
      }),
    );
    const newest = [...byHost.values()].sort((a, b) => b.id - a.id)[0];
    const name = (await this.view.namesOf([instance]))(instance);
    return {
      scripts: [{ name, instances: [{ name: instance.name, ...(newest && { last_execution: newest }) }] }],
      ...(!host && {
        hosts: candidates.map((one) => resultOf(one, refused.get(one.id), byHost.get(one.id))),
      }),
    };
  }
}

/** What a target that was to start, and did not, says about its host; null when it did. */
function whyNot({ state, reason, message }: InFlightRun): Refusal | null {
  if (state === 'queued' || state === 'dispatched' || state === 'expired' || state === 'cancelled')
    return state === 'dispatched' ? null : { code: 'host_offline', message: 'the host did not answer' };
  if (state === 'failed_to_start' && reason === ReasonCode.alreadyRunning)
    return { code: 'already_running', message: message || 'it runs on this host' };
  if (state === 'failed_to_start' && reason === ReasonCode.denied) return { code: 'denied', message };
  return null;
}

function resultOf(
  { hostname }: Candidate,
  refusal: Refusal | undefined,
  last: LastExecutionDto | undefined,
): RpcHostResultDto {
  return { host: hostname, ...(last && { last_execution: last }), ...(refusal && { error: refusal }) };
}

/** @returns conflict, with the word that holds for all the hosts; forbidden is said before */
function nowhere(candidates: readonly Candidate[], refused: ReadonlyMap<number, Refusal>): DomainError {
  const [first] = refused.values();
  if (!first) return new DomainError('conflict', 'it is for no host at the moment', { word: 'no_hosts' });
  const same = [...refused.values()].every(({ code }) => code === first.code);
  if (candidates.length === 1 || same)
    return new DomainError('conflict', first.message, { word: first.code });
  const counts = new Map<string, number>();
  for (const { code } of refused.values()) counts.set(code, (counts.get(code) ?? 0) + 1);
  return new DomainError(
    'conflict',
    `on none of the hosts: ${[...counts].map(([code, count]) => `${code} on ${count}`).join(', ')}`,
    { word: 'conflict' },
  );
}
