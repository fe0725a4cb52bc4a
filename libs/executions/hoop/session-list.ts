import { DomainError } from '#libs/platform/errors/index';
import { type SessionListQueryDto } from './sessions.dto.js';

/** Which sessions are meant; null: whatever. */
export interface SessionFilter {
  /** E-mail or id. */
  readonly user: string | null;
  readonly connection: string | null;
  readonly type: string | null;
  readonly reviewStatus: string | null;
  readonly reviewApprover: string | null;
  readonly batchIds: readonly string[] | null;
  readonly correlationId: string | null;
  readonly since: Date | null;
  readonly until: Date | null;
  /** Nothing is linked to an issue. */
  readonly none: boolean;
}

export interface SessionPage {
  readonly limit: number;
  readonly offset: number;
  readonly count: 'capped' | 'exact' | 'none';
}

/** `count=capped` counts no further than this. */
export const MOST_COUNTED = 10_000;
const MOST_PER_PAGE = 100;
const PER_PAGE = 20;
const MAX_OFFSET = 10_000;
/** RFC 3339. */
const TIME = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** @throws DomainError invalid */
export function filterOf(query: SessionListQueryDto): SessionFilter {
  return {
    user: query.user || null,
    connection: query.connection || null,
    type: query.type || null,
    reviewStatus: query['review.status']?.toUpperCase() || null,
    reviewApprover: query['review.approver'] || null,
    batchIds: query.batch_id ? query.batch_id.split(',').map((id) => id.trim()) : null,
    correlationId: query.correlation_id || null,
    since: timeOf('start_date', query.start_date),
    until: timeOf('end_date', query.end_date),
    none: Boolean(query.jira_issue_key),
  };
}

/** @throws DomainError invalid */
export function pageOf({ limit, offset, count }: SessionListQueryDto): SessionPage {
  const how = count || 'capped';
  if (how !== 'capped' && how !== 'exact' && how !== 'none')
    throw invalid('count', 'count must be capped, exact or none');
  const start = whole('offset', offset, 0);
  if (start > MAX_OFFSET)
    throw invalid(
      'offset',
      `offset must be at most ${MAX_OFFSET}: narrow the list by start_date and end_date`,
    );
  const size = whole('limit', limit, PER_PAGE);
  if (size < 1) throw invalid('limit', 'limit must be at least 1');
  return { limit: Math.min(size, MOST_PER_PAGE), offset: start, count: how };
}

function timeOf(name: string, text: string | undefined): Date | null {
  if (!text) return null;
  const time = TIME.test(text) ? new Date(text) : new Date(NaN);
  if (Number.isNaN(time.getTime()))
    throw invalid(name, `${name} must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z`);
  return time;
}

function whole(name: string, text: string | undefined, byDefault: number): number {
  if (text === undefined || text === '') return byDefault;
  if (!/^\d{1,9}$/.test(text)) throw invalid(name, `${name} must be a whole number`);
  return Number(text);
}

function invalid(name: string, reason: string): DomainError {
  return new DomainError('invalid', { name, reason });
}
