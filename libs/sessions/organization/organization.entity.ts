import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** What the whole installation is called and where it is reached; one row. */
@Entity('organization')
@Check('organization_one_row', 'id = 1')
export class Organization {
  @PrimaryColumn({ type: 'integer', primaryKeyConstraintName: 'organization_pkey' })
  id!: number;

  @Column({ type: 'text', name: 'org_name', default: '' })
  orgName!: string;

  @Column({ type: 'text', name: 'org_logo_url', default: '' })
  orgLogoUrl!: string;

  /** Nobody can run scripts. */
  @Column({ type: 'boolean', name: 'scripts_disabled', default: false })
  scriptsDisabled!: boolean;

  /** Nobody can run live queries. */
  @Column({ type: 'boolean', name: 'live_query_disabled', default: false })
  liveQueryDisabled!: boolean;

  @Column({ type: 'text', name: 'server_url', default: '' })
  serverUrl!: string;
}
