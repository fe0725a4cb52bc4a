import { isUtf8 } from 'node:buffer';
import { type ExecutionDto, type OutputChunkDto, type TargetDto } from './executions.dto.js';
import {
  type ChunkRow,
  type ExecutionRow,
  type RolloutRow,
  type TargetRow,
} from './executions.repository.js';
import { type RolloutStateDto } from './rollout/rollout.dto.js';

/** The one view of every execution. */
export function toExecutionDto(execution: ExecutionRow, targets: readonly TargetRow[]): ExecutionDto {
  const counts: Record<string, number> = {};
  for (const { state } of targets) counts[state] = (counts[state] ?? 0) + 1;
  return {
    id: execution.uuid,
    kind: execution.kind,
    requested_by: execution.requested_by_email,
    created_at: execution.created_at.toISOString(),
    expires_at: execution.expires_at?.toISOString() ?? null,
    content_sha256: execution.content_sha256.toString('hex'),
    review: execution.options.review ?? null,
    rollout: execution.rollout && toRolloutDto(execution.rollout),
    counts,
    targets: targets.map(toTargetDto),
  };
}

function toRolloutDto(row: RolloutRow): RolloutStateDto {
  const { failures, forgiven, next_at } = row;
  return {
    ...row,
    failures: failures - forgiven,
    next_at: next_at === null ? null : new Date(next_at).toISOString(),
  };
}

function toTargetDto(target: TargetRow): TargetDto {
  return {
    id: Number(target.id),
    uuid: target.uuid,
    host: { id: target.host_id, uuid: target.host_uuid ?? '', hostname: target.hostname ?? '' },
    state: target.state,
    reason: target.reason,
    message: target.message,
    exit_code: target.exit_code,
    signal: target.signal,
    started_at: target.started_at?.toISOString() ?? null,
    finished_at: target.finished_at?.toISOString() ?? null,
    duration_ms: target.duration_ms === null ? null : Number(target.duration_ms),
    stdout_bytes: Number(target.stdout_bytes),
    stderr_bytes: Number(target.stderr_bytes),
    truncated: target.dropped_bytes !== '0',
    masked: target.masked,
  };
}

/** Text where the bytes are text, base64 where they are not. */
export function toChunkDto(row: ChunkRow): OutputChunkDto {
  const text = isUtf8(row.data);
  return {
    seq: Number(row.seq),
    target_id: Number(row.target_id),
    stream: row.stream,
    at: row.at.toISOString(),
    encoding: text ? 'utf8' : 'base64',
    data: row.data.toString(text ? 'utf8' : 'base64'),
    ...(row.dropped_before !== null && { dropped_before: Number(row.dropped_before) }),
  };
}
