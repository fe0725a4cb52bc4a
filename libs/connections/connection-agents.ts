import { Injectable } from '@nestjs/common';
import { SelectorsService } from '#libs/agents/index';
import { Database } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { isUuid } from '#libs/platform/http/index';

/** Where a connection runs: a text, and the team whose hosts alone are meant (null: any). */
export interface AgentReference {
  readonly agent: string;
  readonly teamId: number | null;
}

/** Hosts that a reference means at this moment. */
export interface AgentState {
  readonly hosts: number;
  readonly online: boolean;
}

const NONE: AgentState = { hosts: 0, online: false };

/** Selectors of one answer that are looked into: each is a search over the hosts. */
const MOST_SELECTORS = 20;

const LABEL = /^[A-Za-z0-9_-]{1,64}:[A-Za-z0-9_.-]{1,256}$/;
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
  // A value reaches all under it: `web` also `web.dev`.
  labelled: {
    name: 'connection_agents_labelled',
    text: `SELECT r.n, ${COUNTS} FROM unnest($1::int[], $2::text[], $3::int[]) AS r(n, label, team)
           LEFT JOIN LATERAL (SELECT id, online, team_id FROM hosts WHERE agent_label_paths(labels) @> ARRAY[r.label]) h
             ON r.team IS NULL OR h.team_id = r.team
           GROUP BY r.n`,
  },
};

interface Numbered extends AgentReference {
  readonly n: number;
}

/** What is known of the hosts that connections name. */
@Injectable()
export class ConnectionAgents {
  constructor(
    private readonly database: Database,
    private readonly selectors: SelectorsService,
  ) {}

  /** In the same order; names and labels in two statements for any number of them; null: it was not looked into. */
  async states(references: readonly AgentReference[]): Promise<(AgentState | null)[]> {
    const numbered = references.map(({ agent, teamId }, n) => ({ n, agent: agent.trim(), teamId }));
    const labels = numbered.filter(({ agent }) => LABEL.test(agent));
    const names = numbered.filter(({ agent }) => NAME.test(agent));
    const others = numbered.filter(({ agent }) => !LABEL.test(agent) && !NAME.test(agent));
    const found = await Promise.all([this.named(names), this.labelled(labels), this.selected(others)]);
    const states = new Map(found.flat());
    return numbered.map(({ n }) => states.get(n) ?? null);
  }

  /** @throws DomainError invalid: it cannot be read as a selector */
  async check({ agent, teamId }: AgentReference): Promise<void> {
    try {
      await this.selectors.resolve(agent, teamId === null ? null : [teamId]);
    } catch (error) {
      // Hosts may come later, and names become clear.
      if (!(error instanceof DomainError) || error.code !== 'malformed') throwUnlessDomain(error);
      else throw new DomainError('invalid', { name: 'agent_id', reason: `agent_id: ${error.message}` });
    }
  }

  private async named(references: readonly Numbered[]): Promise<[number, AgentState][]> {
    const values = [
      references.map(({ n }) => n),
      references.map(({ agent }) => agent),
      references.map(({ agent }) => uuidIn(agent)),
      references.map(({ teamId }) => teamId),
    ];
    return this.counted(SQL.named, references, values);
  }

  private async labelled(references: readonly Numbered[]): Promise<[number, AgentState][]> {
    const values = [
      references.map(({ n }) => n),
      references.map(({ agent }) => agent),
      references.map(({ teamId }) => teamId),
    ];
    return this.counted(SQL.labelled, references, values);
  }

  private async counted(
    statement: { name: string; text: string },
    references: readonly Numbered[],
    values: readonly unknown[],
  ): Promise<[number, AgentState][]> {
    if (references.length === 0) return [];
    const rows = await this.database.query<AgentState & { n: number }>(statement, values);
    return rows.map(({ n, hosts, online }) => [n, { hosts, online }]);
  }

  private async selected(references: readonly Numbered[]): Promise<[number, AgentState][]> {
    const states = new Map<string, Promise<AgentState>>();
    const found: Promise<[number, AgentState]>[] = [];
    for (const { n, agent, teamId } of references) {
      const key = JSON.stringify([agent, teamId]);
      const state = states.get(key) ?? (states.size < MOST_SELECTORS ? this.stateOf(agent, teamId) : null);
      if (state === null) continue;
      states.set(key, state);
      found.push(state.then((known): [number, AgentState] => [n, known]));
    }
    return Promise.all(found);
  }

  private async stateOf(agent: string, teamId: number | null): Promise<AgentState> {
    try {
      const { hosts } = await this.selectors.resolve(agent, teamId === null ? null : [teamId]);
      return { hosts: hosts.length, online: hosts.some(({ online }) => online) };
    } catch (error) {
      throwUnlessDomain(error);
      return NONE;
    }
  }
}

/** What is wrong with the reference is one thing, what is wrong with the server another. */
function throwUnlessDomain(error: unknown): void {
  if (!(error instanceof DomainError) || error.code === 'unavailable') throw error;
}

/** Also a machine id, which has no dashes. */
function uuidIn(agent: string): string | null {
  return isUuid(agent) || /^[0-9a-f]{32}$/i.test(agent) ? agent : null;
}
