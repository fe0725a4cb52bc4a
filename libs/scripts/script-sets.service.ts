import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller, require } from '#libs/platform/auth/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { TeamRemovals } from '#libs/sessions/index';
import { ContentsService, digestOfContent } from './contents.service.js';
import { ScriptChanges } from './script-changes.js';
import { checkScriptContents, refuseSecretVariables, SAVED_SCRIPT_LIMIT } from './script-contents.js';
import { checkScriptName } from './script-name.js';
import {
  type NewScript,
  type OwningTeam,
  type SavedScript,
  ScriptsRepository,
} from './scripts.repository.js';

/** Whose scripts are to be replaced: a team by id or by name; neither: no team's. */
export interface SetOwner {
  readonly teamId?: number | undefined;
  readonly teamName?: string | undefined;
}

export interface GivenScript {
  readonly name: string;
  readonly contents: Buffer;
}

/** What has to be done to make one set of scripts the other. */
interface Difference {
  readonly added: readonly NewScript[];
  readonly changed: readonly (NewScript & { readonly id: number })[];
  readonly removed: readonly SavedScript[];
  /** Those whose waiting runs would run what is no longer there. */
  readonly withdrawn: readonly number[];
}

/** All saved scripts of a team, or of no team, at once. */
@Injectable()
export class ScriptSetsService implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly repository: ScriptsRepository,
    private readonly contents: ContentsService,
    private readonly changes: ScriptChanges,
    private readonly audit: Audit,
    private readonly teamRemovals: TeamRemovals,
  ) {}

  onModuleInit(): void {
    // The scripts of a team go with it; whoever has runs of them waiting has to hear of that first.
    this.teamRemovals.listen(async (tx, teamId) => {
      const scripts = await this.repository.lockAll(tx, teamId);
      await this.changes.tell(
        tx,
        scripts.map(({ id }) => id),
      );
    });
  }

  /**
   * Afterwards the set is exactly this one: what is missing is deleted, what is the same stays as it is.
   * @param dryRun checks everything and changes nothing; a team that does not exist may be one that is yet to be made
   * @returns the set in the order of its names; nothing of a dry run
   * @throws DomainError forbidden; not_found (team); invalid, naming `scripts[i]`
   */
  replace(
    caller: Caller,
    owner: SetOwner,
    scripts: readonly GivenScript[],
    dryRun: boolean,
  ): Promise<SavedScript[]> {
    return this.database.transaction(async (tx) => {
      const wanted = owner.teamId ?? owner.teamName;
      const team = await this.team(tx, owner);
      require(caller, 'script:write', team?.id ?? null);
      if (wanted !== undefined && !team && !dryRun) throw notFound('Team', wanted);
      scripts.forEach((script, index) => check(script, `scripts[${index}]`));
      const keys = await this.keysOf(tx, scripts);
      if (dryRun) return [];
      await this.apply(tx, caller, team, scripts, keys);
      return this.repository.lockAll(tx, team?.id ?? null);
    });
  }

  private async team(tx: Transaction, { teamId, teamName }: SetOwner): Promise<OwningTeam | null> {
    if (teamId !== undefined) return this.repository.team(tx, teamId);
    return teamName === undefined ? null : this.repository.teamByName(tx, teamName);
  }

  private async keysOf(tx: Transaction, scripts: readonly GivenScript[]): Promise<string[]> {
    const keys = await this.repository.keysOf(
      tx,
      scripts.map(({ name }) => name),
    );
    const seen = new Set<string>();
    keys.forEach((key, index) => {
      if (seen.has(key))
        throw new DomainError('invalid', {
          name: `scripts[${index}]`,
          reason: `Couldn’t edit scripts. More than one script has the same file name: "${scripts[index]?.name}"`,
        });
      seen.add(key);
    });
    return keys;
  }

  private async apply(
    tx: Transaction,
    caller: Caller,
    team: OwningTeam | null,
    scripts: readonly GivenScript[],
    keys: readonly string[],
  ): Promise<void> {
    const teamId = team?.id ?? null;
    await this.repository.lockNames(tx, teamId);
    const present = await this.repository.lockAll(tx, teamId);
    const { added, changed, removed, withdrawn } = difference(present, scripts, keys);
    if (added.length + changed.length + removed.length === 0) return;
    await this.contents.putAll(
      tx,
      scripts.map(({ contents }) => contents),
    );
    if (withdrawn.length > 0) await this.changes.tell(tx, withdrawn);
    const gone = removed.map(({ id }) => id);
    if (gone.length > 0) await this.repository.remove(tx, gone);
    if (changed.length > 0) await this.repository.update(tx, changed);
    if (added.length > 0) await this.repository.insert(tx, teamId, added);
    const details = {
      team_id: teamId,
      team_name: team?.name ?? null,
      added: summary(added),
      updated: summary(changed),
      deleted: summary(removed),
    };
    await this.audit.record(tx, doneBy(caller, 'edited_script', details));
  }
}

function difference(
  present: readonly (SavedScript & { readonly key: string })[],
  scripts: readonly GivenScript[],
  keys: readonly string[],
): Difference {
  const byKey = new Map(present.map((script) => [script.key, script]));
  const added: NewScript[] = [];
  const changed: (NewScript & { id: number })[] = [];
  const withdrawn: number[] = [];
  scripts.forEach(({ name, contents }, index) => {
    const contentSha256 = digestOfContent(contents);
    const key = keys[index] ?? name;
    const old = byKey.get(key);
    byKey.delete(key);
    if (!old) added.push({ name, contentSha256 });
    else {
      const same = old.contentSha256.equals(contentSha256);
      if (!same) withdrawn.push(old.id);
      if (!same || old.name !== name) changed.push({ id: old.id, name, contentSha256 });
    }
  });
  const removed = [...byKey.values()];
  return { added, changed, removed, withdrawn: [...withdrawn, ...removed.map(({ id }) => id)] };
}

function check({ name, contents }: GivenScript, field: string): void {
  checkScriptName(name, field);
  checkScriptContents(contents, SAVED_SCRIPT_LIMIT, field);
  refuseSecretVariables(contents, field);
}

/** How many, and the first of them: a row of the record is no place for ten thousand names. */
function summary(scripts: readonly NewScript[]): { count: number; scripts: object[] } {
  const first = scripts.slice(0, 100);
  return {
    count: scripts.length,
    scripts: first.map(({ name, contentSha256 }) => ({
      script_name: name,
      content_sha256: contentSha256.toString('hex'),
    })),
  };
}
