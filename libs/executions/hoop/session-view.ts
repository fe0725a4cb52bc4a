import { toReviewDto } from '../approvals/review-view.js';
import { type ReviewRow } from '../approvals/reviews.repository.js';
import { type TargetRow } from '../executions.repository.js';
import { isFinal, type TargetState } from '../states.js';
import { type SessionRow } from './exec-sessions.repository.js';
import { toOutcome } from './session-outcome.js';
import { type ExecSessionDto, type SessionStatus } from './sessions.dto.js';

/** There is one organization. */
const ORGANIZATION = '00000000-0000-0000-0000-000000000000';

/** hoop's session (`reference/hoop.md`, 5.1), without script and events. */
export function toSessionDto(row: SessionRow, target: TargetRow, review?: ReviewRow): ExecSessionDto {
  const over = isFinal(target.state);
  const written = Number(target.stdout_bytes) + Number(target.stderr_bytes);
  const size = (row.script_size ?? 0) + written;
  const outcome = toOutcome(target, row.timeout_seconds);
  return {
    id: row.uuid,
    org_id: ORGANIZATION,
    script: { data: '' },
    script_size: row.script_size ?? 0,
    labels: { ...row.labels },
    integrations_metadata: {},
    metadata: { ...row.metadata },
    metrics: { data_masking: target.masked ?? {}, event_size: size },
    user: row.requested_by_email,
    user_id: String(row.requested_by ?? ''),
    user_name: row.user_name ?? row.requested_by_email,
    type: row.connection_type,
    connection_subtype: row.connection_subtype,
    connection: row.connection_name,
    resource_name: row.connection.resource_name,
    role_name: row.connection_name,
    connection_tags: { ...row.connection.tags },
    review: review ? toReviewDto(review) : null,
    verb: row.verb,
    status: statusOf(target.state),
    exit_code: over ? outcome.exitCode : null,
    event_stream: [],
    event_size: size,
    session_batch_id: row.batch_id,
    correlation_id: row.correlation_id,
    start_date: row.created_at.toISOString(),
    end_date: target.finished_at?.toISOString() ?? null,
    ai_analysis: null,
    guardrails_info: [],
    identity_type: row.api_token_id === null ? 'user' : 'machine',
    machine_identity_id: row.api_token_id === null ? null : String(row.api_token_id),
    client_args: [...row.client_args],
    state: target.state,
    reason: target.reason,
    message: outcome.closing || target.message,
    agent: target.hostname ?? '',
    execution_time: target.duration_ms === null ? null : Number(target.duration_ms),
    timeout: row.timeout_seconds,
    output_removed_at: row.output_removed_at?.toISOString() ?? null,
  };
}

function statusOf(state: TargetState): SessionStatus {
  if (state === 'ready') return 'ready';
  return isFinal(state) ? 'done' : 'open';
}
