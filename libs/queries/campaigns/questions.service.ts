import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { type Caller, may, maySomewhere, teamsWhere } from '#libs/platform/auth/index';
import { type Transaction } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import {
  type KeptStatement,
  type Selection,
  type SignedStatementDto,
  StatementsService,
  TargetsService,
} from '#libs/agents/index';
import { type SavedQueryRow } from '../saved/saved-queries.repository.js';
import { SavedQueriesService } from '../saved/saved-queries.service.js';

/** What may be bounded; each has a default. */
export interface CampaignLimits {
  /** Seconds that the campaign stays open: hosts that come back within it still answer. */
  readonly open_seconds: number;
  /** Seconds that the query may take on a host. */
  readonly host_seconds: number;
  /** Rows that a host may answer. */
  readonly host_rows: number;
  /** Hosts that may be targeted; more are refused. null: any number. */
  readonly hosts: number | null;
}

export const DEFAULT_LIMITS: CampaignLimits = {
  open_seconds: 24 * 3600,
  host_seconds: 60,
  host_rows: 100_000,
  hosts: null,
};

/** One live query, asked for. */
export interface CampaignRequest {
  readonly query?: string | null | undefined;
  readonly queryId?: number | null | undefined;
  /** Ids of hosts, labels and teams; a function where names have to be looked up first, which comes after other checks. */
  readonly selected: Selection | (() => Promise<Selection>);
  readonly aggregate?: string | null | undefined;
  readonly limits?: Partial<CampaignLimits>;
  /** What people have signed of it. */
  readonly statement?: SignedStatementDto | null | undefined;
}

type RunAct = 'live_query:run' | 'live_query:run_new' | 'live_query:run_saved';

/** What is asked, of which hosts. */
export interface Question {
  readonly saved: SavedQueryRow | null;
  readonly sql: string;
  /** Host ids, ascending: those meant, as far as the caller may ask them this. */
  readonly targets: number[];
}

/** Reads what somebody wants to know, and of whom they may ask it (`reference/fleet.md`, 6.2 and 6.3). */
@Injectable()
export class QuestionsService {
  constructor(
    private readonly queries: SavedQueriesService,
    private readonly targets: TargetsService,
    private readonly statements: StatementsService,
  ) {}

  /** @throws DomainError invalid (`query`); not_found; forbidden; malformed (unknown labels) */
  async read(caller: Caller, request: CampaignRequest): Promise<Question> {
    const { saved, sql, act } = await this.sqlOf(caller, request);
    const selected = typeof request.selected === 'function' ? await request.selected() : request.selected;
    checkTeams(caller, act, selected.teams);
    return { saved, sql, targets: await this.targets.resolve(selected, teamsWhere(caller, act)) };
  }

  /** What people have signed of it, when it fits. @throws DomainError invalid (`statement`) */
  async signed(
    { sql, targets }: Question,
    statement: SignedStatementDto | null | undefined,
    { host_seconds }: CampaignLimits,
  ): Promise<KeptStatement | null> {
    if (!statement) return null;
    const contentSha256 = createHash('sha256').update(sql).digest('hex');
    const run = { kind: 'query', contentSha256, timeoutSeconds: host_seconds } as const;
    return this.statements.accept(statement, { run, hostIds: targets });
  }

  /** Of the saved query, or of a new unsaved one. */
  async queryId(tx: Transaction, caller: Caller, { saved, sql }: Question): Promise<number> {
    const { userId } = caller;
    return saved?.id ?? (await this.queries.addUnsaved(tx, { sql, userId, name: unsavedName(caller) }));
  }

  private async sqlOf(
    caller: Caller,
    { query, queryId }: CampaignRequest,
  ): Promise<{ saved: SavedQueryRow | null; sql: string; act: RunAct }> {
    const sql = query?.trim() ?? '';
    if (queryId === null || queryId === undefined) {
      if (sql === '')
        throw new DomainError('invalid', {
          name: 'query',
          reason: 'one of query or query_id must be specified',
        });
      if (sql.includes('\0'))
        throw new DomainError('invalid', { name: 'query', reason: 'must not contain a NUL character' });
      if (!maySomewhere(caller, 'live_query:run_new')) throw new DomainError('forbidden', 'forbidden');
      return { saved: null, sql, act: 'live_query:run_new' };
    }
    const saved = await this.queries.find(queryId);
    if (!saved) throw notFound('Query', queryId);
    const act = saved.observerCanRun ? 'live_query:run' : 'live_query:run_saved';
    const allowed = saved.teamId === null ? maySomewhere(caller, act) : may(caller, act, saved.teamId);
    if (!allowed) throw new DomainError('forbidden', 'forbidden');
    return { saved, sql: saved.query, act };
  }
}

/** A holder of team roles needs the role on every team that they name; hosts of no team are never theirs. */
function checkTeams(caller: Caller, act: RunAct, teams: readonly number[]): void {
  if (!teams.every((id) => may(caller, act, id === 0 ? null : id)))
    throw new DomainError('forbidden', 'forbidden');
}

/** Fleet's name for SQL that was not saved; nothing keeps it from being given twice. */
function unsavedName({ email }: Caller): string {
  return `distributed_${email}_${BigInt(Date.now()) * 1_000_000n}`;
}
