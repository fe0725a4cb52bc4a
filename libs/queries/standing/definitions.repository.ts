import { Injectable } from '@nestjs/common';
import { Database } from '#libs/platform/database/index';
import { type Logging } from '../saved/query-fields.js';

/** A label that hosts answer for. */
export interface LabelDefinition {
  readonly id: number;
  readonly query: string;
  /** Empty: every one. */
  readonly platform: string;
}

export interface PolicyDefinition {
  readonly id: number;
  readonly scope: 'global' | 'team' | 'no_team';
  readonly teamId: number | null;
  readonly query: string;
  /** `darwin,linux,windows,chrome` or some of them; empty: every platform. */
  readonly platform: string;
  /** Ids of labels: in one of these (or there are none), and in none of those. */
  readonly includeAny: readonly number[];
  readonly excludeAny: readonly number[];
}

/** A query of a pack, its saved query beside it. */
export interface PackQueryDefinition {
  readonly name: string;
  readonly queryId: number;
  readonly query: string;
  readonly discardData: boolean;
  readonly interval: number;
  readonly snapshot: boolean | null;
  readonly removed: boolean | null;
  readonly platform: string;
  readonly version: string;
  readonly shard: number | null;
}

export interface PackDefinition {
  readonly id: number;
  readonly name: string;
  readonly platform: string;
  readonly labelIds: readonly number[];
  readonly teamIds: readonly number[];
  readonly queries: readonly PackQueryDefinition[];
}

/** A saved query with an interval of its own. */
export interface ScheduleDefinition {
  readonly id: number;
  readonly teamId: number | null;
  readonly name: string;
  readonly query: string;
  readonly interval: number;
  readonly platform: string;
  readonly version: string;
  readonly logging: Logging;
  readonly automationsEnabled: boolean;
  readonly discardData: boolean;
  readonly labelIds: readonly number[];
}

/** All that agents can be told to do by themselves. */
export interface Definitions {
  readonly labels: readonly LabelDefinition[];
  readonly policies: readonly PolicyDefinition[];
  /** Enabled ones. */
  readonly packs: readonly PackDefinition[];
  readonly schedules: readonly ScheduleDefinition[];
  readonly teams: readonly { readonly id: number; readonly options: Readonly<Record<string, unknown>> }[];
}

/** What decides about a host's standing work. */
export interface HostScope {
  readonly hostId: number;
  readonly teamId: number | null;
  /** osquery's `os_version.platform`. */
  readonly platform: string;
}

const labelsOf = (from: string): string => `ARRAY(SELECT label_id FROM ${from} ORDER BY label_id)`;

const SQL = {
  labels: {
    name: 'standing_labels',
    text: `SELECT id, query, platform FROM labels
           WHERE label_type = 'regular' AND membership_type = 'dynamic' AND trim(query) <> '' ORDER BY id`,
  },
  policies: {
    name: 'standing_policies',
    text: `SELECT p.id, p.scope, p.team_id AS "teamId", p.query, p.platform,
             ${labelsOf('policy_labels l WHERE l.policy_id = p.id AND NOT l.exclude')} AS "includeAny",
             ${labelsOf('policy_labels l WHERE l.policy_id = p.id AND l.exclude')} AS "excludeAny"
           FROM policies p ORDER BY p.id`,
  },
  packs: {
    name: 'standing_packs',
    text: `SELECT p.id, p.name, p.platform,
             ${labelsOf('pack_targets t WHERE t.pack_id = p.id AND t.label_id IS NOT NULL')} AS "labelIds",
             ARRAY(SELECT team_id FROM pack_targets t WHERE t.pack_id = p.id AND t.team_id IS NOT NULL) AS "teamIds",
             coalesce((SELECT jsonb_agg(jsonb_build_object('name', s.name, 'queryId', q.id, 'query', q.query, 'discardData', q.discard_data,
               'interval', s."interval", 'snapshot', s.snapshot, 'removed', s.removed, 'platform', s.platform, 'version', s.version,
               'shard', s.shard) ORDER BY s.id) FROM pack_queries s JOIN queries q ON q.id = s.query_id WHERE s.pack_id = p.id), '[]') AS queries
           FROM packs p WHERE NOT p.disabled ORDER BY p.id`,
  },
  schedules: {
    name: 'standing_schedules',
    text: `SELECT q.id, q.team_id AS "teamId", q.name, q.query, q."interval", q.platform, q.min_osquery_version AS version, q.logging,
             q.automations_enabled AS "automationsEnabled", q.discard_data AS "discardData",
             ${labelsOf('query_labels l WHERE l.query_id = q.id')} AS "labelIds"
           FROM queries q WHERE q.saved AND q."interval" > 0 ORDER BY q.id`,
  },
  teams: {
    name: 'standing_teams',
    text: 'SELECT id, agent_options AS options FROM teams WHERE agent_options IS NOT NULL ORDER BY id',
  },
  scopes: {
    name: 'standing_scopes',
    text: `SELECT id AS "hostId", team_id AS "teamId", coalesce(facts->>'platform', '') AS platform FROM hosts WHERE id = ANY($1::int[])`,
  },
  // All labels of the hosts: asked for a few of them, the planner looks up every pair.
  memberships: {
    name: 'standing_memberships',
    text: `SELECT host_id AS "hostId", array_agg(label_id) AS "labelIds" FROM label_membership
           WHERE host_id = ANY($1::int[]) GROUP BY host_id`,
  },
};

/** Reads what standing work is made of: a handful of rows for all hosts, and a row or two per host. */
@Injectable()
export class DefinitionsRepository {
  constructor(private readonly database: Database) {}

  /** Everything as it is at one moment. */
  load(): Promise<Definitions> {
    return this.database.transaction(async (tx) => {
      await tx.query({ text: 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY' });
      const [labels, policies, packs, schedules, teams] = await Promise.all([
        tx.query<LabelDefinition>(SQL.labels),
        tx.query<PolicyDefinition>(SQL.policies),
        tx.query<PackDefinition>(SQL.packs),
        tx.query<ScheduleDefinition>(SQL.schedules),
        tx.query<Definitions['teams'][number]>(SQL.teams),
      ]);
      return { labels, policies, packs, schedules, teams };
    });
  }

  /** Hosts that do not exist are left out. */
  scopes(hostIds: readonly number[]): Promise<HostScope[]> {
    return this.database.query(SQL.scopes, [hostIds]);
  }

  /** Label ids by host. */
  async memberships(hostIds: readonly number[]): Promise<Map<number, number[]>> {
    const rows = await this.database.query<{ hostId: number; labelIds: number[] }>(SQL.memberships, [
      hostIds,
    ]);
    return new Map(rows.map(({ hostId, labelIds }) => [hostId, labelIds]));
  }
}
