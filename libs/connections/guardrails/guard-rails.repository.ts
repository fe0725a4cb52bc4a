import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '#libs/platform/database/index';
import { isUuid } from '#libs/platform/http/index';
import { type GuardRailRule } from './check.js';
import { type GuardRail } from './guard-rail.entity.js';
import { type RuleSet } from './rule.js';

/** A guard rail with the ids of the connections that have it by name. */
export type GuardRailRow = Omit<GuardRail, 'team'> & {
  readonly connections: readonly { readonly id: string; readonly teamId: number | null }[];
};

/** Everything of a guard rail that a write can change. */
export type GuardRailFields = Pick<
  GuardRail,
  'name' | 'description' | 'teamId' | 'input' | 'output' | 'attributes'
>;

/** A guard rail or a connection, and whose it is. */
export interface Owned {
  readonly id: string;
  readonly teamId: number | null;
}

const SELECT = `SELECT g.id, g.name, g.description, g.team_id AS "teamId", g.input, g.output, g.attributes,
  g.created_at AS "createdAt", g.updated_at AS "updatedAt",
  (SELECT coalesce(jsonb_agg(jsonb_build_object('id', c.id, 'teamId', c.team_id) ORDER BY c.name), '[]')
     FROM connection_guardrails l JOIN connections c ON c.id = l.connection_id WHERE l.guardrail_id = g.id) AS connections
  FROM guardrails g`;

const SQL = {
  byId: { name: 'guardrail_by_id', text: `${SELECT} WHERE g.id = $1` },
  byName: { name: 'guardrail_by_name', text: `${SELECT} WHERE g.name = $1` },
  all: { name: 'guardrails_all', text: `${SELECT} ORDER BY g.name` },
  ofTeams: {
    name: 'guardrails_of_teams',
    text: `${SELECT} WHERE g.team_id = ANY($1::int[]) ORDER BY g.name`,
  },
  lock: { name: 'guardrail_lock', text: 'SELECT id FROM guardrails WHERE id = $1 FOR UPDATE' },
  insert: {
    name: 'guardrail_insert',
    text: `INSERT INTO guardrails (id, name, description, team_id, input, output, attributes) VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6) RETURNING id`,
  },
  update: {
    name: 'guardrail_update',
    text: `UPDATE guardrails SET name = $2, description = $3, team_id = $4, input = $5, output = $6, attributes = $7, updated_at = now() WHERE id = $1`,
  },
  remove: { name: 'guardrail_remove', text: 'DELETE FROM guardrails WHERE id = $1' },
  owners: {
    name: 'guardrail_owners',
    text: 'SELECT id, team_id AS "teamId" FROM guardrails WHERE id = ANY($1::uuid[])',
  },
  connectionOwners: {
    name: 'guardrail_connection_owners',
    text: 'SELECT id, team_id AS "teamId" FROM connections WHERE id = ANY($1::uuid[])',
  },
  link: {
    name: 'guardrail_link',
    text: `INSERT INTO connection_guardrails (connection_id, guardrail_id)
           SELECT c, g FROM unnest($1::uuid[]) c CROSS JOIN unnest($2::uuid[]) g ON CONFLICT DO NOTHING`,
  },
  unlink: {
    name: 'guardrail_unlink',
    text: 'DELETE FROM connection_guardrails WHERE connection_id = ANY($1::uuid[]) AND guardrail_id = ANY($2::uuid[])',
  },
  // By name, or by an attribute that both have; those of other teams are none of a connection's.
  rules: {
    name: 'guardrail_rules',
    text: `SELECT g.name, g.input, g.output FROM guardrails g
           WHERE EXISTS (SELECT 1 FROM connection_guardrails l WHERE l.connection_id = $1 AND l.guardrail_id = g.id)
              OR (g.attributes && $2::text[] AND (g.team_id IS NULL OR g.team_id = $3)) ORDER BY g.name`,
  },
};

/** Rows of guard rails, and which connections have them. */
@Injectable()
export class GuardRailsRepository {
  constructor(private readonly database: Database) {}

  async find(nameOrId: string, tx: Transaction | Database = this.database): Promise<GuardRailRow | null> {
    const [row] = await tx.query<GuardRailRow>(isUuid(nameOrId) ? SQL.byId : SQL.byName, [nameOrId]);
    return row ?? null;
  }

  /** As it is once nobody else changes it. */
  async findLocked(nameOrId: string, tx: Transaction): Promise<GuardRailRow | null> {
    const found = await this.find(nameOrId, tx);
    if (!found) return null;
    await tx.query(SQL.lock, [found.id]);
    return this.find(found.id, tx);
  }

  /** By name. @param teams of these teams only; null: all */
  list(teams: readonly number[] | null): Promise<GuardRailRow[]> {
    return teams === null ? this.database.query(SQL.all) : this.database.query(SQL.ofTeams, [teams]);
  }

  /** @throws unique violation of guardrails_name */
  async insert(tx: Transaction, fields: GuardRailFields): Promise<string> {
    const [row] = await tx.query<{ id: string }>(SQL.insert, valuesOf(fields));
    if (!row) throw new Error('an inserted guard rail has no id');
    return row.id;
  }

  /** @throws unique violation of guardrails_name */
  async update(tx: Transaction, id: string, fields: GuardRailFields): Promise<void> {
    await tx.query(SQL.update, [id, ...valuesOf(fields)]);
  }

  async remove(tx: Transaction, id: string): Promise<void> {
    await tx.query(SQL.remove, [id]);
  }

  /** Those of these guard rails that exist. @param ids well formed */
  owners(tx: Transaction, ids: readonly string[]): Promise<Owned[]> {
    return tx.query<Owned>(SQL.owners, [ids]);
  }

  /** Those of these connections that exist. @param ids well formed */
  connectionOwners(tx: Transaction, ids: readonly string[]): Promise<Owned[]> {
    return tx.query<Owned>(SQL.connectionOwners, [ids]);
  }

  /** Each of the connections has each of the guard rails from now on. */
  async link(tx: Transaction, connections: readonly string[], guardRails: readonly string[]): Promise<void> {
    if (connections.length > 0 && guardRails.length > 0) await tx.query(SQL.link, [connections, guardRails]);
  }

  /** None of the connections has any of the guard rails from now on. */
  async unlink(
    tx: Transaction,
    connections: readonly string[],
    guardRails: readonly string[],
  ): Promise<void> {
    if (connections.length > 0 && guardRails.length > 0)
      await tx.query(SQL.unlink, [connections, guardRails]);
  }

  /** All rules that a session of this connection meets, by name of the guard rail. */
  async rulesOf(connection: {
    readonly id: string;
    readonly attributes: readonly string[];
    readonly teamId: number | null;
  }): Promise<GuardRailRule[]> {
    const { id, attributes, teamId } = connection;
    const rails = await this.database.query<Pick<GuardRail, 'name' | 'input' | 'output'>>(SQL.rules, [
      id,
      attributes,
      teamId,
    ]);
    return rails.flatMap(rulesIn);
  }
}

/** The rules of one guard rail, as sessions meet them. */
export function rulesIn({
  name,
  input,
  output,
}: Pick<GuardRail, 'name' | 'input' | 'output'>): GuardRailRule[] {
  const of = (side: 'input' | 'output', { rules }: RuleSet): GuardRailRule[] =>
    rules.map((rule, i) => ({ ...rule, guardRail: name, side, number: i + 1 }));
  return [...of('input', input), ...of('output', output)];
}

function valuesOf({ name, description, teamId, input, output, attributes }: GuardRailFields): unknown[] {
  return [name, description, teamId, JSON.stringify(input), JSON.stringify(output), attributes];
}
