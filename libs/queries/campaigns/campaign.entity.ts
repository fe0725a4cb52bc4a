import { Check, Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** Why a campaign is over. `answered`: every targeted host has; `abandoned`: nobody was listening any more. */
export type CampaignEnd = 'answered' | 'cancelled' | 'abandoned' | 'time_limit';

/** Hosts that had not answered when the campaign ended, by why. */
export interface Unanswered {
  /** Not connected. */
  readonly offline: readonly number[];
  /** Connected, and had not answered in time. */
  readonly timed_out: readonly number[];
  /** Connected, and told to stop. */
  readonly killed: readonly number[];
}

/** One live query: who asked what of which hosts, and how far it has come. The targets are fixed when it is made. */
@Entity('campaigns')
@Check('campaigns_end', `(status = 2) = (ended_at IS NOT NULL) AND (status = 2) = (end_reason IS NOT NULL)`)
@Index('campaigns_open', ['id'], { where: 'status < 2' })
export class Campaign {
  @PrimaryGeneratedColumn('identity', {
    type: 'integer',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'campaigns_pkey',
  })
  id!: number;

  /** The saved or unsaved query; it may be gone since. */
  @Column({ type: 'integer', name: 'query_id' })
  queryId!: number;

  /** As it was then; null for SQL that was not saved. */
  @Column({ type: 'text', name: 'query_name', nullable: true })
  queryName!: string | null;

  @Column({ type: 'text' })
  sql!: string;

  /** SQL over all answers, or null. */
  @Column({ type: 'text', nullable: true })
  aggregate!: string | null;

  /** Who asked; they may be gone since. */
  @Column({ type: 'integer', name: 'user_id' })
  userId!: number;

  @Column({ type: 'text' })
  email!: string;

  @Column({ type: 'text' })
  address!: string;

  /** Host ids, ascending. */
  @Column({ type: 'integer', array: true })
  targets!: number[];

  /** 0: made; 1: somebody has listened; 2: over. */
  @Column({ type: 'smallint', default: 0 })
  status!: number;

  /** Seconds that it may stay open. */
  @Column({ type: 'integer', name: 'open_seconds' })
  openSeconds!: number;

  /** Seconds that it may take on a host. */
  @Column({ type: 'integer', name: 'host_seconds' })
  hostSeconds!: number;

  /** Rows that a host may answer. */
  @Column({ type: 'integer', name: 'host_rows' })
  hostRows!: number;

  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'ended_at', nullable: true })
  endedAt!: Date | null;

  @Column({ type: 'text', name: 'end_reason', nullable: true })
  endReason!: CampaignEnd | null;

  /** Who cancelled it. */
  @Column({ type: 'text', name: 'ended_by', nullable: true })
  endedBy!: string | null;

  @Column({ type: 'jsonb', nullable: true })
  unanswered!: Unanswered | null;

  /** The last result of the aggregate, as it was streamed. */
  @Column({ type: 'text', name: 'aggregate_result', nullable: true })
  aggregateResult!: string | null;

  /** Number of the last result stored. */
  @Column({ type: 'bigint', name: 'last_seq', default: 0 })
  lastSeq!: string;
}

/** A part of a host's answer, as it is streamed. Mostly there is one. */
@Entity('campaign_results')
@Index('campaign_results_part', ['campaignId', 'hostId', 'part'], { unique: true })
export class CampaignResult {
  @Column({
    type: 'integer',
    name: 'campaign_id',
    primary: true,
    primaryKeyConstraintName: 'campaign_results_pkey',
  })
  campaignId!: number;

  /** From 1, without gaps, in the order in which the campaign's results were stored. */
  @Column({ type: 'bigint', primary: true, primaryKeyConstraintName: 'campaign_results_pkey' })
  seq!: string;

  @Column({ type: 'integer', name: 'host_id' })
  hostId!: number;

  /** From 0. */
  @Column({ type: 'integer' })
  part!: number;

  /** How the host's answer ended; null while more parts follow. */
  @Column({ type: 'text', nullable: true })
  outcome!: string | null;

  @Column({ type: 'integer', name: 'row_count' })
  rowCount!: number;

  /** The data of the `result` event, JSON as text: what a subscriber reads again is byte for byte what was sent first. */
  @Column({ type: 'text' })
  data!: string;
}
