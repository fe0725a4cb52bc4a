import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** A host came into the lists or left them, with all that it is listed by; triggers over `hosts` write it, `HostCuts` folds it. */
@Entity('host_list_changes')
export class HostListChange {
  @PrimaryGeneratedColumn('identity', {
    type: 'bigint',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'host_list_changes_pkey',
  })
  id!: string;

  @Column({ type: 'integer', name: 'host_id' })
  hostId!: number;

  /** 0: of no team. */
  @Column({ type: 'integer', name: 'team_id' })
  teamId!: number;

  @Column({ type: 'text' })
  hostname!: string;

  @Column({ type: 'uuid' })
  uuid!: string;

  @Column({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'enrolled_at' })
  enrolledAt!: Date;

  /** 1: came; -1: left. */
  @Column({ type: 'smallint' })
  hosts!: number;
}
