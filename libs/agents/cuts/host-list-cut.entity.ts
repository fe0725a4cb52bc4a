import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A point in one order of the list: what the host there was listed by, whether or not it still is. */
@Entity('host_list_cuts')
// One per order, for whoever looks for the first cut behind a host: migration 1790915000000.
@Index('host_list_cuts_id', { synchronize: false })
@Index('host_list_cuts_hostname', { synchronize: false })
@Index('host_list_cuts_uuid', { synchronize: false })
@Index('host_list_cuts_created_at', { synchronize: false })
@Index('host_list_cuts_enrolled_at', { synchronize: false })
export class HostListCut {
  /** The order (`LIST_KEYS`); of the columns below only that one is set. */
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'host_list_cuts_pkey' })
  key!: string;

  /** From 1, in order. */
  @PrimaryColumn({ type: 'integer', primaryKeyConstraintName: 'host_list_cuts_pkey' })
  place!: number;

  @Column({ type: 'integer', name: 'host_id' })
  hostId!: number;

  @Column({ type: 'text', nullable: true })
  hostname!: string | null;

  @Column({ type: 'uuid', nullable: true })
  uuid!: string | null;

  @Column({ type: 'timestamptz', name: 'created_at', nullable: true })
  createdAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'enrolled_at', nullable: true })
  enrolledAt!: Date | null;
}
