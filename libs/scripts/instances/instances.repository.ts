import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '#libs/platform/database/index';
import { isUuid } from '#libs/platform/http/index';
import { type InstanceSettings } from './instance-fields.js';

/** An instance, its script, and whom it is for. */
export interface StoredInstance extends InstanceSettings {
  readonly id: number;
  readonly name: string;
  readonly scriptId: number;
  readonly scriptName: string;
  /** Of the script; null: for hosts of no team. */
  readonly teamId: number | null;
  readonly contentSha256: Buffer;
  readonly hosts: readonly { readonly id: number; readonly hostname: string }[];
  readonly labels: readonly { readonly id: number; readonly name: string }[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** One that is to be stored. */
export interface InstanceToPut extends InstanceSettings {
  readonly scriptId: number;
  readonly name: string;
  readonly hostIds: readonly number[];
  readonly labelIds: readonly number[];
}

/** A host that an instance reaches. */
export interface InstanceHost {
  readonly id: number;
  readonly hostname: string;
  readonly teamId: number | null;
  readonly online: boolean;
}

const COLUMNS = `i.id, i.name, i.script_id AS "scriptId", s.name AS "scriptName", s.team_id AS "teamId", s.content_sha256 AS "contentSha256", i.arguments,
  i.start_trigger AS "startTrigger", i.stop_trigger AS "stopTrigger", i.enabled, i.timeout_seconds AS "timeoutSeconds", i.debounce_ms AS "debounceMs",
  i.max_starts_per_minute AS "maxStartsPerMinute", i.created_at AS "createdAt", i.updated_at AS "updatedAt",
  coalesce((SELECT json_agg(json_build_object('id', h.id, 'hostname', h.hostname) ORDER BY h.hostname, h.id)
    FROM script_instance_targets t JOIN hosts h ON h.id = t.host_id WHERE t.instance_id = i.id), '[]') AS hosts,
  coalesce((SELECT json_agg(json_build_object('id', l.id, 'name', l.name) ORDER BY l.name)
    FROM script_instance_targets t JOIN labels l ON l.id = t.label_id WHERE t.instance_id = i.id), '[]') AS labels`;
const FROM = 'script_instances i JOIN scripts s ON s.id = i.script_id';

/** The hosts of instance `i` of script `s`: named or labelled, of the script's team, of a platform that runs it, with scripts enabled. */
export const REACHES = `h.team_id IS NOT DISTINCT FROM s.team_id AND h.scripts_enabled IS DISTINCT FROM false
  AND CASE WHEN coalesce(h.facts->>'platform', '') = '' THEN true WHEN h.facts->>'platform' = 'windows' THEN s.name LIKE '%.ps1' ELSE s.name LIKE '%.sh' END`;

const SQL = {
  ofScript: {
    name: 'instances_of_script',
    text: `SELECT ${COLUMNS} FROM ${FROM} WHERE i.script_id = $1 ORDER BY i.name`,
  },
  find: {
    name: 'instance_find',
    text: `SELECT ${COLUMNS} FROM ${FROM} WHERE i.script_id = $1 AND i.name = $2`,
  },
  byId: { name: 'instance_by_id', text: `SELECT ${COLUMNS} FROM ${FROM} WHERE i.id = $1` },
  ofTeam: {
    name: 'instances_of_team',
    text: `SELECT ${COLUMNS} FROM scripts s JOIN script_instances i ON i.script_id = s.id WHERE coalesce(s.team_id, 0) = $1
           ORDER BY coalesce(s.team_id, 0), lower(s.name), i.name`,
  },
  hosts: {
    name: 'instance_hosts',
    text: `SELECT h.id, h.hostname, h.team_id AS "teamId", h.online FROM (
             SELECT t.host_id AS id FROM script_instance_targets t WHERE t.instance_id = $1 AND t.host_id IS NOT NULL
             UNION SELECT m.host_id FROM script_instance_targets t JOIN label_membership m ON m.label_id = t.label_id WHERE t.instance_id = $1
           ) named CROSS JOIN script_instances i JOIN scripts s ON s.id = i.script_id JOIN hosts h ON h.id = named.id
           WHERE i.id = $1 AND ${REACHES} ORDER BY h.id`,
  },
  onHost: {
    name: 'instances_on_host',
    text: `SELECT i.id FROM (
             SELECT t.instance_id AS id FROM script_instance_targets t WHERE t.host_id = $1
             UNION SELECT t.instance_id FROM label_membership m JOIN script_instance_targets t ON t.label_id = m.label_id WHERE m.host_id = $1
           ) named JOIN script_instances i ON i.id = named.id JOIN scripts s ON s.id = i.script_id CROSS JOIN hosts h
           WHERE h.id = $1 AND ${REACHES}`,
  },
  put: {
    name: 'instance_put',
    text: `INSERT INTO script_instances (script_id, name, arguments, start_trigger, stop_trigger, enabled, timeout_seconds, debounce_ms, max_starts_per_minute)
           SELECT * FROM jsonb_to_recordset($1::jsonb) AS g("scriptId" int, name text, arguments jsonb, "startTrigger" jsonb, "stopTrigger" jsonb, enabled boolean,
             "timeoutSeconds" int, "debounceMs" int, "maxStartsPerMinute" int) ORDER BY 1, 2
           ON CONFLICT (script_id, name) DO UPDATE SET arguments = excluded.arguments, start_trigger = excluded.start_trigger, stop_trigger = excluded.stop_trigger,
             enabled = excluded.enabled, timeout_seconds = excluded.timeout_seconds, debounce_ms = excluded.debounce_ms,
             max_starts_per_minute = excluded.max_starts_per_minute, updated_at = now()
           RETURNING id, script_id AS "scriptId", name`,
  },
  forget: {
    name: 'instance_targets_forget',
    text: 'DELETE FROM script_instance_targets WHERE instance_id = ANY($1::int[])',
  },
  aim: {
    name: 'instance_targets_put',
    text: `INSERT INTO script_instance_targets (instance_id, host_id, label_id)
           SELECT * FROM unnest($1::int[], $2::int[], $3::int[]) AS given(instance_id, host_id, label_id)`,
  },
  remove: { name: 'instances_remove', text: 'DELETE FROM script_instances WHERE id = ANY($1::int[])' },
  // Only those of the script's own team; whoever bears the name elsewhere is not meant. A name that is one's id, when nobody bears it.
  hostsNamed: {
    name: 'instance_hosts_named',
    text: `WITH found AS (
             SELECT n AS name, h.id FROM unnest($1::text[]) n JOIN hosts h ON h.hostname = n WHERE h.team_id IS NOT DISTINCT FROM $3::int
             UNION SELECT n, h.id FROM unnest($2::text[]) n JOIN hosts h ON h.uuid = n::uuid WHERE h.team_id IS NOT DISTINCT FROM $3::int
           )
           SELECT name, id FROM found
           UNION SELECT n, h.id FROM unnest($1::text[]) n JOIN hosts h ON h.id = CASE WHEN n ~ '^[0-9]{1,9}$' THEN n::int END
           WHERE h.team_id IS NOT DISTINCT FROM $3::int AND NOT EXISTS (SELECT 1 FROM found f WHERE f.name = n)`,
  },
  scriptsNamed: {
    name: 'instance_scripts_named',
    text: `SELECT g.ord::int, s.id, s.name, s.team_id AS "teamId" FROM unnest($1::int[], $2::text[]) WITH ORDINALITY AS g(team_id, name, ord)
           JOIN scripts s ON coalesce(s.team_id, 0) = g.team_id AND lower(s.name) = lower(g.name) FOR SHARE OF s`,
  },
  teamName: { name: 'instance_team_name', text: 'SELECT name FROM teams WHERE id = $1' },
  hostnames: {
    name: 'instance_hostnames',
    text: 'SELECT id, hostname FROM hosts WHERE id = ANY($1::int[])',
  },
  labelsNamed: {
    name: 'instance_labels_named',
    text: `SELECT n AS name, l.id, l.name AS "ownName" FROM unnest($1::text[]) n JOIN labels l ON lower(l.name) = lower(n) FOR KEY SHARE OF l`,
  },
};

/** The rows of script instances, and of whom they are for. */
@Injectable()
export class InstancesRepository {
  constructor(private readonly database: Database) {}

  /** In the order of their names. */
  ofScript(scriptId: number): Promise<StoredInstance[]> {
    return this.database.query(SQL.ofScript, [scriptId]);
  }

  /** By script, then by name. @param teamId null: of scripts of no team */
  ofTeam(teamId: number | null, tx: Pick<Transaction, 'query'> = this.database): Promise<StoredInstance[]> {
    return tx.query(SQL.ofTeam, [teamId ?? 0]);
  }

  async find(
    scriptId: number,
    name: string,
    tx: Pick<Transaction, 'query'> = this.database,
  ): Promise<StoredInstance | null> {
    const [row] = await tx.query<StoredInstance>(SQL.find, [scriptId, name]);
    return row ?? null;
  }

  async byId(id: number): Promise<StoredInstance | null> {
    const [row] = await this.database.query<StoredInstance>(SQL.byId, [id]);
    return row ?? null;
  }

  /** Those that it reaches now, in order of their ids. */
  hostsOf(id: number): Promise<InstanceHost[]> {
    return this.database.query(SQL.hosts, [id]);
  }

  /** Ids of those that reach this host now. */
  async onHost(hostId: number): Promise<number[]> {
    const rows = await this.database.query<{ id: number }>(SQL.onHost, [hostId]);
    return rows.map(({ id }) => id);
  }

  /** Adds or replaces them; the scripts are locked. @returns their ids, in no order */
  async put(
    tx: Transaction,
    instances: readonly InstanceToPut[],
  ): Promise<{ id: number; scriptId: number; name: string }[]> {
    if (instances.length === 0) return [];
    const rows = await tx.query<{ id: number; scriptId: number; name: string }>(SQL.put, [
      JSON.stringify(instances),
    ]);
    const ids = new Map(rows.map((row) => [`${row.scriptId} ${row.name}`, row.id]));
    const aims = instances.flatMap(({ scriptId, name, hostIds, labelIds }) => {
      const id = ids.get(`${scriptId} ${name}`);
      return [
        ...hostIds.map((hostId) => ({ id, hostId, labelId: null })),
        ...labelIds.map((labelId) => ({ id, hostId: null, labelId })),
      ];
    });
    await tx.query(SQL.forget, [[...ids.values()]]);
    await tx.query(SQL.aim, [
      aims.map(({ id }) => id),
      aims.map(({ hostId }) => hostId),
      aims.map(({ labelId }) => labelId),
    ]);
    return rows;
  }

  async remove(tx: Transaction, ids: readonly number[]): Promise<void> {
    await tx.query(SQL.remove, [ids]);
  }

  /** Every pair of a name and a host of the team that bears it. */
  hostsNamed(
    tx: Pick<Transaction, 'query'>,
    teamId: number | null,
    names: readonly string[],
  ): Promise<{ name: string; id: number }[]> {
    return tx.query(SQL.hostsNamed, [names, names.filter(isUuid), teamId]);
  }

  /** Scripts by team (0: none) and name, whatever its case, held until the transaction ends; `ord` counts what was asked from 1. */
  scriptsNamed(
    tx: Pick<Transaction, 'query'>,
    wanted: readonly { readonly teamId: number; readonly name: string }[],
  ): Promise<{ ord: number; id: number; name: string; teamId: number | null }[]> {
    return tx.query(SQL.scriptsNamed, [wanted.map(({ teamId }) => teamId), wanted.map(({ name }) => name)]);
  }

  /** Empty for a team that is not there. */
  async teamName(id: number): Promise<string> {
    const [row] = await this.database.query<{ name: string }>(SQL.teamName, [id]);
    return row?.name ?? '';
  }

  async hostnames(tx: Pick<Transaction, 'query'>, ids: readonly number[]): Promise<Map<number, string>> {
    const rows = await tx.query<{ id: number; hostname: string }>(SQL.hostnames, [ids]);
    return new Map(rows.map(({ id, hostname }) => [id, hostname]));
  }

  labelsNamed(
    tx: Pick<Transaction, 'query'>,
    names: readonly string[],
  ): Promise<{ name: string; id: number; ownName: string }[]> {
    return tx.query(SQL.labelsNamed, [names]);
  }
}
