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
import { Host, Label } from '#libs/agents/index';
import { ScriptInstance } from './script-instance.entity.js';

/** Hosts that an instance is for: one, or those of a label; of its script's team alone. A label in use cannot be deleted. */
@Entity('script_instance_targets')
@Check('script_instance_targets_one', `(host_id IS NULL) <> (label_id IS NULL)`)
export class ScriptInstanceTarget {
  @PrimaryGeneratedColumn('identity', {
    type: 'integer',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'script_instance_targets_pkey',
  })
  id!: number;

  @Index('script_instance_targets_instance')
  @Column({ type: 'integer', name: 'instance_id' })
  instanceId!: number;

  @ManyToOne(() => ScriptInstance, { onDelete: 'CASCADE' })
  @JoinColumn({
    name: 'instance_id',
    foreignKeyConstraintName: 'script_instance_targets_instance_id_fkey',
  })
  instance!: Relation<ScriptInstance>;

  @Index('script_instance_targets_host', { where: 'host_id IS NOT NULL' })
  @Column({ type: 'integer', name: 'host_id', nullable: true })
  hostId!: number | null;

  @ManyToOne(() => Host, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'host_id', foreignKeyConstraintName: 'script_instance_targets_host_id_fkey' })
  host!: Relation<Host> | null;

  @Index('script_instance_targets_label', { where: 'label_id IS NOT NULL' })
  @Column({ type: 'integer', name: 'label_id', nullable: true })
  labelId!: number | null;

  @ManyToOne(() => Label)
  @JoinColumn({ name: 'label_id', foreignKeyConstraintName: 'script_instance_targets_label_id_fkey' })
  label!: Relation<Label> | null;
}
