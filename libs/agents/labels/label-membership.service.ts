import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '#libs/platform/database/index';
import { builtinLabelsOf, JUDGED_BY_FACTS, type PlatformFacts } from './builtin-labels.js';

/** A host has come into a label, or left it. */
export interface MembershipChange {
  readonly hostId: number;
  readonly labelId: number;
}

/** Whether a host is in a label, from now on. */
export interface MembershipVerdict {
  readonly hostId: number;
  readonly labelId: number;
  readonly member: boolean;
}

const SQL = {
  // Most verdicts say what is known already: they cost a look at an index, and write nothing. Hosts and labels that have been
  // deleted meanwhile are passed over; those that are there stay until the commit.
  set: {
    name: 'label_membership_set',
    text: `WITH verdicts AS MATERIALIZED (SELECT * FROM unnest($1::int[], $2::int[], $3::boolean[]) AS v(host_id, label_id, member)),
             gone AS (
               DELETE FROM label_membership m USING verdicts v
               WHERE NOT v.member AND m.label_id = v.label_id AND m.host_id = v.host_id
               RETURNING m.host_id, m.label_id
             ),
             come AS (
           INSERT INTO label_membership (label_id, host_id)
           SELECT l.id, h.id FROM verdicts v JOIN labels l ON l.id = v.label_id JOIN hosts h ON h.id = v.host_id
           WHERE v.member AND NOT EXISTS (
             SELECT 1 FROM label_membership m WHERE m.label_id = v.label_id AND m.host_id = v.host_id
           )
           FOR KEY SHARE OF l, h
           ON CONFLICT DO NOTHING
           RETURNING host_id, label_id)
           SELECT host_id AS "hostId", label_id AS "labelId" FROM gone
           UNION ALL SELECT host_id, label_id FROM come`,
  },
  // All of a host's labels: asked for a few of them, the planner looks up every pair.
  ofHosts: {
    name: 'label_membership_of_hosts',
    text: `SELECT host_id AS "hostId", array_agg(label_id) AS "labelIds" FROM label_membership
           WHERE host_id = ANY($1::int[]) GROUP BY host_id`,
  },
  leave: {
    name: 'label_membership_leave',
    text: `DELETE FROM label_membership m WHERE m.label_id = ANY($1::int[])
           AND (m.label_id, m.host_id) NOT IN (SELECT * FROM unnest($2::int[], $3::int[]))
           RETURNING m.host_id AS "hostId", m.label_id AS "labelId"`,
  },
  // Hosts that have been removed meanwhile are passed over.
  join: {
    name: 'label_membership_join',
    text: `INSERT INTO label_membership (label_id, host_id)
           SELECT v.label_id, h.id FROM unnest($1::int[], $2::int[]) AS v(label_id, host_id) JOIN hosts h ON h.id = v.host_id
           FOR KEY SHARE OF h ON CONFLICT DO NOTHING RETURNING host_id AS "hostId", label_id AS "labelId"`,
  },
  clear: {
    name: 'label_membership_clear',
    text: `DELETE FROM label_membership WHERE label_id = $1 AND host_id NOT IN (SELECT unnest($2::int[]))
           RETURNING host_id AS "hostId", label_id AS "labelId"`,
  },
};

/** The one way in which hosts come into labels and leave them. */
@Injectable()
export class LabelMembership {
  private readonly listeners: ((changes: readonly MembershipChange[]) => void)[] = [];

  constructor(private readonly database: Database) {}

  /** Told after each commit that has changed something; must not throw. */
  onChange(listener: (changes: readonly MembershipChange[]) => void): void {
    this.listeners.push(listener);
  }

  /** Any number of verdicts at once; a host's other labels stay as they are. */
  async set(verdicts: readonly MembershipVerdict[], tx?: Transaction): Promise<void> {
    if (verdicts.length === 0) return;
    const changes = await (tx ?? this.database).query<MembershipChange>(SQL.set, [
      verdicts.map(({ hostId }) => hostId),
      verdicts.map(({ labelId }) => labelId),
      verdicts.map(({ member }) => member),
    ]);
    this.tell(changes, tx);
  }

  /**
   * These hosts are in the built-in labels that their facts speak for, and in no other that facts decide. Mostly they are already:
   * that costs one look at what stands there, 500 hosts at a time when a fleet comes back.
   * @param tx holds the hosts' rows, so that nobody judges them by other facts meanwhile
   */
  async judge(
    hosts: readonly ({ readonly hostId: number } & PlatformFacts)[],
    tx: Transaction,
  ): Promise<void> {
    const rows = await tx.query<{ hostId: number; labelIds: number[] }>(SQL.ofHosts, [
      hosts.map(({ hostId }) => hostId),
    ]);
    const known = new Map(rows.map(({ hostId, labelIds }) => [hostId, labelIds]));
    const changes = hosts.flatMap((host) => {
      const [is, should] = [known.get(host.hostId) ?? [], builtinLabelsOf(host)];
      return JUDGED_BY_FACTS.filter((labelId) => is.includes(labelId) !== should.includes(labelId)).map(
        (labelId) => ({ hostId: host.hostId, labelId, member: should.includes(labelId) }),
      );
    });
    await this.set(changes, tx);
  }

  /** Exactly these hosts are in these labels; ids of hosts that do not exist are passed over. @param tx holds the labels' rows */
  async replaceAll(
    labelIds: readonly number[],
    members: readonly { readonly labelId: number; readonly hostId: number }[],
    tx: Transaction,
  ): Promise<void> {
    const columns = [members.map(({ labelId }) => labelId), members.map(({ hostId }) => hostId)];
    const changes = await Promise.all([
      tx.query<MembershipChange>(SQL.leave, [labelIds, ...columns]),
      tx.query<MembershipChange>(SQL.join, columns),
    ]);
    this.tell(changes.flat(), tx);
  }

  /** Exactly these hosts are in the label; ids of hosts that do not exist are passed over. */
  async replace(labelId: number, hostIds: readonly number[], tx: Transaction): Promise<void> {
    this.tell(await tx.query<MembershipChange>(SQL.clear, [labelId, hostIds]), tx);
    await this.set(
      hostIds.map((hostId) => ({ hostId, labelId, member: true })),
      tx,
    );
  }

  private tell(changes: readonly MembershipChange[], tx?: Transaction): void {
    if (changes.length === 0) return;
    const tell = (): void => {
      for (const listener of this.listeners) listener(changes);
    };
    if (tx) tx.afterCommit(tell);
    else tell();
  }
}
