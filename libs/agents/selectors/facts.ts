import { type FactKind, KINDS } from './fact-kinds.js';

/** Something about a host that selectors compare. */
export interface Fact {
  readonly kind: FactKind;
  /** Reads the row of `hosts` under the name `h` unless `found` says otherwise; of addresses a SELECT of all of them. */
  readonly sql: string;
  /**
   * An index finds the hosts that are one of the values: `rows` of `hosts`, `members` of `label_membership` under the name `m`.
   * Without it all rows are read.
   */
  readonly found?: 'rows' | 'members';
  /** Names that stand for ids: of what. */
  readonly named?: 'label' | 'team';
}

/** Whether a host is given nothing new to run. */
export const DRAINING = '(h.draining_since IS NOT NULL)';

const inColumn = (column: string): string => `nullif(h.${column}, '')`;
const inFacts = (key: string): string => `nullif(h.facts->>'${key}', '')`;
/** 0 is what agents say that do not know. */
const amount = (key: string): string =>
  `CASE WHEN jsonb_typeof(h.facts->'${key}') = 'number' THEN nullif((h.facts->>'${key}')::numeric, 0) END`;

const text = (sql: string): Fact => ({ kind: KINDS.text, sql });
const version = (sql: string): Fact => ({ kind: KINDS.version, sql });
const number = (key: string): Fact => ({ kind: KINDS.number, sql: amount(key) });
const size = (key: string): Fact => ({ kind: KINDS.size, sql: amount(key) });
const flag = (sql: string): Fact => ({ kind: KINDS.flag, sql });

/** Every name that a selector may compare. */
export const FACTS: Readonly<Record<string, Fact>> = {
  host: { kind: KINDS.hostname, sql: 'h.hostname', found: 'rows' },
  uuid: { kind: KINDS.uuid, sql: 'h.uuid', found: 'rows' },
  id: { kind: KINDS.id, sql: 'h.id', found: 'rows' },
  team: { kind: KINDS.name, sql: 'h.team_id', found: 'rows', named: 'team' },
  label: {
    kind: KINDS.name,
    sql: 'm.label_id',
    found: 'members',
    named: 'label',
  },
  online: flag('h.online'),
  offline: flag('(NOT h.online)'),
  draining: flag(DRAINING),
  scripts: flag('h.scripts_enabled'),
  ip: {
    kind: KINDS.address,
    sql: `SELECT h.facts->>'primary_ip' UNION ALL SELECT jsonb_path_query(h.facts, '$.addresses[*] ? (@.internal == false).address') #>> '{}'`,
  },
  'os.platform': text(inFacts('platform')),
  'os.like': text(inFacts('platform_like')),
  'os.name': text(inFacts('os_version')),
  'os.version': version(inFacts('os_version')),
  'os.codename': text(inFacts('code_name')),
  'os.build': text(inFacts('build')),
  kernel: version(inFacts('kernel_version')),
  arch: text(inFacts('arch')),
  'cpu.cores': number('cpu_logical_cores'),
  'cpu.brand': text(inFacts('cpu_brand')),
  memory: size('memory'),
  'disk.total': size('disk_total_bytes'),
  'disk.free': size('disk_available_bytes'),
  'hardware.vendor': text(inFacts('hardware_vendor')),
  'hardware.model': text(inFacts('hardware_model')),
  'hardware.serial': text(inColumn('hardware_serial')),
  'agent.version': version(inColumn('agent_version')),
};

/** undefined: there is no fact of that name. */
export function factNamed(name: string): Fact | undefined {
  return Object.hasOwn(FACTS, name) ? FACTS[name] : undefined;
}
