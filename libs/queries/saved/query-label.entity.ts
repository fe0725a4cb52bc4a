import { Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Label } from '#libs/agents/index';
import { SavedQuery } from './saved-query.entity.js';

/** A query is scheduled on hosts of one of its labels only (`labels_include_any`). A label in use cannot be deleted. */
@Entity('query_labels')
export class QueryLabel {
  @PrimaryColumn({ type: 'integer', name: 'query_id', primaryKeyConstraintName: 'query_labels_pkey' })
  queryId!: number;

  @PrimaryColumn({ type: 'integer', name: 'label_id', primaryKeyConstraintName: 'query_labels_pkey' })
  @Index('query_labels_label')
  labelId!: number;

  @ManyToOne(() => SavedQuery, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'query_id', foreignKeyConstraintName: 'query_labels_query_id_fkey' })
  query!: Relation<SavedQuery>;

  @ManyToOne(() => Label)
  @JoinColumn({ name: 'label_id', foreignKeyConstraintName: 'query_labels_label_id_fkey' })
  label!: Relation<Label>;
}
