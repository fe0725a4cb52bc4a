import { createHash } from 'node:crypto';
import { isMet } from '#libs/connections/index';
import { windowsOf } from './review-rules.js';
import { type SignableExecution } from '../statements/execution-statements.service.js';
import {
  type ReviewDto,
  type ReviewGroupDto,
  type ReviewPersonDto,
  type ReviewStatementDto,
} from './reviews.dto.js';
import { type ReviewRow, type VoteRow } from './reviews.repository.js';

/** What somebody signs, with bytes as base64. */
export function toStatementDto({
  run,
  content,
  stdin,
  hosts,
  signed,
}: SignableExecution): ReviewStatementDto {
  return {
    kind: run.kind,
    content: content.toString('base64'),
    arguments: [...(run.arguments ?? [])],
    stdin: stdin?.toString('base64') ?? null,
    env: { ...run.env },
    cwd: run.cwd ?? null,
    user: run.user ?? null,
    clean_env: run.cleanEnv === true,
    lane: run.lane ?? 'parallel',
    timeout_seconds: run.timeoutSeconds,
    hosts: [...hosts],
    statement: signed,
  };
}

/** A review in hoop's words, and with what Muster has beyond. */
export function toReviewDto(row: ReviewRow): ReviewDto {
  const [window = null] = windowsOf(row);
  const decided = row.decided_at?.toISOString() ?? null;
  return {
    id: row.id,
    session: row.execution_uuid,
    type: 'onetime',
    kind: row.kind,
    access_duration: 0,
    status: row.status,
    digest: row.digest.toString('hex'),
    hosts: row.host_count,
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
    revoke_at: row.status === 'REVOKED' ? decided : null,
    rejection_reason: row.reason === '' ? null : row.reason,
    time_window: window && { ...window, configuration: { ...window.configuration } },
    review_owner: person(row.requested_by, row.requester_name, row.requested_by_email),
    review_connection:
      row.connection_id === null ? null : { id: row.connection_id, name: row.connection_name ?? '' },
    review_groups_data: groups(row),
    requirements: row.requirements.map((requirement) => ({
      source: requirement.source,
      reviewers: [...requirement.reviewers],
      min_approvals: requirement.min_approvals,
      approvals: row.votes.filter(
        ({ approves, groups: names }) =>
          approves && names.some((name) => requirement.reviewers.includes(name)),
      ).length,
      met: isMet(requirement, row.votes),
    })),
  };
}

/** One entry for each reviewer; a person who speaks for several stands in each. */
function groups({ id, requirements, votes }: ReviewRow): ReviewGroupDto[] {
  const force = new Set(requirements.flatMap((requirement) => requirement.force));
  return [...new Set(requirements.flatMap(({ reviewers }) => reviewers))].map((group) => {
    const vote = votes.find((one) => one.groups.includes(group));
    return {
      id: idOf(id, group),
      group,
      status: statusOf(vote),
      reviewed_by: vote ? person(vote.user_id, vote.name, vote.email) : null,
      review_date: vote ? new Date(vote.at).toISOString() : null,
      forced_review: vote?.approves === true && force.has(group),
    };
  });
}

function statusOf(vote: VoteRow | undefined): ReviewGroupDto['status'] {
  if (!vote) return 'PENDING';
  return vote.approves ? 'APPROVED' : 'REJECTED';
}

function person(id: number | null, name: string | null, email: string): ReviewPersonDto {
  return { ...(id !== null && { id: String(id) }), ...(name !== null && { name }), email };
}

/** Groups have no rows of their own; hoop's clients want an id that stays. */
function idOf(reviewId: string, group: string): string {
  const hex = createHash('sha256').update(`${reviewId}\n${group}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
}
