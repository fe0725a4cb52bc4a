import { Injectable } from '@nestjs/common';
import { type Act, type Caller, type CommandLine, maySomewhere } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import {
  digestOfHosts,
  HostRights,
  selectableTeams,
  type SelectedHost,
  SelectorsService,
} from '#libs/agents/index';
import { ReasonCode } from '#libs/protocol/index';
import { type Unable } from '../start.service.js';

/** Where something is to run. */
export interface TargetPlan {
  /** `any`: on one of the hosts, whichever can take it. */
  readonly mode: 'any' | 'all';
  /** In order of their ids; for `any` all of them can take it. */
  readonly hostIds: readonly number[];
  /** Those of them on which nothing is started. */
  readonly unable: ReadonlyMap<number, Unable>;
  /** Those on which the caller may run it, present or not: for which people sign it. */
  readonly allowed: readonly number[];
}

/** What decides about it beside the target. */
export interface TargetQuestion {
  readonly target: string;
  readonly line: CommandLine;
  /** Hosts that are away get it when they are back. */
  readonly queue: boolean;
  /** Digest of a preview. */
  readonly preview?: string | null | undefined;
  /** Only these of the hosts that are meant. */
  readonly only?: ReadonlySet<number>;
}

/** Which hosts are meant, and on which of them the caller may run this: osapi's targets over Muster's selectors and rules. */
@Injectable()
export class CommandTargetsService {
  constructor(
    private readonly selectors: SelectorsService,
    private readonly rights: HostRights,
  ) {}

  /**
   * Hosts of teams that the caller knows nothing of are not there.
   * @throws DomainError as the selector; forbidden with the rule when none of the hosts may run it; conflict when other hosts
   *   would run it than the preview said
   */
  async plan(caller: Caller, question: TargetQuestion): Promise<TargetPlan> {
    const { target, line, only } = question;
    const act: Act = line.kind === 'command' ? 'command:execute' : 'shell:execute';
    if (!maySomewhere(caller, act)) throw new DomainError('forbidden', 'forbidden', { required: act });
    const selection = await this.selectors.resolve(target, selectableTeams(caller, act));
    const hosts = only ? selection.hosts.filter((host) => only.has(host.id)) : selection.hosts;
    if (hosts.length === 0) throw nobody(target, selection.mode);
    const refusals = await this.rights.refusals(caller, act, hosts, line);
    const allowed = hosts.filter((host) => !refusals.has(host.id));
    if (allowed.length === 0) throw refusedOnAll([...refusals.values()][0] ?? '');
    checkPreview(question.preview, allowed);
    const allowedIds = allowed.map(({ id }) => id);
    if (selection.mode === 'any') return { ...anyOf(target, allowed), allowed: allowedIds };
    const unable = new Map<number, Unable>();
    for (const [id, rule] of refusals)
      unable.set(id, { state: 'denied', reason: ReasonCode.denied, message: rule });
    if (!question.queue) for (const host of allowed) away(host, unable);
    return { mode: 'all', hostIds: hosts.map((host) => host.id), unable, allowed: allowedIds };
  }
}

function away({ id, online, draining }: SelectedHost, unable: Map<number, Unable>): void {
  if (!online) unable.set(id, { reason: ReasonCode.hostOffline, message: 'host offline' });
  else if (draining)
    unable.set(id, {
      reason: ReasonCode.hostDraining,
      message: 'host is being drained and takes nothing new',
    });
}

/** An agent that refuses everything is nobody to choose. */
function anyOf(target: string, hosts: readonly SelectedHost[]): Omit<TargetPlan, 'allowed'> {
  const able = hosts.filter((host) => host.online && !host.draining && host.scriptsEnabled !== false);
  if (able.length === 0) throw nobody(target, 'any');
  return { mode: 'any', hostIds: able.map((host) => host.id), unable: new Map() };
}

function nobody(target: string, mode: 'any' | 'one' | 'many'): DomainError {
  const reason = `target agent "${target}" not found`;
  return new DomainError('invalid_unknown', {
    name: 'target',
    reason: mode === 'any' ? `${reason}: no host is online that could take it` : reason,
  });
}

function refusedOnAll(rule: string): DomainError {
  return new DomainError('forbidden', { name: 'target', reason: rule });
}

function checkPreview(digest: string | null | undefined, allowed: readonly SelectedHost[]): void {
  if (digest === undefined || digest === null) return;
  if (digestOfHosts(allowed.map((host) => host.id)) === digest.toLowerCase()) return;
  throw new DomainError('conflict', {
    name: 'preview',
    reason: `other hosts are meant than the preview said (${allowed.length} now): look at a new preview and decide again`,
  });
}
