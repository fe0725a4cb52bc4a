import { type TargetRow } from '../executions.repository.js';
import { isFinal } from '../states.js';
import { type CommandItemDto } from './commands.dto.js';
import { toOutcome } from './items.js';
import {
  type JobAgentStateDto,
  type JobDataDto,
  type JobDetailDto,
  type JobEventDto,
  type JobOperationDto,
  type JobResponseDto,
  type JobStatus,
} from './jobs.dto.js';
import { type JobRow, type RetryRow } from './jobs.repository.js';

/**
 * A job as it stands in the list.
 * @param content the JSON of argv or shell line
 * @param items of the targets that count and that the caller may see
 */
export function toJob(job: JobRow, status: JobStatus, content: Buffer, items: readonly Seen[]): JobDetailDto {
  const [only] = items;
  const changes = items.map(({ item }) => item.changed);
  const error = errorOf(items.map(({ item }) => item));
  const times = items.flatMap(({ target }) => [target.dispatched_at, target.started_at, target.finished_at]);
  const updated = Math.max(job.created_at.getTime(), ...times.map((time) => time?.getTime() ?? 0));
  return {
    id: job.uuid,
    status,
    created: job.created_at.toISOString(),
    target: job.options.target ?? '',
    requested_by: job.requested_by_email,
    operation: toOperation(job, content),
    ...(items.length === 1 && only && { result: dataOf(only.item), hostname: only.item.hostname }),
    changed: changes.includes(true) ? true : changes.includes(undefined) ? null : false,
    ...(error !== undefined && { error }),
    updated_at: new Date(updated).toISOString(),
  };
}

/** A target and the item that it makes. */
export interface Seen {
  readonly target: TargetRow;
  readonly item: CommandItemDto;
}

/** What only a single job shows: each host's answer and state, and what happened when. */
export function toHistory(
  job: JobRow,
  items: readonly Seen[],
  targets: readonly TargetRow[],
  retries: readonly RetryRow[],
): Pick<JobDetailDto, 'responses' | 'agent_states' | 'timeline'> {
  const names = namesOf(targets);
  const name = (target: TargetRow): string => names.get(target.id) ?? '';
  const responses: Record<string, JobResponseDto> = {};
  const states: Record<string, JobAgentStateDto> = {};
  for (const { target, item } of items) {
    const { changed, error, reason, hostname, host_id } = item;
    const status = eventOf(target);
    states[name(target)] = {
      status,
      ...(error !== undefined && { error }),
      ...(target.duration_ms !== null && { duration: `${Number(target.duration_ms) / 1000}s` }),
    };
    if (!isFinal(target.state)) continue;
    responses[name(target)] = {
      status,
      data: dataOf(item),
      ...(changed !== undefined && { changed }),
      ...(error !== undefined && { error }),
      ...(reason !== undefined && { reason }),
      hostname,
      host_id,
    };
  }
  const events = [
    event(job.created_at, 'submitted', '', `job submitted by ${job.requested_by_email}`),
    ...targets.flatMap((target) => eventsOf(target, name(target), job.timeout_seconds)),
    ...retries.map((retry) =>
      event(retry.created_at, 'retried', '', `retried as job ${retry.uuid} by ${retry.requested_by_email}`),
    ),
  ];
  // A stable sort: what has the same time stays in the order in which it must have happened.
  events.sort((a, b) => (a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0));
  return { responses, agent_states: states, timeline: events };
}

function toOperation({ kind, options, timeout_seconds }: JobRow, content: Buffer): JobOperationDto {
  const what = JSON.parse(content.toString('utf8')) as string | string[];
  const [command = '', ...args] = typeof what === 'string' ? [what] : what;
  const { cwd, user } = options;
  return {
    type: kind === 'shell' ? 'command.shell.execute' : 'command.exec.execute',
    data: {
      command,
      ...(kind !== 'shell' && { args }),
      ...(cwd !== undefined && { cwd }),
      ...(user !== undefined && { user }),
      timeout: timeout_seconds,
    },
  };
}

function dataOf(item: CommandItemDto): JobDataDto {
  const { stdout, stderr, stdout_truncated, stderr_truncated, exit_code, duration_ms, changed } = item;
  return {
    ...(stdout !== undefined && { stdout }),
    ...(stderr !== undefined && { stderr }),
    ...(stdout_truncated !== undefined && { stdout_truncated }),
    ...(stderr_truncated !== undefined && { stderr_truncated }),
    ...(exit_code !== undefined && { exit_code }),
    ...(duration_ms !== undefined && { duration_ms }),
    ...(changed !== undefined && { changed }),
  };
}

function errorOf(items: readonly CommandItemDto[]): string | undefined {
  const failed = items.filter((item) => item.error !== undefined);
  if (items.length <= 1) return failed[0]?.error;
  return failed.length === 0
    ? undefined
    : `${failed.length} of ${items.length} hosts: ${failed[0]?.error ?? ''}`;
}

/** osapi's word for how far a host is. */
function eventOf({ state }: TargetRow): string {
  if (state === 'finished') return 'completed';
  if (state === 'cancelled') return 'skipped';
  if (isFinal(state)) return 'failed';
  if (state === 'dispatched') return 'acknowledged';
  return state === 'running' || state === 'terminating' ? 'started' : 'submitted';
}

function eventsOf(target: TargetRow, hostname: string, timeoutSeconds: number): JobEventDto[] {
  const { dispatched_at, started_at, finished_at, exit_code, signal, state } = target;
  const { error } = toOutcome(target, timeoutSeconds);
  const end = exit_code !== null ? `exit code ${exit_code}` : signal !== null ? `signal ${signal}` : state;
  return [
    ...(dispatched_at ? [event(dispatched_at, 'acknowledged', hostname, 'handed to the agent')] : []),
    ...(started_at ? [event(started_at, 'started', hostname, 'process started')] : []),
    ...(finished_at && isFinal(state) ? [event(finished_at, eventOf(target), hostname, end, error)] : []),
  ];
}

function event(at: Date, name: string, hostname: string, message: string, error?: string): JobEventDto {
  return {
    timestamp: at.toISOString(),
    event: name,
    hostname,
    message,
    ...(error !== undefined && { error }),
  };
}

/** Target id → the key that stands for its host: the hostname, made unique where two share it. */
function namesOf(targets: readonly TargetRow[]): Map<string, string> {
  const taken = new Set<string>();
  return new Map(
    targets.map((target) => {
      const plain = target.hostname ?? `#${target.host_id}`;
      const name = taken.has(plain) ? `${plain}#${target.host_id}` : plain;
      taken.add(name);
      return [target.id, name];
    }),
  );
}
