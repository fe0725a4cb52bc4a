import { Injectable } from '@nestjs/common';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller, require } from '#libs/platform/auth/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { notFound } from '#libs/platform/errors/index';
import { type SavedScript, ScriptsRepository } from '../scripts.repository.js';
import { aimsOf } from './instance-aims.js';
import { InstanceChanges } from './instance-changes.js';
import { checkInstanceName, type InstanceFields, settingsOf } from './instance-fields.js';
import {
  type InstanceHost,
  InstancesRepository,
  type InstanceToPut,
  type StoredInstance,
} from './instances.repository.js';

/** Script instances, one at a time. Rights are those of their script. */
@Injectable()
export class InstancesService {
  constructor(
    private readonly database: Database,
    private readonly scripts: ScriptsRepository,
    private readonly repository: InstancesRepository,
    private readonly changes: InstanceChanges,
    private readonly audit: Audit,
  ) {}

  /** In the order of their names. @throws DomainError forbidden, not_found (script) */
  async list(caller: Caller, scriptId: number): Promise<StoredInstance[]> {
    await this.readable(caller, scriptId);
    return this.repository.ofScript(scriptId);
  }

  /** @throws DomainError forbidden, not_found (script, instance) */
  async get(caller: Caller, scriptId: number, name: string): Promise<StoredInstance> {
    await this.readable(caller, scriptId);
    const instance = name.includes('\0') ? null : await this.repository.find(scriptId, name);
    if (!instance) throw notFound('ScriptInstance', name);
    return instance;
  }

  /** Of a team's scripts, or of those of no team; for whoever may read the scripts. @throws DomainError forbidden */
  ofTeam(caller: Caller, teamId: number | null): Promise<StoredInstance[]> {
    require(caller, 'script:read', teamId);
    return this.repository.ofTeam(teamId);
  }

  /** The hosts that it reaches now; for callers whose right to the script is known. */
  hostsOf(id: number): Promise<InstanceHost[]> {
    return this.repository.hostsOf(id);
  }

  /**
   * Adds it, or replaces it as a whole: what is absent has its default.
   * @throws DomainError forbidden; not_found (script); malformed (name, triggers, hosts, labels); conflict (a host's name)
   */
  async put(caller: Caller, scriptId: number, name: string, fields: InstanceFields): Promise<StoredInstance> {
    return this.database.transaction(async (tx) => {
      const script = await this.writable(tx, caller, scriptId);
      checkInstanceName(name);
      const settings = settingsOf(fields);
      const hosts = await this.repository.hostsNamed(tx, script.teamId, fields.hosts ?? []);
      const labels = await this.repository.labelsNamed(tx, fields.labels ?? []);
      const instance = { scriptId, name, ...settings, ...aimsOf(fields, hosts, labels) };
      await this.store(tx, [instance]);
      await this.record(tx, caller, 'saved_script_instance', script, name);
      const stored = await this.repository.find(scriptId, name, tx);
      if (!stored) throw new Error('an instance was not stored');
      return stored;
    });
  }

  /** What runs goes on. @throws DomainError forbidden, not_found (script, instance) */
  async remove(caller: Caller, scriptId: number, name: string): Promise<void> {
    await this.database.transaction(async (tx) => {
      const script = await this.writable(tx, caller, scriptId);
      const instance = name.includes('\0') ? null : await this.repository.find(scriptId, name, tx);
      if (!instance) throw notFound('ScriptInstance', name);
      await this.repository.remove(tx, [instance.id]);
      await this.changes.tell(tx, [instance.id]);
      await this.record(tx, caller, 'deleted_script_instance', script, name);
    });
  }

  /** The rows, and word of them; whoever calls has checked everything and holds the scripts. */
  async store(tx: Transaction, instances: readonly InstanceToPut[]): Promise<void> {
    const stored = await this.repository.put(tx, instances);
    if (stored.length > 0)
      await this.changes.tell(
        tx,
        stored.map(({ id }) => id),
      );
  }

  private async readable(caller: Caller, scriptId: number): Promise<SavedScript> {
    const script = await this.scripts.find(scriptId);
    require(caller, 'script:read', script?.teamId ?? null);
    if (!script) throw notFound('Script', scriptId);
    return script;
  }

  private async writable(tx: Transaction, caller: Caller, scriptId: number): Promise<SavedScript> {
    const script = await this.scripts.lock(tx, scriptId);
    require(caller, 'script:write', script?.teamId ?? null);
    if (!script) throw notFound('Script', scriptId);
    return script;
  }

  private async record(
    tx: Transaction,
    caller: Caller,
    act: string,
    script: SavedScript,
    name: string,
  ): Promise<void> {
    const details = { script_name: script.name, instance_name: name, team_id: script.teamId };
    await this.audit.record(tx, doneBy(caller, act, details));
  }
}
