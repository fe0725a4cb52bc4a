import { createHash } from 'node:crypto';
import { DRAINING, factNamed } from './facts.js';
import { likePattern } from './fact-kinds.js';
import { Parameters } from './parameters.js';
import {
  type AgentLabel,
  type Clause,
  type Comparison,
  type Condition,
  printSelector,
  type Selector,
} from './selector.js';

/** A host as whoever runs something on it needs it; `HOST_COLUMNS` reads it. */
export interface SelectedHost {
  readonly id: number;
  readonly uuid: string;
  readonly hostname: string;
  /** null: of no team. */
  readonly teamId: number | null;
  readonly online: boolean;
  /** It takes nothing new. */
  readonly draining: boolean;
  /** osquery's word: debian, darwin, windows…; empty: its agent has not said. */
  readonly platform: string;
  /** null: its agent has not said yet. */
  readonly scriptsEnabled: boolean | null;
  /** Its agent keeps secrets out of what it writes down, and masks output; older ones would not. */
  readonly keepsSecrets: boolean;
}

/** A `SelectedHost` of the row `h`. */
export const HOST_COLUMNS = `h.id, h.uuid, h.hostname, h.team_id AS "teamId", h.online, ${DRAINING} AS draining,
  coalesce(h.facts->>'platform', '') AS platform, h.scripts_enabled AS "scriptsEnabled", h.keeps_secrets AS "keepsSecrets"`;

type HostColumns = { readonly [Key in keyof SelectedHost]: readonly SelectedHost[Key][] | null };

/** The hosts of `select`, which has `HOST_COLUMNS`, column by column as JSON: rows of their own take thrice as long to read. */
export function gathered(select: string): string {
  const columns = [
    'id',
    'uuid',
    'hostname',
    '"teamId"',
    'online',
    'draining',
    'platform',
    '"scriptsEnabled"',
    '"keepsSecrets"',
  ];
  return `SELECT ${columns.map((column) => `json_agg(${column}) AS ${column}`).join(', ')} FROM (${select}) found`;
}

/** What `gathered` yields, as hosts. */
export function hostsOf([columns]: readonly HostColumns[]): SelectedHost[] {
  if (!columns?.id) return [];
  const { uuid, hostname, teamId, online, draining, platform, scriptsEnabled, keepsSecrets } = columns;
  return columns.id.map((id, at) => ({
    id,
    uuid: uuid?.[at] ?? '',
    hostname: hostname?.[at] ?? '',
    teamId: teamId?.[at] ?? null,
    online: online?.[at] ?? false,
    draining: draining?.[at] ?? false,
    platform: platform?.[at] ?? '',
    scriptsEnabled: scriptsEnabled?.[at] ?? null,
    keepsSecrets: keepsSecrets?.[at] ?? false,
  }));
}

/** Ids of what a selector names. */
export interface NamedIds {
  readonly label: ReadonlyMap<string, number>;
  readonly team: ReadonlyMap<string, number>;
}

type Where = Extract<Clause, { kind: 'where' }>;

/**
 * One statement that yields the selector's hosts, by id, as `gathered`. Each clause reads what those before it left. What an index finds (labels,
 * names, teams) is made into sets, intersected where all must hold: only the hosts in them are read. Where there is no such set,
 * all hosts are.
 * @param teams hosts of these only; null: all, those of no team included
 */
export function compileSelector(
  selector: Selector,
  named: NamedIds,
  teams: readonly number[] | null,
): { text: string; values: unknown[] } {
  const parameters = new Parameters();
  const seed = createHash('sha256').update(printSelector(selector)).digest('hex');
  const stages: string[] = [];
  for (const stage of stagesOf(selector)) {
    const before = stages.length === 0 ? null : `s${stages.length}`;
    const text =
      stage.kind === 'where'
        ? new Conditions(parameters, named).select(stage.condition, before, before === null ? teams : null)
        : cut(stage, before, seed, parameters);
    stages.push(`s${stages.length + 1} AS (${text})`);
  }
  const chosen = gathered(`SELECT * FROM s${stages.length} ORDER BY id`);
  return { text: `WITH ${stages.join(', ')} ${chosen}`, values: parameters.values };
}

/** Conditions next to each other in one; there is one to begin with. */
function stagesOf({ clauses }: Selector): Clause[] {
  const stages: Clause[] = [{ kind: 'where', condition: { kind: 'all' } }];
  for (const clause of clauses) {
    const last = stages.at(-1);
    if (clause.kind === 'where' && last?.kind === 'where') stages.splice(-1, 1, both(last, clause));
    else stages.push(clause);
  }
  return stages;
}

function both({ condition: one }: Where, { condition: other }: Where): Where {
  return { kind: 'where', condition: { kind: 'and', of: [one, other] } };
}

/** @param seed the same for the same selector: whoever asks again gets the same hosts */
function cut(
  clause: Exclude<Clause, Where>,
  before: string | null,
  seed: string,
  parameters: Parameters,
): string {
  if (clause.kind === 'limit')
    return `SELECT * FROM ${before} ORDER BY id LIMIT ${parameters.add(clause.count)}::bigint`;
  const amount =
    clause.unit === 'hosts'
      ? `${parameters.add(clause.amount)}::bigint`
      : `(SELECT ceil(count(*) * ${parameters.add(clause.amount)}::numeric / 100)::bigint FROM ${before})`;
  return `SELECT * FROM ${before} ORDER BY md5(${parameters.add(seed)}::text || uuid::text) COLLATE "C", id LIMIT ${amount}`;
}

/** Conditions of one clause, as SQL. */
class Conditions {
  constructor(
    private readonly parameters: Parameters,
    private readonly named: NamedIds,
  ) {}

  /** @param before what is chosen from; null: all hosts, of these teams */
  select(condition: Condition, before: string | null, teams: readonly number[] | null): string {
    const all = parts(condition).filter(({ kind }) => kind !== 'all');
    const sets = all.filter(isSet);
    const others = all.filter((part) => !isSet(part)).map((part) => this.predicate(part));
    if (teams !== null) others.push(`h.team_id = ANY(${this.parameters.add(teams)}::int[])`);
    const [only] = sets;
    const rows = before === null && sets.length === 1 && only ? this.rows(only) : null;
    if (rows !== null) return chosen('hosts h', [rows, ...others]);
    const found = sets.map((part) => this.set(part));
    if (before !== null) found.unshift(`SELECT id FROM ${before}`);
    if (found.length === 0) return chosen('hosts h', others);
    // OFFSET 0: each host of the sets is looked up, whatever the planner thinks how many they are.
    return chosen(
      `(${found.join(' INTERSECT ')}) found CROSS JOIN LATERAL (SELECT * FROM hosts WHERE hosts.id = found.id OFFSET 0) h`,
      others,
    );
  }

  /** What an index of `hosts` finds by itself, as a condition about the row `h`; null: it is a set of another kind. */
  private rows(condition: Condition): string | null {
    if (condition.kind === 'label') return this.agentLabel(condition);
    if (condition.kind === 'fact' && factOf(condition).found === 'rows') return this.comparison(condition);
    return null;
  }

  /** Its hosts' ids, for what `isSet`. */
  private set(condition: Condition): string {
    switch (condition.kind) {
      case 'and':
        return `(${condition.of.map((part) => this.set(part)).join(' INTERSECT ')})`;
      case 'or':
        return `(${condition.of.map((part) => this.set(part)).join(' UNION ')})`;
      case 'label':
        return `SELECT h.id FROM hosts h WHERE ${this.agentLabel(condition)}`;
      case 'fact':
        return factOf(condition).found === 'rows'
          ? `SELECT h.id FROM hosts h WHERE ${this.comparison(condition)}`
          : `SELECT DISTINCT m.host_id AS id FROM label_membership m WHERE ${this.comparison(condition)}`;
      case 'not':
      case 'all':
        throw new Error(`${condition.kind} is no set`);
    }
  }

  /** Whether it holds for the row `h`; never NULL. */
  private predicate(condition: Condition): string {
    if (isSet(condition)) return `(h.id IN (${this.set(condition)}))`;
    switch (condition.kind) {
      case 'all':
        return 'true';
      case 'not':
        return `NOT ${this.predicate(condition.of)}`;
      case 'and':
      case 'or':
        return `(${condition.of.map((part) => this.predicate(part)).join(` ${condition.kind.toUpperCase()} `)})`;
      case 'fact':
        return `coalesce(${this.comparison(condition)}, false)`;
      case 'label':
        throw new Error('a label is a set');
    }
  }

  private agentLabel({ key, value }: AgentLabel): string {
    const within = (path: string): string =>
      `agent_label_paths(h.labels) @> ARRAY[${this.parameters.add(path)}::text]`;
    // Below a prefix, or whatever value: each has a path of its own (migration 1790690000000).
    if (/^(?:[^*]+\.)?\*$|^[^*]+$/.test(value)) return within(`${key}:${value}`);
    const pattern = this.parameters.add(likePattern(value));
    return `${within(`${key}:*`)} AND h.labels->>${this.parameters.add(key)}::text LIKE ${pattern}`;
  }

  private comparison(condition: Comparison): string {
    const { kind, sql, named } = factOf(condition);
    const texts = condition.values.map(({ text }) => text);
    const values = named ? texts.map((name) => String(this.named[named].get(name) ?? -1)) : texts;
    return kind.compare(sql, condition.operator, values, this.parameters);
  }
}

function chosen(source: string, conditions: readonly string[]): string {
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  return `SELECT ${HOST_COLUMNS} FROM ${source}${where}`;
}

/** All of them must hold. */
function parts(condition: Condition): Condition[] {
  return condition.kind === 'and' ? condition.of.flatMap(parts) : [condition];
}

/** Whether an index finds its hosts. */
function isSet(condition: Condition): boolean {
  switch (condition.kind) {
    case 'label':
      return true;
    case 'fact':
      return condition.operator === 'in' && factOf(condition).found !== undefined;
    case 'and':
    case 'or':
      return condition.of.every(isSet);
    case 'not':
    case 'all':
      return false;
  }
}

function factOf({ name }: Comparison): ReturnType<typeof factNamed> & object {
  const fact = factNamed(name);
  if (!fact) throw new Error(`no fact ${name}`);
  return fact;
}
