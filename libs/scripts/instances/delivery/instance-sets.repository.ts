import { Injectable } from '@nestjs/common';
import { Database } from '#libs/platform/database/index';
import { REACHES } from '../instances.repository.js';
import { type InstanceSettings } from '../instance-fields.js';
import { timeoutOf } from '../instance-timeout.js';

/** An instance, as far as agents need it. */
export interface DeliverableInstance extends Omit<InstanceSettings, 'timeoutSeconds'> {
  readonly timeoutSeconds: number;
  readonly id: number;
  readonly name: string;
  readonly scriptId: number;
  readonly scriptName: string;
  readonly contentSha256: Buffer;
}

const SQL = {
  all: {
    name: 'instance_sets_all',
    text: `SELECT i.id, i.name, i.script_id AS "scriptId", s.name AS "scriptName", s.content_sha256 AS "contentSha256", i.arguments, i.start_trigger AS "startTrigger",
             i.stop_trigger AS "stopTrigger", i.enabled, ${timeoutOf('$1')} AS "timeoutSeconds", i.debounce_ms AS "debounceMs", i.max_starts_per_minute AS "maxStartsPerMinute"
           FROM script_instances i JOIN scripts s ON s.id = i.script_id WHERE i.id > 0 ORDER BY i.id`,
  },
  labels: {
    name: 'instance_sets_labels',
    text: 'SELECT DISTINCT label_id FROM script_instance_targets WHERE label_id IS NOT NULL AND label_id > -2147483648',
  },
  // Nobody may run scripts: nobody has instances.
  ofHosts: {
    name: 'instance_sets_of_hosts',
    text: `SELECT h.id AS "hostId", array_to_json(array_agg(DISTINCT i.id ORDER BY i.id)) AS ids FROM unnest($1::int[]) AS asked(id) CROSS JOIN LATERAL (
             SELECT t.instance_id AS id FROM script_instance_targets t WHERE t.host_id = asked.id
             UNION ALL SELECT t.instance_id FROM label_membership m JOIN script_instance_targets t ON t.label_id = m.label_id WHERE m.host_id = asked.id
           ) named JOIN hosts h ON h.id = asked.id JOIN script_instances i ON i.id = named.id JOIN scripts s ON s.id = i.script_id
           WHERE ${REACHES} AND NOT EXISTS (SELECT 1 FROM organization o WHERE o.id = 1 AND o.scripts_disabled) GROUP BY h.id`,
  },
};

/** Reads what agents are to have: a handful of rows for all hosts, and one per host. */
@Injectable()
export class InstanceSetsRepository {
  constructor(private readonly database: Database) {}

  /** @param timeoutSeconds of instances that have none, and whose team has none */
  async load(timeoutSeconds: number): Promise<{ instances: DeliverableInstance[]; labelIds: Set<number> }> {
    const [instances, labels] = await Promise.all([
      this.database.query<DeliverableInstance>(SQL.all, [timeoutSeconds]),
      this.database.query<{ label_id: number }>(SQL.labels),
    ]);
    return { instances, labelIds: new Set(labels.map(({ label_id }) => label_id)) };
  }

  /** Ids of the instances of each host, in order; hosts without any are left out. */
  async ofHosts(hostIds: readonly number[]): Promise<ReadonlyMap<number, number[]>> {
    const rows = await this.database.query<{ hostId: number; ids: number[] }>(SQL.ofHosts, [hostIds]);
    return new Map(rows.map(({ hostId, ids }) => [hostId, ids]));
  }
}
