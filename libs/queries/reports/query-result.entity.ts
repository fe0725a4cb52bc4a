import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Host } from '#libs/agents/index';
import { SavedQuery } from '../saved/saved-query.entity.js';

/** What a host last answered to a query that it runs again and again. */
@Entity('query_results')
export class QueryResult {
  @PrimaryColumn({ type: 'integer', name: 'query_id', primaryKeyConstraintName: 'query_results_pkey' })
  queryId!: number;

  @PrimaryColumn({ type: 'integer', name: 'host_id', primaryKeyConstraintName: 'query_results_pkey' })
  @Index('query_results_host')
  hostId!: number;

  /** JSON text: an array of objects, column name → text. */
  @Column({ type: 'text' })
  rows!: string;

  @Column({ type: 'timestamptz', name: 'last_fetched' })
  lastFetched!: Date;

  @ManyToOne(() => SavedQuery, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'query_id', foreignKeyConstraintName: 'query_results_query_id_fkey' })
  query!: Relation<SavedQuery>;

  @ManyToOne(() => Host, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'host_id', foreignKeyConstraintName: 'query_results_host_id_fkey' })
  host!: Relation<Host>;
}
