import { Column, Entity, Index, JoinColumn, OneToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Execution } from '../execution.entity.js';

/** What a session remembers of its connection, as that was when the session was asked for. */
export interface ConnectionSnapshot {
  readonly resource_name: string;
  readonly tags: Readonly<Record<string, string>>;
  /** `ConnectionForRun.version`. */
  readonly version: string;
}

/** An exec session: what an execution of that kind has beside the others. */
@Entity('exec_sessions')
@Index('exec_sessions_connection', ['connectionName', 'executionId'])
@Index('exec_sessions_requested_by', ['requestedBy', 'executionId'], { where: 'requested_by IS NOT NULL' })
@Index('exec_sessions_correlation', ['correlationId', 'executionId'], { where: 'correlation_id IS NOT NULL' })
@Index('exec_sessions_kept', ['executionId'], { where: 'output_removed_at IS NULL' })
@Index('exec_sessions_batch', ['batchId', 'executionId'], { where: 'batch_id IS NOT NULL' })
export class ExecSession {
  @PrimaryColumn({ type: 'bigint', name: 'execution_id', primaryKeyConstraintName: 'exec_sessions_pkey' })
  executionId!: string;

  @OneToOne(() => Execution, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'execution_id', foreignKeyConstraintName: 'exec_sessions_execution_id_fkey' })
  execution!: Relation<Execution>;

  /** Stays when the connection is gone. */
  @Column({ type: 'uuid', name: 'connection_id' })
  connectionId!: string;

  @Column({ type: 'text', name: 'connection_name' })
  connectionName!: string;

  @Column({ type: 'text', name: 'connection_type' })
  connectionType!: string;

  @Column({ type: 'text', name: 'connection_subtype' })
  connectionSubtype!: string;

  @Column({ type: 'jsonb' })
  connection!: ConnectionSnapshot;

  /** As the execution's. */
  @Column({ type: 'integer', name: 'requested_by', nullable: true })
  requestedBy!: number | null;

  /** The API token with which it was asked for; null: a login session. */
  @Column({ type: 'integer', name: 'api_token_id', nullable: true })
  apiTokenId!: number | null;

  /** `exec`, or `test`: to see whether the connection works. */
  @Column({ type: 'text', default: 'exec' })
  verb!: string;

  /** What was appended to the connection's command. */
  @Column({ type: 'text', array: true, name: 'client_args', default: '{}' })
  clientArgs!: string[];

  /** Files that the request brought: variable → base64. */
  @Column({ type: 'jsonb', default: {} })
  files!: Record<string, string>;

  @Column({ type: 'jsonb', default: {} })
  metadata!: Record<string, string>;

  @Column({ type: 'jsonb', default: {} })
  labels!: Record<string, string>;

  @Column({ type: 'text', name: 'correlation_id', nullable: true })
  correlationId!: string | null;

  @Column({ type: 'text', name: 'batch_id', nullable: true })
  batchId!: string | null;

  /** SHA-256 over all that decides what is run: the connection, the arguments, the script, what the request brings into the environment. */
  @Column({ type: 'bytea' })
  digest!: Buffer;

  /** SHA-256 of the token of its download link; null: there is none. */
  @Column({ type: 'bytea', name: 'download_token_sha256', nullable: true })
  downloadTokenSha256!: Buffer | null;

  @Column({ type: 'timestamptz', name: 'download_expires_at', nullable: true })
  downloadExpiresAt!: Date | null;

  /** Its output was kept until then; null: it is there. */
  @Column({ type: 'timestamptz', name: 'output_removed_at', nullable: true })
  outputRemovedAt!: Date | null;
}
