import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** By how much the number of a team's hosts has changed; triggers over `hosts` write it, `HostTotals` reads the sums. */
@Entity('host_changes')
@Index('host_changes_team', { synchronize: false })
export class HostChange {
  @PrimaryGeneratedColumn('identity', {
    type: 'bigint',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'host_changes_pkey',
  })
  id!: string;

  /** 0: of no team. */
  @Column({ type: 'integer', name: 'team_id' })
  teamId!: number;

  @Column({ type: 'integer' })
  hosts!: number;
}
