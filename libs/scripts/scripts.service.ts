import { Injectable } from '@nestjs/common';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller, require } from '#libs/platform/auth/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { ContentsService, digestOfContent } from './contents.service.js';
import { ScriptChanges } from './script-changes.js';
import { checkScriptContents, refuseSecretVariables, SAVED_SCRIPT_LIMIT } from './script-contents.js';
import { checkScriptName } from './script-name.js';
import { type SavedScript, ScriptsRepository } from './scripts.repository.js';

/** Saved scripts, one at a time. */
@Injectable()
export class ScriptsService {
  constructor(
    private readonly database: Database,
    private readonly repository: ScriptsRepository,
    private readonly contents: ContentsService,
    private readonly changes: ScriptChanges,
    private readonly audit: Audit,
  ) {}

  /** null when there is none. */
  find(id: number): Promise<SavedScript | null> {
    return this.repository.find(id);
  }

  /** By its name (whatever the case) within the team, or within no team; null when there is none. */
  findByName(teamId: number | null, name: string): Promise<SavedScript | null> {
    return this.repository.findByName(teamId, name);
  }

  /** @throws DomainError forbidden, not_found */
  async get(caller: Caller, id: number): Promise<SavedScript> {
    const script = await this.repository.find(id);
    require(caller, 'script:read', script?.teamId ?? null);
    if (!script) throw notFound('Script', id);
    return script;
  }

  /** The bytes that it stands for now. */
  contentsOf(script: SavedScript): Promise<Buffer> {
    return this.contents.get(script.contentSha256);
  }

  /**
   * In the order of their names; a team that does not exist has none.
   * @throws DomainError forbidden
   */
  async list(
    caller: Caller,
    teamId: number | null,
    { limit, offset }: { limit: number; offset: number },
  ): Promise<{ scripts: SavedScript[]; more: boolean }> {
    require(caller, 'script:read', teamId);
    const scripts = await this.repository.page(teamId, limit + 1, offset);
    return { scripts: scripts.slice(0, limit), more: scripts.length > limit };
  }

  /**
   * @returns its id
   * @throws DomainError forbidden; invalid (name, contents); invalid_unknown (team); invalid_conflict (name)
   */
  add(caller: Caller, teamId: number | null, name: string, bytes: Buffer): Promise<number> {
    require(caller, 'script:write', teamId);
    checkScriptName(name, 'script');
    checkContents(bytes);
    return this.database.transaction(async (tx) => {
      const team = teamId === null ? null : await this.repository.team(tx, teamId);
      if (teamId !== null && !team)
        throw new DomainError('invalid_unknown', { name: 'team_id', reason: 'The team does not exist.' });
      await this.repository.lockNames(tx, teamId);
      const contentSha256 = await this.contents.put(tx, bytes);
      const [id] = await this.repository.insert(tx, teamId, [{ name, contentSha256 }]);
      if (id === undefined)
        throw new DomainError('invalid_conflict', {
          name: 'script',
          reason: 'A script with this name already exists.',
        });
      const teamName = team?.name ?? null;
      await this.record(tx, caller, 'added_script', { name, teamId, teamName, contentSha256 });
      return id;
    });
  }

  /**
   * Other contents under the same name; runs of the old ones that wait are withdrawn. Equal contents change nothing.
   * @throws DomainError forbidden, not_found, invalid
   */
  async replace(caller: Caller, id: number, bytes: Buffer): Promise<void> {
    await this.database.transaction(async (tx) => {
      const script = await this.lock(tx, caller, id);
      checkContents(bytes);
      const contentSha256 = digestOfContent(bytes);
      if (contentSha256.equals(script.contentSha256)) return;
      await this.contents.put(tx, bytes);
      await this.repository.update(tx, [{ id, name: script.name, contentSha256 }]);
      await this.changes.tell(tx, [id]);
      await this.record(tx, caller, 'updated_script', { ...script, contentSha256 });
    });
  }

  /**
   * Its name is gone, and its runs that wait; what ran stays readable.
   * @throws DomainError forbidden, not_found
   */
  async remove(caller: Caller, id: number): Promise<void> {
    await this.database.transaction(async (tx) => {
      const script = await this.lock(tx, caller, id);
      // First: executions forget which script they are of when it goes.
      await this.changes.tell(tx, [id]);
      await this.repository.remove(tx, [id]);
      await this.record(tx, caller, 'deleted_script', script);
    });
  }

  private async lock(
    tx: Transaction,
    caller: Caller,
    id: number,
  ): Promise<SavedScript & { readonly teamName: string | null }> {
    const script = await this.repository.lock(tx, id);
    require(caller, 'script:write', script?.teamId ?? null);
    if (!script) throw notFound('Script', id);
    return script;
  }

  private async record(
    tx: Transaction,
    caller: Caller,
    act: string,
    script: Pick<SavedScript, 'name' | 'teamId' | 'contentSha256'> & { readonly teamName: string | null },
  ): Promise<void> {
    const details = {
      script_name: script.name,
      team_id: script.teamId,
      team_name: script.teamName,
      content_sha256: script.contentSha256.toString('hex'),
    };
    await this.audit.record(tx, doneBy(caller, act, details));
  }
}

function checkContents(bytes: Buffer): void {
  checkScriptContents(bytes, SAVED_SCRIPT_LIMIT, 'script');
  refuseSecretVariables(bytes, 'script');
}
