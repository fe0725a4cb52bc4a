import {
  Column,
  CreateDateColumn,
  Entity,
  Index,
  JoinColumn,
  ManyToOne,
  PrimaryGeneratedColumn,
  type Relation,
  Unique,
  UpdateDateColumn,
} from 'typeorm';
import { type AgentLabels, type HostFacts } from '#libs/protocol/index';
import { Team } from '#libs/sessions/index';

const SEARCH = `lower(hostname || E'\\n' || hardware_serial || E'\\n' || uuid::text || E'\\n' || coalesce(facts->>'primary_ip', ''))`;

/** A managed machine. The pair (hardware uuid, instance) is what enrolment recognises it by. */
@Entity('hosts')
@Unique('hosts_node_key_hash', ['nodeKeyHash'])
@Unique('hosts_uuid', ['uuid'])
@Unique('hosts_machine', ['hardwareUuid', 'instance'])
// One per order that the list knows, each with the id behind it and with what the list filters by: migration 1790200000000.
@Index('hosts_list_id', { synchronize: false })
@Index('hosts_list_hostname', { synchronize: false })
@Index('hosts_list_uuid', { synchronize: false })
@Index('hosts_list_created_at', { synchronize: false })
@Index('hosts_list_enrolled_at', { synchronize: false })
// For what is sorted by itself: a team's hosts, and what a text is found in.
@Index('hosts_by_team', { synchronize: false })
// Every way to name its agent's labels: migration 1790690000000.
@Index('hosts_agent_labels', { synchronize: false })
export class Host {
  @PrimaryGeneratedColumn('identity', {
    type: 'integer',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'hosts_pkey',
  })
  id!: number;

  /** null: of no team. */
  @Column({ type: 'integer', name: 'team_id', nullable: true })
  teamId!: number | null;

  @ManyToOne(() => Team, { onDelete: 'SET NULL' })
  @JoinColumn({ name: 'team_id', foreignKeyConstraintName: 'hosts_team_id_fkey' })
  team!: Relation<Team> | null;

  /** The machine's own uuid; a derived one for a second agent on the same machine. */
  @Column({ type: 'uuid' })
  uuid!: string;

  @Column({ type: 'uuid', name: 'hardware_uuid' })
  hardwareUuid!: string;

  /** Tells several agents on one machine apart. */
  @Column({ type: 'text' })
  instance!: string;

  /** `--hostname`, else the system's. Two hosts may share it. */
  @Column({ type: 'text' })
  hostname!: string;

  @Index('hosts_hardware_serial')
  @Column({ type: 'text', name: 'hardware_serial', default: '' })
  hardwareSerial!: string;

  @Column({ type: 'jsonb' })
  facts!: HostFacts;

  /** All that the list can be searched for, in lower case, one a line. */
  @Column({ type: 'text', generatedType: 'STORED', asExpression: SEARCH, nullable: true, select: false })
  readonly search!: string;

  @Column({ type: 'jsonb', default: {} })
  labels!: AgentLabels;

  @Column({ type: 'text', name: 'agent_version', default: '' })
  agentVersion!: string;

  /** null until the agent has said hello once. */
  @Column({ type: 'boolean', name: 'scripts_enabled', nullable: true })
  scriptsEnabled!: boolean | null;

  /** Its agent masks output, ends runs by their output, and writes no secret down; older ones would ignore that they are to. */
  @Column({ type: 'boolean', name: 'keeps_secrets', default: false })
  keepsSecrets!: boolean;

  @Column({ type: 'integer', name: 'parallel_slots', default: 4 })
  parallelSlots!: number;

  /** SHA-256 of the node key. */
  @Column({ type: 'bytea', name: 'node_key_hash' })
  nodeKeyHash!: Buffer;

  /** The agent's public key, 32 bytes: who has its private half enrolls again as this host. null: none is known yet. */
  @Column({ type: 'bytea', name: 'agent_key', nullable: true })
  agentKey!: Buffer | null;

  /** Until then its machine may enroll again without the key, once. null: nobody has allowed it. */
  @Column({ type: 'timestamptz', name: 'reenroll_until', nullable: true })
  reenrollUntil!: Date | null;

  /** The agent's journal at its last hello: outcomes of attempts sent to another one are unknown. */
  @Column({ type: 'uuid', name: 'journal_id', nullable: true })
  journalId!: string | null;

  @Column({ type: 'boolean', default: false })
  online!: boolean;

  /** The connection that made it online; an older one's end changes nothing. */
  @Column({ type: 'text', name: 'connection_id', nullable: true })
  connectionId!: string | null;

  /** It is given nothing new to run since then; null: it is. */
  @Column({ type: 'timestamptz', name: 'draining_since', nullable: true })
  drainingSince!: Date | null;

  @Column({ type: 'timestamptz', name: 'seen_at', default: () => 'now()' })
  seenAt!: Date;

  @Column({ type: 'timestamptz', name: 'enrolled_at', default: () => 'now()' })
  enrolledAt!: Date;

  @Column({ type: 'timestamptz', name: 'facts_at', default: () => 'now()' })
  factsAt!: Date;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at' })
  updatedAt!: Date;
}
