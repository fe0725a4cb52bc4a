import { Injectable } from '@nestjs/common';
import { Database } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { stemOf } from '#libs/scripts/index';
import { inScope } from '../../executions.repository.js';
import { type RpcExecutionDto } from '../rpc.dto.js';
import { shellQuoted } from '../shell-quoted.js';
import { type HistoryPage } from './stretch.js';
import { passing, type RunState, toOutcome, wantedOutcomes } from './outcomes.js';

interface AnyRunRow {
  id: number;
  hostname: string | null;
  kind: string;
  script_name: string | null;
  instance_name: string | null;
  /** null: it never started. */
  outcome: number | null;
  started_ms: number;
  duration_ms: number | null;
  arguments: string[] | null;
  trigger: { type: string; setting: string } | null;
  by: string;
  stop: RpcExecutionDto['stop_trigger'] | null;
  outdated: boolean;
}

export interface AnyRunFilter {
  readonly exitCodes: readonly number[] | null;
  readonly states: readonly RunState[] | null;
  readonly hostId: number | null;
  readonly teams: readonly number[] | null;
  readonly outdated: boolean;
}

const OUTCOME = 'instance_outcome(t.state, t.reason, t.exit_code, t.signal)';
const COLUMNS = (
  outdated: string,
): string => `t.id::float8 AS id, h.hostname, e.kind, e.options->>'script_name' AS script_name, e.options->'instance'->>'name' AS instance_name,
  ${OUTCOME} AS outcome, instance_ms(coalesce(t.started_at, t.dispatched_at, t.created_at))::float8 AS started_ms, t.duration_ms::float8 AS duration_ms,
  e.options->'arguments' AS arguments, e.options->'instance'->'trigger' AS trigger, e.requested_by_email AS by, instance_stop(t) AS stop, ${outdated} AS outdated`;
const FROM = 'targets t JOIN executions e ON e.id = t.execution_id LEFT JOIN hosts h ON h.id = t.host_id';
const FROM_LOOKED =
  'targets t ON t.id = looked.id JOIN executions e ON e.id = t.execution_id LEFT JOIN hosts h ON h.id = t.host_id';
const OUTDATED = `coalesce((SELECT s.content_sha256 <> e.content_sha256 FROM scripts s
  WHERE s.id = coalesce(e.script_id, (e.options->'instance'->>'script_id')::int)), t.script_id IS NOT NULL OR t.instance_id IS NOT NULL)`;

const FIND = { name: 'rpc_run_find', text: `SELECT ${COLUMNS(OUTDATED)} FROM ${FROM} WHERE t.id = $1` };

/** Runs of every kind, from the ledger itself: scripts, commands and exec sessions beside script instances. */
@Injectable()
export class AllKindsRepository {
  /** Runs that are looked at: in the first step, and after how many it is given up. Tests make it small. */
  steps = { first: 20_000, most: 400_000 };

  constructor(private readonly database: Database) {}

  /** null when it never started, or is not there. */
  async find(id: number): Promise<RpcExecutionDto | null> {
    const [row] = await this.database.query<AnyRunRow>(FIND, [id]);
    return row && row.outcome !== null ? toExecution(row) : null;
  }

  /**
   * The highest id first. The ledger's targets have no indexes that runs of other kinds would have to write for this, so what does not pass the filter is
   * passed over one by one, in growing steps, and not for ever.
   * @throws DomainError malformed: too many runs lie there that the filter does not want
   */
  async page(filter: AnyRunFilter, { limit, id }: HistoryPage): Promise<RpcExecutionDto[]> {
    const descending = limit < 0;
    const found: AnyRunRow[] = [];
    let from: number | null = id ?? (descending ? Number.MAX_SAFE_INTEGER : 0);
    let looked = 0;
    for (let size = this.steps.first; from !== null; size *= 4) {
      const step = { descending, from, size, limit: Math.abs(limit) - found.length };
      found.push(...(await this.look(filter, step)));
      looked += size;
      if (found.length === Math.abs(limit)) break;
      from = await this.rest(filter.hostId, step);
      if (from !== null && looked >= this.steps.most)
        throw new DomainError('malformed', {
          name: 'filter',
          reason: `only ${found.length} of the ${looked} runs up to id ${from} pass it: give a host, a smaller limit, or id_exclusive ${from} to look beyond`,
        });
    }
    return (descending ? found : found.reverse()).map(toExecution);
  }

  /** Those among the next runs that pass. */
  private look(
    { exitCodes, states, hostId, teams, outdated }: AnyRunFilter,
    step: Step & { readonly limit: number },
  ): Promise<AnyRunRow[]> {
    const values: unknown[] = [];
    const parameter = (value: unknown, type: string): string => `$${values.push(value)}::${type}`;
    const next = nextTargets(hostId, step, parameter);
    const conditions = [`${OUTCOME} IS NOT NULL`];
    const wanted = passing(wantedOutcomes(exitCodes, states), parameter, OUTCOME);
    if (wanted !== null) conditions.push(wanted);
    if (teams !== null) conditions.push(inScope('t.host_id', `$${values.push(teams)}`));
    if (!outdated) conditions.push(`NOT ${OUTDATED}`);
    const text = `SELECT ${COLUMNS(OUTDATED)} FROM (${next} LIMIT ${parameter(step.size, 'int')}) looked JOIN ${FROM_LOOKED}
      WHERE ${conditions.join(' AND ')} ORDER BY looked.id ${step.descending ? 'DESC' : 'ASC'} LIMIT ${parameter(step.limit, 'int')}`;
    return this.database.query({ text }, values);
  }

  /** From where what a step did not look at begins; null: there is no more. */
  private async rest(hostId: number | null, step: Step): Promise<number | null> {
    const values: unknown[] = [];
    const parameter = (value: unknown, type: string): string => `$${values.push(value)}::${type}`;
    const next = nextTargets(hostId, step, parameter);
    const text = `SELECT id::float8 AS id FROM (${next} OFFSET ${parameter(step.size, 'int')} LIMIT 1) first`;
    const [row] = await this.database.query<{ id: number }>({ text }, values);
    return row ? row.id + (step.descending ? 1 : -1) : null;
  }
}

/** Some runs of a host, or of all, one after the other. */
interface Step {
  readonly descending: boolean;
  /** Exclusive. */
  readonly from: number;
  readonly size: number;
}

function nextTargets(
  hostId: number | null,
  { descending, from }: Step,
  parameter: (value: unknown, type: string) => string,
): string {
  const [before, direction] = descending ? ['<', 'DESC'] : ['>', 'ASC'];
  const $from = parameter(from, 'bigint');
  if (hostId === null) return `SELECT id FROM targets WHERE id ${before} ${$from} ORDER BY id ${direction}`;
  const $host = parameter(hostId, 'int');
  return `SELECT id FROM targets WHERE host_id = ${$host} AND (host_id, id) ${before} (${$host}, ${$from}) ORDER BY host_id ${direction}, id ${direction}`;
}

function toExecution(row: AnyRunRow): RpcExecutionDto {
  const { state, exitCode } = toOutcome(row.outcome ?? 0);
  return {
    id: row.id,
    ...(row.hostname !== null && { host: row.hostname }),
    kind: row.kind,
    script_name: stemOf(row.script_name ?? ''),
    instance_name: row.instance_name ?? '',
    start_timestamp: Math.floor(row.started_ms / 1_000),
    start_trigger: row.trigger ?? { type: 'manual', ...(row.by !== '' && { username: row.by }) },
    state,
    ...(row.arguments && row.arguments.length > 0 && { arguments: shellQuoted(row.arguments) }),
    ...((state === 'finished' || state === 'killed') &&
      row.duration_ms !== null && { duration: row.duration_ms }),
    ...(exitCode !== null && { exit_code: exitCode }),
    ...(row.stop && { stop_trigger: row.stop }),
    ...(row.outdated && { is_outdated: true }),
  };
}
