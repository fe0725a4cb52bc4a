import { Injectable } from '@nestjs/common';
import { type Caller } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { AllKindsRepository } from './history/all-kinds.repository.js';
import { type HistoryFilter, HistoryRepository } from './history/history.repository.js';
import { type ExecutionsParams } from './rpc-params.js';
import { RpcScopeService } from './rpc-scope.service.js';
import { executionsJson } from './run-telling.js';

/** `script_execution_get`. */
@Injectable()
export class RunHistoryService {
  constructor(
    private readonly scope: RpcScopeService,
    private readonly history: HistoryRepository,
    private readonly allKinds: AllKindsRepository,
  ) {}

  /** @returns the answer as JSON @throws DomainError as `RpcScopeService` */
  async list(
    caller: Caller,
    { filter, pagination, host, team_id, include_all_kinds }: ExecutionsParams,
  ): Promise<Buffer> {
    const { host: only, teams } = await this.scope.reading(caller, host);
    const { exit_codes, include_outdated, instances, states } = filter ?? {};
    const page = { limit: pagination.limit, id: pagination.id_exclusive ?? null };
    const wanted = {
      exitCodes: exit_codes ?? null,
      states: states ?? null,
      hostId: only?.id ?? null,
      teams: only ? null : teams,
    };
    if (include_all_kinds) {
      if (instances)
        throw new DomainError('malformed', {
          name: 'include_all_kinds',
          reason: 'runs of other kinds are of no instance: give instances or include_all_kinds',
        });
      const executions = await this.allKinds.page({ ...wanted, outdated: include_outdated ?? false }, page);
      return Buffer.from(JSON.stringify({ executions }));
    }
    let series: HistoryFilter['series'] = include_outdated ? null : 'current';
    if (instances) {
      series = await this.scope.series(caller, instances, {
        teamId: team_id ?? 0,
        outdated: include_outdated ?? false,
      });
    }
    return executionsJson(await this.history.page({ ...wanted, series }, page));
  }
}
