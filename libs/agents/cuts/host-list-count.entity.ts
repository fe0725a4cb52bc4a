import { Column, Entity, PrimaryColumn } from 'typeorm';

/** How many hosts of a team lie between the cut before and this one, this one included; changes that are not folded yet come on top. */
@Entity('host_list_counts')
export class HostListCount {
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'host_list_counts_pkey' })
  key!: string;

  /** 0: of no team; -1: of any or none. */
  @PrimaryColumn({ type: 'integer', name: 'team_id', primaryKeyConstraintName: 'host_list_counts_pkey' })
  teamId!: number;

  @PrimaryColumn({ type: 'integer', primaryKeyConstraintName: 'host_list_counts_pkey' })
  place!: number;

  @Column({ type: 'integer' })
  hosts!: number;
}
