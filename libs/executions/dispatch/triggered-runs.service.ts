import { Inject, Injectable } from '@nestjs/common';
import { type Triggered } from '#libs/protocol/index';
import { Batcher } from '#libs/platform/batch/index';
import { type Settings, SETTINGS } from '#libs/platform/config/index';
import { Database } from '#libs/platform/database/index';
import { timeoutOf } from '#libs/scripts/index';
import { Nudges } from '../results/nudges.js';

/** `ok`: in the ledger, now or earlier. `gone`: its instance or host is no more, or the instance is not for that host; so the run does not count. */
export type TriggeredStatus = 'ok' | 'gone';

interface TriggeredItem {
  readonly hostId: number;
  readonly run: Triggered;
}

const GRACE_SECONDS = 10;
const MOST = 500;

/*
 * One statement, one commit, for the words of many agents, in the order in which they came: execution, target and audit row each. An attempt that
 * is there already (its acknowledgement was lost) is passed over, whatever has become of it; so is one whose uuid another host has taken.
 */
const SQL = {
  record: {
    name: 'triggered_record',
    text: `
      WITH given AS MATERIALIZED (
        SELECT g.*, i.name AS instance_name, i.script_id, s.name AS script_name, ${timeoutOf('$2')} AS timeout_seconds, h.journal_id
        FROM jsonb_to_recordset($1::jsonb) AS g(ord int, attempt_id uuid, host_id int, instance_id int, content text, arguments jsonb, trigger jsonb, started_at timestamptz)
        JOIN script_instances i ON i.id = g.instance_id JOIN scripts s ON s.id = i.script_id JOIN hosts h ON h.id = g.host_id
        WHERE h.team_id IS NOT DISTINCT FROM s.team_id AND ((SELECT true FROM script_instance_targets t WHERE t.instance_id = i.id AND t.host_id = h.id LIMIT 1)
          OR (SELECT true FROM script_instance_targets t JOIN label_membership m ON m.label_id = t.label_id WHERE t.instance_id = i.id AND m.host_id = h.id LIMIT 1))
      ), made AS (
        INSERT INTO executions (uuid, kind, requested_by_email, content_sha256, options, timeout_seconds, grace_seconds, output_cap_bytes, lease_seconds, created_at)
        SELECT attempt_id, 'instance', '', decode(content, 'hex'), jsonb_build_object('arguments', arguments, 'script_name', script_name,
            'instance', jsonb_build_object('id', instance_id, 'name', instance_name, 'script_id', script_id, 'trigger', trigger)),
          timeout_seconds, ${GRACE_SECONDS}, $3, $4, now()
        FROM given ORDER BY ord ON CONFLICT (uuid) DO NOTHING RETURNING id, uuid
      ), begun AS (
        INSERT INTO targets (uuid, execution_id, host_id, instance_id, lane, state, attempt_id, journal_id, started_at)
        SELECT m.uuid, m.id, g.host_id, g.instance_id, 'triggered', 'running', g.attempt_id, g.journal_id, g.started_at
        FROM given g JOIN made m ON m.uuid = g.attempt_id ORDER BY g.ord RETURNING execution_id, uuid
      ), recorded AS (
        INSERT INTO audit (act, outcome, execution_uuid, host_id, details)
        SELECT 'triggered_script_instance', 'done', g.attempt_id, g.host_id,
          jsonb_build_object('script_name', g.script_name, 'instance_name', g.instance_name, 'trigger', g.trigger, 'content_sha256', g.content)
        FROM given g JOIN made m ON m.uuid = g.attempt_id ORDER BY g.ord
      )
      SELECT g.attempt_id, m.id AS execution_id FROM given g LEFT JOIN made m ON m.uuid = g.attempt_id`,
  },
  // Taken by this host before.
  known: {
    name: 'triggered_known',
    text: `SELECT g.attempt_id FROM unnest($1::uuid[], $2::int[]) AS g(attempt_id, host_id)
           WHERE (SELECT t.host_id FROM targets t WHERE t.attempt_id = g.attempt_id) = g.host_id`,
  },
};

/** Takes runs that agents have started by themselves into the ledger; from then on they are runs like any other. */
@Injectable()
export class TriggeredRunsService {
  private readonly batcher = new Batcher((items: TriggeredItem[]) => this.write(items), MOST);

  constructor(
    private readonly database: Database,
    private readonly nudges: Nudges,
    @Inject(SETTINGS)
    private readonly settings: Pick<Settings, 'outputCapBytes' | 'leaseSeconds' | 'scriptTimeoutSeconds'>,
  ) {}

  /** Resolves after the commit. @throws when the database is away: nothing was stored, say it again later */
  take(hostId: number, run: Triggered): Promise<TriggeredStatus> {
    return this.batcher.add({ hostId, run });
  }

  private async write(items: TriggeredItem[]): Promise<TriggeredStatus[]> {
    const { outputCapBytes, leaseSeconds, scriptTimeoutSeconds } = this.settings;
    const fresh = [...new Map(items.map((item) => [item.run.attempt_id, item])).values()];
    const rows = await this.database.query<{ attempt_id: string; execution_id: string | null }>(SQL.record, [
      JSON.stringify(fresh.map(toRow)),
      scriptTimeoutSeconds,
      outputCapBytes,
      leaseSeconds,
    ]);
    const made = rows.filter(({ execution_id }) => execution_id !== null);
    this.nudges.changed(made.flatMap(({ execution_id }) => execution_id ?? []));
    const taken = new Set(made.map(({ attempt_id }) => attempt_id));
    const others = fresh.filter(({ run }) => !taken.has(run.attempt_id));
    if (others.length > 0) {
      const known = await this.database.query<{ attempt_id: string }>(SQL.known, [
        others.map(({ run }) => run.attempt_id),
        others.map(({ hostId }) => hostId),
      ]);
      for (const { attempt_id } of known) taken.add(attempt_id);
    }
    return items.map(({ run }) => (taken.has(run.attempt_id) ? 'ok' : 'gone'));
  }
}

function toRow({ hostId, run }: TriggeredItem, ord: number): object {
  return {
    ord,
    attempt_id: run.attempt_id,
    host_id: hostId,
    instance_id: run.instance_id,
    content: run.content_sha256,
    // PostgreSQL's text holds no NUL; no argument of a process does.
    arguments: run.arguments.map((argument) => argument.replaceAll('\0', '')),
    trigger: run.trigger,
    started_at: new Date(run.started_at).toISOString(),
  };
}
