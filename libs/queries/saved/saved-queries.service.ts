import { Injectable } from '@nestjs/common';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller, require } from '#libs/platform/auth/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { type ListOptions } from '#libs/platform/http/index';
import { StandingWorkChanges } from '../standing-work-changes.js';
import { checkQueryFields, QUERY_DEFAULTS, type QueryFields, spoilsReports } from './query-fields.js';
import { SavedQueriesRepository, type SavedQueryRow } from './saved-queries.repository.js';

/** SQL that somebody asks once. */
export interface UnsavedQuery {
  readonly sql: string;
  readonly userId: number;
  readonly name: string;
}

/** Which queries a list shows. */
export interface QueryScope {
  /** null: those of no team. */
  readonly teamId: number | null;
  /** Those of no team beside those of the team. */
  readonly inherited: boolean;
}

/** One page, and how many there are on all pages. */
export interface QueryPage {
  readonly queries: readonly SavedQueryRow[];
  readonly more: boolean;
  readonly count: number;
  /** How many of them belong to no team, where a team's were asked for. */
  readonly inherited: number;
}

/** Queries under a name. One that is not there is asked for as if it belonged to no team. */
@Injectable()
export class SavedQueriesService {
  constructor(
    private readonly database: Database,
    private readonly queries: SavedQueriesRepository,
    private readonly audit: Audit,
    private readonly changes: StandingWorkChanges,
  ) {}

  /** Saved or not; null when there is none. For campaigns, which ask for rights of their own. */
  find(id: number): Promise<SavedQueryRow | null> {
    return this.queries.find(id);
  }

  /** For a campaign of new SQL. @returns its id */
  addUnsaved(tx: Transaction, { sql, userId, name }: UnsavedQuery): Promise<number> {
    return this.queries.insertUnsaved(tx, userId, name, sql);
  }

  /**
   * Of what is saved; a team that does not exist has none.
   * @throws DomainError forbidden
   */
  async list(caller: Caller, { teamId, inherited }: QueryScope, options: ListOptions): Promise<QueryPage> {
    require(caller, 'query:read', teamId);
    const both = inherited && teamId !== null;
    if (both) require(caller, 'query:read', null);
    const teams = both ? [teamId, 0] : [teamId ?? 0];
    const [page, count] = await Promise.all([
      this.queries.page(teams, { ...options, limit: options.limit + 1 }),
      this.queries.count(teams, options),
    ]);
    return {
      queries: page.slice(0, options.limit),
      more: page.length > options.limit,
      count: count.all,
      inherited: both ? count.ofNoTeam : 0,
    };
  }

  /** @throws DomainError forbidden, not_found */
  async get(caller: Caller, id: number, tx?: Transaction): Promise<SavedQueryRow> {
    const query = await this.queries.find(id, tx);
    require(caller, 'query:read', query?.teamId ?? null);
    if (!query) throw notFound('Query', id);
    return query;
  }

  /**
   * @param given what is absent is as in `QUERY_DEFAULTS`
   * @throws DomainError forbidden; not_found (the team); invalid; already_exists
   */
  async create(caller: Caller, teamId: number | null, given: Partial<QueryFields>): Promise<SavedQueryRow> {
    require(caller, 'query:write', teamId);
    const fields = checkQueryFields({ ...QUERY_DEFAULTS, name: '', query: '', ...given });
    return this.database.transaction(async (tx) => {
      if (teamId !== null && !(await this.queries.teamExists(tx, teamId))) throw notFound('Team', teamId);
      const id = await this.queries.insert(tx, teamId, caller.userId, fields);
      await this.changes.tell(tx, { queries: [id] });
      await this.record(tx, caller, 'created_saved_query', { id, name: fields.name, teamId });
      return this.get(caller, id, tx);
    });
  }

  /**
   * @param given what is absent stays as it is
   * @param teamId where the caller takes it to belong; 0: to no team; absent: wherever it belongs
   * @throws DomainError forbidden; not_found; invalid; already_exists
   */
  async modify(
    caller: Caller,
    id: number,
    given: Partial<QueryFields>,
    teamId?: number | null,
  ): Promise<SavedQueryRow> {
    return this.database.transaction(async (tx) => {
      const before = await this.lockedOne(tx, caller, id);
      if (typeof teamId === 'number' && teamId !== (before.teamId ?? 0))
        throw new DomainError('invalid', {
          name: 'team_id',
          reason: 'the team of a query cannot be changed: make a new query in the other team',
        });
      const fields = checkQueryFields({ ...before, ...given });
      await this.queries.update(tx, id, fields);
      if (spoilsReports(before, fields)) await this.queries.dropReports(tx, [id]);
      await this.changes.tell(tx, { queries: [id] });
      await this.record(tx, caller, 'edited_saved_query', { ...before, name: fields.name });
      return this.get(caller, id, tx);
    });
  }

  /** @throws DomainError forbidden, not_found */
  async remove(caller: Caller, id: number): Promise<void> {
    await this.database.transaction((tx) => this.drop(tx, caller, id));
  }

  /**
   * By its name, whatever the case, among those of the team or of none.
   * @throws DomainError forbidden, not_found
   */
  async removeNamed(caller: Caller, teamId: number | null, name: string): Promise<void> {
    require(caller, 'query:write', teamId);
    await this.database.transaction(async (tx) => {
      const id = name.includes('\0') ? null : await this.queries.idOf(tx, teamId, name);
      if (id === null) throw notFound('Query', name);
      await this.drop(tx, caller, id);
    });
  }

  /**
   * All of them, or none.
   * @returns how many there were
   * @throws DomainError forbidden, not_found
   */
  async removeAll(caller: Caller, given: readonly number[]): Promise<number> {
    const ids = [...new Set(given)];
    if (ids.length === 0) throw new DomainError('invalid', { name: 'ids', reason: 'ids cannot be empty' });
    return this.database.transaction(async (tx) => {
      const queries = await this.locked(tx, caller, ids);
      await this.changes.tell(tx, { queries: ids });
      await this.queries.remove(tx, ids);
      const details = { query_ids: ids, query_names: queries.map(({ name }) => name) };
      await this.audit.record(tx, doneBy(caller, 'deleted_multiple_saved_query', details));
      return queries.length;
    });
  }

  private async drop(tx: Transaction, caller: Caller, id: number): Promise<void> {
    const query = await this.lockedOne(tx, caller, id);
    await this.changes.tell(tx, { queries: [id] });
    await this.queries.remove(tx, [id]);
    await this.record(tx, caller, 'deleted_saved_query', query);
  }

  private async lockedOne(tx: Transaction, caller: Caller, id: number): Promise<SavedQueryRow> {
    const [query] = await this.locked(tx, caller, [id]);
    if (!query) throw notFound('Query', id);
    return query;
  }

  /** For a change of every one of them. */
  private async locked(tx: Transaction, caller: Caller, ids: readonly number[]): Promise<SavedQueryRow[]> {
    const queries = await this.queries.lock(tx, ids);
    for (const { teamId } of queries) require(caller, 'query:write', teamId);
    const found = new Set(queries.map(({ id }) => id));
    const missing = ids.find((id) => !found.has(id));
    if (missing === undefined) return queries;
    require(caller, 'query:write', null);
    throw notFound('Query', missing);
  }

  private async record(
    tx: Transaction,
    caller: Caller,
    act: string,
    { id, name, teamId }: Pick<SavedQueryRow, 'id' | 'name' | 'teamId'>,
  ): Promise<void> {
    await this.audit.record(tx, doneBy(caller, act, { query_id: id, query_name: name, team_id: teamId }));
  }
}
