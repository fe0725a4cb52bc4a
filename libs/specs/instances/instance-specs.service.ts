import { Injectable } from '@nestjs/common';
import { type Caller, require } from '#libs/platform/auth/index';
import { takeTurns } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import {
  aimsOf,
  candidatesOf,
  checkInstanceName,
  InstancesRepository,
  InstancesService,
  meantBy,
  settingsOf,
  type StoredInstance,
} from '#libs/scripts/index';
import { TeamSets } from '#libs/sessions/index';
import { type SpecCall, SpecCalls } from '../spec-calls.service.js';
import { compare, lastOfEach, type SpecChange } from '../spec-change.js';
import { type InstanceSpec, type InstanceSpecDto, toInstanceSpec } from './instance-spec.js';

type Team = { readonly id: number; readonly name: string } | null;

/** Script instances as specs: a name within a script says which. */
@Injectable()
export class InstanceSpecsService {
  constructor(
    private readonly instances: InstancesService,
    private readonly repository: InstancesRepository,
    private readonly teams: TeamSets,
    private readonly calls: SpecCalls,
  ) {}

  /** @param teamId null: of scripts of no team @throws DomainError forbidden */
  async list(caller: Caller, teamId: number | null): Promise<InstanceSpecDto[]> {
    const found = await this.instances.ofTeam(caller, teamId);
    const team = teamId === null ? '' : await this.repository.teamName(teamId);
    return found.map((instance) => toStoredSpec(instance, team));
  }

  /** @param script without its ending, where that says which one is meant @throws DomainError forbidden, not_found */
  async get(caller: Caller, teamId: number | null, script: string, name: string): Promise<InstanceSpecDto> {
    const all = await this.list(caller, teamId);
    const called = all
      .filter((spec) => spec.name === name && candidatesOf(script).includes(spec.script.toLowerCase()))
      .map((spec) => ({ name: spec.script, spec }));
    const [found, other] = meantBy(script, called);
    if (!found || other) throw notFound('ScriptInstance', `${script}/${name}`);
    return found.spec;
  }

  /**
   * What is absent is reset.
   * @throws DomainError forbidden; not_found (a team); malformed (a field, a script, a host, a label); conflict (a host's name)
   */
  async apply(call: SpecCall, specs: readonly InstanceSpec[]): Promise<SpecChange[]> {
    const { tx, list } = call;
    const teams = await this.allowed(call, specs);
    const settings = specs.map((spec, index) => {
      checkInstanceName(spec.name, `${list}[${index}].name`);
      return settingsOf(spec, `${list}[${index}].`);
    });
    await takeTurns(tx, 'script_instances');
    const called = specs.flatMap(({ script }, index) =>
      candidatesOf(script).map((name) => ({ teamId: teams[index]?.id ?? 0, name, index })),
    );
    const scripts = await this.repository.scriptsNamed(tx, called);
    const labels = await this.repository.labelsNamed(
      tx,
      specs.flatMap((spec) => spec.labels ?? []),
    );
    const present = new Map<string, StoredInstance>();
    for (const teamId of new Set(teams.map((team) => team?.id ?? null)))
      for (const one of await this.repository.ofTeam(teamId, tx))
        present.set(`${one.scriptId} ${one.name}`, one);
    const hosts = new Map<number, { name: string; id: number }[]>();
    for (const teamId of new Set(teams.map((team) => team?.id ?? 0))) {
      const names = specs.flatMap((spec, index) =>
        (teams[index]?.id ?? 0) === teamId ? (spec.hosts ?? []) : [],
      );
      hosts.set(teamId, await this.repository.hostsNamed(tx, teamId || null, names));
    }
    const hostnames = await this.repository.hostnames(tx, [
      ...new Set([...hosts.values()].flat().map(({ id }) => id)),
    ]);
    const labelNames = new Map(labels.map(({ id, ownName }) => [id, ownName]));
    const wanted = specs.map((spec, index) => {
      const meant = meantBy(
        spec.script,
        scripts.filter(({ ord }) => called[ord - 1]?.index === index),
      );
      const [script] = meant;
      if (meant.length > 1)
        throw new DomainError('malformed', {
          name: `${list}[${index}].script`,
          reason: `there are ${meant.map(({ name }) => `"${name}"`).join(' and ')}: say which`,
        });
      if (!script)
        throw new DomainError('malformed', {
          name: `${list}[${index}].script`,
          reason: `no script "${spec.script}"`,
        });
      const team = teams[index] ?? null;
      const aims = aimsOf(spec, hosts.get(team?.id ?? 0) ?? [], labels, `${list}[${index}].`);
      const fields = settings[index];
      if (!fields) throw new Error('settings are as many as specs');
      return { spec, script, team, aims, fields, key: `${script.id} ${spec.name}` };
    });
    const outcome = lastOfEach(wanted).map(({ spec, script, team, aims, fields, key }) => {
      const before = present.get(key) ?? null;
      const after = toInstanceSpec(
        {
          ...fields,
          name: spec.name,
          scriptName: script.name,
          hosts: aims.hostIds.map((id) => hostnames.get(id) ?? ''),
          labels: aims.labelIds.map((id) => labelNames.get(id) ?? ''),
        },
        team?.name ?? '',
      );
      const old = before && toStoredSpec(before, team?.name ?? '');
      const compared = compare('script_instance', old, after);
      const change = { ...compared, name: `${script.name}/${spec.name}` };
      return { change, after, put: { ...fields, ...aims, scriptId: script.id, name: spec.name } };
    });
    await this.instances.store(
      tx,
      outcome.filter(({ change }) => change.change !== 'unchanged').map(({ put }) => put),
    );
    await this.calls.record(
      call,
      'applied_spec_script_instance',
      'specs',
      outcome.map(({ after }) => after),
    );
    return outcome.map(({ change }) => change);
  }

  /** The team of each spec, once the caller may change the scripts of all of them. */
  private async allowed({ tx, caller }: SpecCall, specs: readonly InstanceSpec[]): Promise<Team[]> {
    const teams = await this.teams.byNames(
      tx,
      specs.map(({ team }) => team),
    );
    for (const { team } of specs) {
      require(caller, 'script:write', teams.get(team)?.id ?? null);
      if (team !== '' && !teams.has(team)) throw notFound('Team', team);
    }
    return specs.map(({ team }) => teams.get(team) ?? null);
  }
}

function toStoredSpec(instance: StoredInstance, team: string): InstanceSpecDto {
  return toInstanceSpec(
    {
      ...instance,
      hosts: instance.hosts.map(({ hostname }) => hostname),
      labels: instance.labels.map(({ name }) => name),
    },
    team,
  );
}
