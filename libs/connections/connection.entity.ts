import {
  Check,
  Column,
  CreateDateColumn,
  Entity,
  Index,
  JoinColumn,
  ManyToOne,
  PrimaryColumn,
  type Relation,
  Unique,
  UpdateDateColumn,
} from 'typeorm';
import { Team } from '#libs/sessions/index';

export const CONNECTION_TYPES = ['database', 'application', 'custom'] as const;
export type ConnectionType = (typeof CONNECTION_TYPES)[number];

/** What is masked in output by its looks, beside the values of the connection's own secrets. */
export const MASK_TYPES = ['card', 'token', 'email'] as const;
export type MaskType = (typeof MASK_TYPES)[number];

export const ACCESS_MODES = ['enabled', 'disabled'] as const;
export type AccessMode = (typeof ACCESS_MODES)[number];

const accessCheck = (column: string): string => `${column} IN ('enabled', 'disabled')`;

/** A named recipe: a command, where it runs, with which secrets, under which rules. */
@Entity('connections')
@Unique('connections_name', ['name'])
@Check('connections_type', `type IN ('database', 'application', 'custom')`)
@Check('connections_access_mode_exec', accessCheck('access_mode_exec'))
@Check('connections_access_mode_connect', accessCheck('access_mode_connect'))
@Check('connections_access_mode_runbooks', accessCheck('access_mode_runbooks'))
@Check('connections_access_schema', accessCheck('access_schema'))
@Check('connections_timeout', 'timeout_seconds > 0')
export class Connection {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'connections_pkey' })
  id!: string;

  /** Never changes. */
  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text' })
  type!: ConnectionType;

  @Column({ type: 'text', default: '' })
  subtype!: string;

  /** argv, to which a session's arguments are appended; empty: that of the subtype. */
  @Column({ type: 'text', array: true, default: '{}' })
  command!: string[];

  /** Where it runs: a host's uuid or hostname, `key:value`, or a selector. */
  @Column({ type: 'text' })
  agent!: string;

  /** null: of no team. */
  @Index('connections_team_id')
  @Column({ type: 'integer', name: 'team_id', nullable: true })
  teamId!: number | null;

  @ManyToOne(() => Team, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'team_id', foreignKeyConstraintName: 'connections_team_id_fkey' })
  team!: Relation<Team> | null;

  @Column({ type: 'text', name: 'resource_name', default: '' })
  resourceName!: string;

  @Column({ type: 'text', name: 'access_mode_exec', default: 'enabled' })
  accessModeExec!: AccessMode;

  @Column({ type: 'text', name: 'access_mode_connect', default: 'disabled' })
  accessModeConnect!: AccessMode;

  @Column({ type: 'text', name: 'access_mode_runbooks', default: 'disabled' })
  accessModeRunbooks!: AccessMode;

  @Column({ type: 'text', name: 'access_schema', default: 'disabled' })
  accessSchema!: AccessMode;

  /** E-mails, roles, names of teams; not empty: a session waits for them. */
  @Column({ type: 'text', array: true, default: '{}' })
  reviewers!: string[];

  /** How many of the groups above have to approve; null: each. */
  @Column({ type: 'integer', name: 'min_review_approvals', nullable: true })
  minReviewApprovals!: number | null;

  /** Those among them whose approval is enough by itself. */
  @Column({ type: 'text', name: 'force_approve_groups', array: true, default: '{}' })
  forceApproveGroups!: string[];

  /** Seconds. */
  @Column({ type: 'integer', name: 'access_max_duration', nullable: true })
  accessMaxDuration!: number | null;

  @Column({ type: 'boolean', name: 'redact_enabled', default: false })
  redactEnabled!: boolean;

  /** hoop's names of what is masked (`EMAIL_ADDRESS`…). */
  @Column({ type: 'text', name: 'redact_types', array: true, default: '{}' })
  redactTypes!: string[];

  @Column({ type: 'text', name: 'mask_types', array: true, default: '{}' })
  maskTypes!: MaskType[];

  @Column({ type: 'text', array: true, default: '{}' })
  attributes!: string[];

  @Column({ type: 'jsonb', name: 'connection_tags', default: {} })
  connectionTags!: Record<string, string>;

  /** hoop's old form of tags. */
  @Column({ type: 'text', array: true, default: '{}' })
  tags!: string[];

  @Column({ type: 'text', name: 'mandatory_metadata_fields', array: true, default: '{}' })
  mandatoryMetadataFields!: string[];

  /** Of one run. */
  @Column({ type: 'integer', name: 'timeout_seconds', default: 3600 })
  timeoutSeconds!: number;

  /** Output kept of one run; null: as the server's setting says. */
  @Column({ type: 'bigint', name: 'output_cap_bytes', nullable: true })
  outputCapBytes!: string | null;

  /** What a session may append to the command, to the letter; `*`: anything; null: anything. */
  @Column({ type: 'text', name: 'allowed_client_args', array: true, nullable: true })
  allowedClientArgs!: string[] | null;

  /** Names of variables that a session may bring; `*`: any. */
  @Column({ type: 'text', name: 'allowed_env', array: true, default: '{}' })
  allowedEnv!: string[];

  /** Variables that are no secrets. */
  @Column({ type: 'jsonb', default: {} })
  env!: Record<string, string>;

  @Column({ type: 'timestamptz', name: 'secrets_updated_at', nullable: true })
  secretsUpdatedAt!: Date | null;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at' })
  updatedAt!: Date;
}
