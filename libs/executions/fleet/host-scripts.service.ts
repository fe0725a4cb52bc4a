import { Injectable } from '@nestjs/common';
import { type Act, type Caller, require } from '#libs/platform/auth/index';
import { Database } from '#libs/platform/database/index';
import { notFound } from '#libs/platform/errors/index';
import { type ListOptions } from '#libs/platform/http/index';
import { HostsService, type RunnableHost } from '#libs/agents/index';
import { IN_FLIGHT_STATES, isFinal, sqlList, type TargetState, UNSENT_STATES } from '../states.js';
import { type HostScriptDto, type HostScriptListDto } from './host-scripts.dto.js';
import { metaOf } from './paging.js';
import { extensionFor } from './platforms.js';

interface Row {
  script_id: number;
  name: string;
  uuid: string | null;
  state: TargetState | null;
  exit_code: number | null;
  at: Date | null;
}

const RUN = `t.uuid, t.state, t.exit_code, coalesce(t.started_at, t.created_at) AS at`;
const NOT_PAST = sqlList([...UNSENT_STATES, ...IN_FLIGHT_STATES, 'cancelled']);

const LIST = {
  name: 'host_scripts',
  // A run that waits counts before one in flight, and that before past ones: each is looked for by an index of its own. Of the
  // past only the newest is read: as rows are compared, no index but that of (script, host, id) fits, and as the states are named
  // that it has not (NOT IN), the planner expects the first row to do and reads them in order.
  text: `
    SELECT s.id AS script_id, s.name, last.uuid, last.state, last.exit_code, last.at
    FROM (
      SELECT id, name, lower(name) AS key FROM scripts WHERE coalesce(team_id, 0) = $2 AND right(name, length($3::text)) = $3
      ORDER BY lower(name) LIMIT $4 OFFSET $5
    ) s LEFT JOIN LATERAL (
      (SELECT ${RUN} FROM targets t WHERE t.host_id = $1 AND t.lane = 'serial' AND t.state = 'queued' AND t.script_id IS NOT DISTINCT FROM s.id
       ORDER BY t.id DESC LIMIT 1)
      UNION ALL
      (SELECT ${RUN} FROM targets t WHERE t.host_id = $1 AND t.state = 'waiting_approval' AND t.script_id IS NOT DISTINCT FROM s.id ORDER BY t.id DESC LIMIT 1)
      UNION ALL
      (SELECT ${RUN} FROM targets t WHERE t.host_id = $1 AND t.lane = 'serial' AND t.state IN (${sqlList(IN_FLIGHT_STATES)})
         AND t.script_id IS NOT DISTINCT FROM s.id AND t.stop_reason IS DISTINCT FROM 'script_withdrawn' LIMIT 1)
      UNION ALL
      (SELECT ${RUN} FROM targets t
       WHERE t.script_id IS NOT NULL AND (t.script_id, t.host_id, t.id) > (s.id, $1, 0) AND (t.script_id, t.host_id, t.id) < (s.id, $1 + 1, 0)
         AND t.state NOT IN (${NOT_PAST}) AND t.stop_reason IS DISTINCT FROM 'script_withdrawn'
       ORDER BY t.script_id DESC, t.host_id DESC, t.id DESC LIMIT 1)
      LIMIT 1
    ) last ON true ORDER BY s.key`,
};

/** Saved scripts that can run on a host, and how each did there. */
@Injectable()
export class HostScriptsService {
  constructor(
    private readonly hosts: HostsService,
    private readonly database: Database,
  ) {}

  /** In order of their names. @throws DomainError forbidden, not_found */
  async list(
    caller: Caller,
    hostId: number,
    { limit, offset, page }: ListOptions,
  ): Promise<HostScriptListDto> {
    const host = await this.host(caller, 'script:read', hostId);
    const rows = await this.database.query<Row>(LIST, [
      host.id,
      host.teamId ?? 0,
      extensionFor(host.platform),
      limit + 1,
      offset,
    ]);
    return { scripts: rows.slice(0, limit).map(toDto), meta: metaOf(rows.length > limit, page) };
  }

  /** A host that the caller may do this with. @throws DomainError forbidden, not_found: what does not exist belongs to no team */
  async host(caller: Caller, act: Act, id: number): Promise<RunnableHost> {
    const host = await this.hosts.runnable(id);
    require(caller, act, host?.teamId ?? null);
    if (!host) throw notFound('Host', id);
    return host;
  }
}

function toDto({ script_id, name, uuid, state, exit_code, at }: Row): HostScriptDto {
  if (uuid === null || state === null || at === null) return { script_id, name, last_execution: null };
  const status = !isFinal(state) ? 'pending' : exit_code === 0 ? 'ran' : 'error';
  return { script_id, name, last_execution: { execution_id: uuid, executed_at: at.toISOString(), status } };
}
