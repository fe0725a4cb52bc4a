import {
  Check,
  Column,
  Entity,
  Index,
  JoinColumn,
  ManyToOne,
  PrimaryGeneratedColumn,
  type Relation,
} from 'typeorm';
import { SavedQuery } from '../saved/saved-query.entity.js';
import { Pack } from './pack.entity.js';

/** A saved query of no team, as one pack schedules it. Replaced, never changed. */
@Entity('pack_queries')
@Check('pack_queries_interval', `"interval" BETWEEN 1 AND 604800`)
@Index('pack_queries_name', ['packId', 'name'], { unique: true })
export class PackQuery {
  @PrimaryGeneratedColumn('identity', {
    type: 'integer',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'pack_queries_pkey',
  })
  id!: number;

  @Column({ type: 'integer', name: 'pack_id' })
  packId!: number;

  @ManyToOne(() => Pack, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'pack_id', foreignKeyConstraintName: 'pack_queries_pack_id_fkey' })
  pack!: Relation<Pack>;

  @Index('pack_queries_query')
  @Column({ type: 'integer', name: 'query_id' })
  queryId!: number;

  @ManyToOne(() => SavedQuery, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'query_id', foreignKeyConstraintName: 'pack_queries_query_id_fkey' })
  query!: Relation<SavedQuery>;

  /** Within the pack: results are told under `pack/<pack>/<name>`. */
  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text', default: '' })
  description!: string;

  /** Seconds. */
  @Column({ type: 'integer' })
  interval!: number;

  /** true: each result whole; null, false: what changed since the last one. */
  @Column({ type: 'boolean', nullable: true })
  snapshot!: boolean | null;

  /** false: rows that are gone are not told; null counts as true. */
  @Column({ type: 'boolean', nullable: true })
  removed!: boolean | null;

  /** As for a query; empty: every platform. */
  @Column({ type: 'text', default: '' })
  platform!: string;

  /** The least version of osquery; empty: any. */
  @Column({ type: 'text', default: '' })
  version!: string;

  /** Percent of the hosts that run it; null: all. */
  @Column({ type: 'integer', nullable: true })
  shard!: number | null;

  /** Whether hosts may stop running it when it costs too much; null: as they like. */
  @Column({ type: 'boolean', nullable: true })
  denylist!: boolean | null;
}
