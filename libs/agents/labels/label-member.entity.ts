import { Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Host } from '../host.entity.js';
import { Label } from './label.entity.js';

/** A host is in a label. Written by `LabelMembership` only. */
@Entity('label_membership')
@Index('label_membership_host', ['hostId', 'labelId'])
export class LabelMember {
  @PrimaryColumn({ type: 'integer', name: 'label_id', primaryKeyConstraintName: 'label_membership_pkey' })
  labelId!: number;

  @PrimaryColumn({ type: 'integer', name: 'host_id', primaryKeyConstraintName: 'label_membership_pkey' })
  hostId!: number;

  @ManyToOne(() => Label, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'label_id', foreignKeyConstraintName: 'label_membership_label_id_fkey' })
  label!: Relation<Label>;

  @ManyToOne(() => Host, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'host_id', foreignKeyConstraintName: 'label_membership_host_id_fkey' })
  host!: Relation<Host>;
}
