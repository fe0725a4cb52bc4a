import { Injectable } from '@nestjs/common';
import { type Act, type Caller } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { type CommandLine, HostRights } from '../rights/host-rights.service.js';
import { TargetsService } from '../targets.service.js';
import { type SelectedHost } from './compile-selector.js';
import { digestOfHosts } from './digest.js';
import {
  type PreviewDto,
  type PreviewHostDto,
  type PreviewKind,
  type PreviewResponseDto,
  type PreviewSelectedDto,
} from './preview.dto.js';
import { FIELD } from './selector-error.js';
import { type HostSelection, selectableTeams, SelectorsService } from './selectors.service.js';

const ACTS: Readonly<Record<PreviewKind, Act>> = {
  command: 'command:execute',
  shell: 'shell:execute',
  script: 'script:execute',
  query: 'live_query:run_new',
};

/** Who would run something, before anybody does. */
@Injectable()
export class PreviewService {
  constructor(
    private readonly selectors: SelectorsService,
    private readonly targets: TargetsService,
    private readonly rights: HostRights,
  ) {}

  /**
   * Hosts of teams that the caller knows nothing of are not there; all others are, as in the run, each with the rule that denies it.
   * @throws DomainError malformed: neither a target nor a selection, both, or a command that does not fit its kind; and what
   *   `SelectorsService.resolve` throws
   */
  async preview(caller: Caller, request: PreviewDto): Promise<PreviewResponseDto> {
    const { kind, command } = whatRuns(request);
    const teams = selectableTeams(caller, ACTS[kind]);
    const { mode, hosts } = await this.selection(request, teams);
    const refusals = await this.rights.refusals(caller, ACTS[kind], hosts, command);
    const online = hosts.filter((host) => host.online).length;
    const allowed = hosts.filter(({ id }) => !refusals.has(id)).map(({ id }) => id);
    return {
      mode,
      hosts: hosts.map((host) => toPreview(host, refusals.get(host.id))),
      counts: {
        total: hosts.length,
        online,
        offline: hosts.length - online,
        allowed: allowed.length,
        denied: hosts.length - allowed.length,
      },
      digest: digestOfHosts(allowed),
    };
  }

  private async selection(
    { target, selected }: PreviewDto,
    teams: readonly number[] | null,
  ): Promise<HostSelection> {
    const [named, chosen] = [target ?? null, selected ?? null];
    if ((named === null) === (chosen === null))
      throw new DomainError('malformed', { name: FIELD, reason: 'give either target or selected' });
    if (named !== null) return this.selectors.resolve(named, teams);
    const ids = await this.targets.resolve(selectionOf(chosen ?? {}), teams);
    return { mode: 'many', hosts: await this.selectors.byIds(ids) };
  }
}

function selectionOf({
  hosts,
  labels,
  teams,
}: PreviewSelectedDto): Record<'hosts' | 'labels' | 'teams', number[]> {
  const selection = { hosts: hosts ?? [], labels: labels ?? [], teams: teams ?? [] };
  if (Object.values(selection).every((ids) => ids.length === 0))
    throw new DomainError('malformed', { name: 'selected', reason: 'names no host, label or team' });
  return selection;
}

/** A kind without a command is one; a command without a kind says by its type what it is. */
function whatRuns({ kind, command }: PreviewDto): { kind: PreviewKind; command?: CommandLine } {
  if (command === undefined || command === null) return { kind: kind ?? 'command' };
  const isLine = typeof command === 'string';
  const meant = kind ?? (isLine ? 'shell' : 'command');
  if (meant === 'script' || meant === 'query')
    throw new DomainError('malformed', {
      name: 'command',
      reason: `a ${meant} has no command; leave it out`,
    });
  if (meant === 'shell') {
    if (!isLine || command === '')
      throw new DomainError('malformed', { name: 'command', reason: 'must be a line for the shell' });
    return { kind: meant, command: { kind: 'shell', line: command } };
  }
  if (!isArgv(command))
    throw new DomainError('malformed', {
      name: 'command',
      reason: 'must be an array: the program and its arguments',
    });
  return { kind: meant, command: { kind: 'command', argv: command } };
}

function isArgv(command: unknown): command is string[] {
  return (
    Array.isArray(command) &&
    command.every((part) => typeof part === 'string') &&
    command[0] !== undefined &&
    command[0] !== ''
  );
}

function toPreview(host: SelectedHost, rule: string | undefined): PreviewHostDto {
  const { id, uuid, hostname, online, draining, scriptsEnabled } = host;
  return {
    id,
    uuid,
    hostname,
    online,
    draining,
    scripts_enabled: scriptsEnabled,
    allowed: rule === undefined,
    ...(rule !== undefined && { rule }),
  };
}
