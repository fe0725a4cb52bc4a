import { Injectable } from '@nestjs/common';
import { Database } from '#libs/platform/database/index';
import { isUuid } from '#libs/platform/http/index';

/** Where a connection runs: a text, and the team whose hosts alone are meant (null: any). */
export interface AgentReference {
  readonly agent: string;
  readonly teamId: number | null;
}

/** Hosts that a reference means, as far as that can be said without running anything. */
export interface AgentState {
  readonly hosts: number;
  readonly online: boolean;
}

const LABEL = /^([A-Za-z0-9_-]{1,64}):([A-Za-z0-9_.-]{1,256})$/;
const NAME = /^[\p{L}\p{N}_.-]{1,255}$/u;

const COUNTS = 'count(h.id)::int AS hosts, coalesce(bool_or(h.online), false) AS online';
const SQL = {
  named: {
    name: 'connection_agents_named',
    text: `SELECT r.n, ${COUNTS} FROM unnest($1::int[], $2::text[], $3::uuid[], $4::int[]) AS r(n, agent, uuid, team)
           LEFT JOIN LATERAL (SELECT id, online, team_id FROM hosts WHERE hostname = r.agent
             UNION SELECT id, online, team_id FROM hosts WHERE uuid = r.uuid) h ON r.team IS NULL OR h.team_id = r.team
           GROUP BY r.n`,
  },
  // One pass over the hosts for all of them; a value reaches all under it: `web` also `web.dev`.
  labelled: {
    name: 'connection_agents_labelled',
    text: `SELECT r.n, ${COUNTS} FROM hosts h JOIN unnest($1::int[], $2::text[], $3::text[], $4::int[]) AS r(n, key, value, team)
             ON (h.labels->>r.key = r.value OR starts_with(h.labels->>r.key, r.value || '.')) AND (r.team IS NULL OR h.team_id = r.team)
           GROUP BY r.n`,
  },
};

interface Counted extends AgentState {
  readonly n: number;
}

/** What is known of the hosts that connections name. */
@Injectable()
export class ConnectionAgents {
  constructor(private readonly database: Database) {}

  /** In the same order, in two statements for any number; null: a selector, which is asked for when something runs. */
  async states(references: readonly AgentReference[]): Promise<(AgentState | null)[]> {
    const numbered = references.map(({ agent, teamId }, n) => ({ n, agent: agent.trim(), teamId }));
    const labels = numbered.flatMap((reference) => {
      const [, key, value] = LABEL.exec(reference.agent) ?? [];
      return key === undefined || value === undefined ? [] : [{ ...reference, key, value }];
    });
    const names = numbered.filter(({ agent }) => NAME.test(agent));
    const counted = await Promise.all([
      this.count(SQL.named, names, [
        names.map(({ n }) => n),
        names.map(({ agent }) => agent),
        names.map(({ agent }) => uuidIn(agent)),
        names.map(({ teamId }) => teamId),
      ]),
      this.count(SQL.labelled, labels, [
        labels.map(({ n }) => n),
        labels.map(({ key }) => key),
        labels.map(({ value }) => value),
        labels.map(({ teamId }) => teamId),
      ]),
    ]);
    const states = new Map(counted.flat().map(({ n, hosts, online }) => [n, { hosts, online }]));
    const asked = new Set([...names, ...labels].map(({ n }) => n));
    return numbered.map(({ n }) => states.get(n) ?? (asked.has(n) ? { hosts: 0, online: false } : null));
  }

  private count(
    statement: { name: string; text: string },
    asked: readonly unknown[],
    values: readonly unknown[],
  ): Promise<Counted[]> {
    return asked.length === 0 ? Promise.resolve([]) : this.database.query<Counted>(statement, values);
  }
}

/** Also a machine id, which has no dashes. */
function uuidIn(agent: string): string | null {
  return isUuid(agent) || /^[0-9a-f]{32}$/i.test(agent) ? agent : null;
}
