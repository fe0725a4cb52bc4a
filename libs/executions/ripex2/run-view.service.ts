import { Injectable } from '@nestjs/common';
import { Database } from '#libs/platform/database/index';
import { stemOf, twinOf } from '#libs/scripts/index';
import { HistoryRepository } from './history/history.repository.js';
import { type LastExecutionDto, type RpcExecutionDto } from './rpc.dto.js';
import { toExecution } from './run-telling.js';

const SQL = {
  twins: {
    name: 'rpc_script_twins',
    text: `SELECT coalesce(s.team_id, 0) AS team_id, lower(s.name) AS name FROM unnest($1::int[], $2::text[]) AS g(team_id, name)
           JOIN scripts s ON coalesce(s.team_id, 0) = g.team_id AND lower(s.name) = g.name`,
  },
};

/** A script, as far as its name for people depends on it. */
interface NamedScript {
  readonly teamId: number | null;
  readonly scriptName: string;
}

/** Runs in RipEX2's words. */
@Injectable()
export class RunViewService {
  constructor(
    private readonly database: Database,
    private readonly history: HistoryRepository,
  ) {}

  /** The highest id first. */
  async executions(ids: readonly number[]): Promise<RpcExecutionDto[]> {
    return (await this.history.rows(ids)).map(toExecution);
  }

  /** How scripts are called: without the extension, where that says which one is meant. */
  async namesOf(scripts: readonly NamedScript[]): Promise<(script: NamedScript) => string> {
    const distinct = [
      ...new Map(scripts.map((one) => [`${one.teamId ?? 0} ${one.scriptName}`, one])).values(),
    ];
    const twins = await this.database.query<{ team_id: number; name: string }>(SQL.twins, [
      distinct.map(({ teamId }) => teamId ?? 0),
      distinct.map(({ scriptName }) => twinOf(scriptName)),
    ]);
    const alike = new Set(twins.map(({ team_id, name }) => `${team_id} ${name}`));
    return ({ teamId, scriptName }) =>
      alike.has(`${teamId ?? 0} ${twinOf(scriptName)}`) ? scriptName : stemOf(scriptName);
  }
}

/** What an overview tells of a run. */
export function toLast({
  id,
  host,
  start_timestamp,
  start_trigger,
  state,
  stop_trigger,
  is_outdated,
}: RpcExecutionDto): LastExecutionDto {
  return {
    id,
    ...(host !== undefined && { host }),
    start_timestamp,
    start_trigger,
    state,
    ...(stop_trigger && { stop_trigger }),
    ...(is_outdated !== undefined && { is_outdated }),
  };
}
