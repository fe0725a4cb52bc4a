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
import { Label } from '#libs/agents/index';
import { Team } from '#libs/sessions/index';
import { Pack } from './pack.entity.js';

/** Hosts that a pack reaches: those of a label, or of a team. */
@Entity('pack_targets')
@Check('pack_targets_one', `(label_id IS NULL) <> (team_id IS NULL)`)
@Index('pack_targets_pack', ['packId', 'labelId', 'teamId'])
export class PackTarget {
  @PrimaryGeneratedColumn('identity', {
    type: 'integer',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'pack_targets_pkey',
  })
  id!: number;

  @Column({ type: 'integer', name: 'pack_id' })
  packId!: number;

  @ManyToOne(() => Pack, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'pack_id', foreignKeyConstraintName: 'pack_targets_pack_id_fkey' })
  pack!: Relation<Pack>;

  @Index('pack_targets_label')
  @Column({ type: 'integer', name: 'label_id', nullable: true })
  labelId!: number | null;

  @ManyToOne(() => Label, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'label_id', foreignKeyConstraintName: 'pack_targets_label_id_fkey' })
  label!: Relation<Label> | null;

  @Index('pack_targets_team')
  @Column({ type: 'integer', name: 'team_id', nullable: true })
  teamId!: number | null;

  @ManyToOne(() => Team, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'team_id', foreignKeyConstraintName: 'pack_targets_team_id_fkey' })
  team!: Relation<Team> | null;
}
