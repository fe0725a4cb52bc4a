import { Injectable } from '@nestjs/common';
import { type Caller, may } from '#libs/platform/auth/index';
import { Database } from '#libs/platform/database/index';
import { InstancesRepository } from '#libs/scripts/index';
import { HistoryRepository } from './history/history.repository.js';
import { type Reach } from './history/series.js';
import { type OverviewParams } from './rpc-params.js';
import { type RpcOverviewDto, type RpcScriptDto } from './rpc.dto.js';
import { RpcScopeService } from './rpc-scope.service.js';
import { RunViewService, toLast } from './run-view.service.js';

const SQL = {
  scripts: {
    name: 'rpc_scripts_of_team',
    text: `SELECT name AS "scriptName", team_id AS "teamId" FROM scripts WHERE coalesce(team_id, 0) = $1 ORDER BY coalesce(team_id, 0), lower(name)`,
  },
  // Of each instance the newest run, among all its contents.
  last: {
    name: 'rpc_last_runs',
    text: `SELECT s.instance_id, max(r.id)::float8 AS id FROM instance_series s CROSS JOIN LATERAL (
             SELECT id FROM instance_runs WHERE (series_id, id) > (s.id, 0::bigint) AND (series_id, id) <= (s.id, 9223372036854775807)
             ORDER BY series_id DESC, id DESC LIMIT 1) r
           WHERE s.instance_id = ANY($1::int[]) GROUP BY s.instance_id`,
  },
  series: {
    name: 'rpc_series_of_instances',
    text: `SELECT instance_id, json_agg(json_build_object('id', id, 'first', first_run, 'last', last_run)) AS reach
           FROM instance_series WHERE instance_id = ANY($1::int[]) GROUP BY instance_id`,
  },
};

/** `script_overview_get`. */
@Injectable()
export class OverviewService {
  constructor(
    private readonly database: Database,
    private readonly scope: RpcScopeService,
    private readonly instances: InstancesRepository,
    private readonly history: HistoryRepository,
    private readonly view: RunViewService,
  ) {}

  /** @throws DomainError as `RpcScopeService.reading` */
  async get(caller: Caller, { host, team_id }: OverviewParams): Promise<RpcOverviewDto> {
    const { host: only, teams } = await this.scope.reading(caller, host);
    // The scripts that a host may have are those of its team.
    const teamId = only ? only.teamId : team_id || null;
    if (!may(caller, 'execution:read', teamId)) return { scripts: [] };
    const [scripts, all] = await Promise.all([
      this.database.query<{ scriptName: string; teamId: number | null }>(SQL.scripts, [teamId ?? 0]),
      this.instances.ofTeam(teamId),
    ]);
    const there = only && new Set(await this.instances.onHost(only.id));
    const instances = there ? all.filter(({ id }) => there.has(id)) : all;
    const last = await this.lastRuns(
      instances.map(({ id }) => id),
      only?.id ?? null,
      only ? null : teams,
    );
    const runs = await this.view.executions([...last.values()]);
    const byRun = new Map(runs.map((run) => [run.id, run]));
    const nameOf = await this.view.namesOf(scripts);
    return {
      scripts: scripts
        .map((script): RpcScriptDto => ({
          name: nameOf(script),
          instances: instances
            .filter(({ scriptName }) => scriptName === script.scriptName)
            .map(({ id, name }) => {
              const run = byRun.get(last.get(id) ?? 0);
              return { name, ...(run && { last_execution: toLast(run) }) };
            }),
        }))
        .filter((script) => only === null || script.instances.length > 0),
    };
  }

  /** Id of an instance → id of its newest run. */
  private async lastRuns(
    instanceIds: readonly number[],
    hostId: number | null,
    teams: readonly number[] | null,
  ): Promise<ReadonlyMap<number, number>> {
    if (instanceIds.length === 0) return new Map();
    if (hostId === null && teams === null) {
      const rows = await this.database.query<{ instance_id: number; id: number }>(SQL.last, [instanceIds]);
      return new Map(rows.map(({ instance_id, id }) => [instance_id, id]));
    }
    const rows = await this.database.query<{ instance_id: number; reach: Reach[] }>(SQL.series, [
      instanceIds,
    ]);
    const found = await Promise.all(
      rows.map(
        async ({ instance_id, reach }) =>
          [instance_id, await this.history.last(reach, hostId, teams)] as const,
      ),
    );
    return new Map(found.flatMap(([id, run]) => (run === null ? [] : [[id, run] as const])));
  }
}
