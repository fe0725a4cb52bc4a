import { Column, Entity, JoinColumn, OneToOne, PrimaryColumn, type Relation, Unique } from 'typeorm';
import { type StatementSignature } from '#libs/protocol/index';
import { Execution } from '../execution.entity.js';

/** What people have signed of an execution, for hosts that run nothing else. */
@Entity('execution_statements')
@Unique('execution_statements_nonce', ['nonce'])
export class ExecutionStatement {
  @PrimaryColumn({
    type: 'bigint',
    name: 'execution_id',
    primaryKeyConstraintName: 'execution_statements_pkey',
  })
  executionId!: string;

  @OneToOne(() => Execution, { onDelete: 'CASCADE' })
  @JoinColumn({
    name: 'execution_id',
    foreignKeyConstraintName: 'execution_statements_execution_id_fkey',
  })
  execution!: Relation<Execution>;

  /** The text that was signed. */
  @Column({ type: 'text' })
  statement!: string;

  @Column({ type: 'jsonb' })
  signatures!: StatementSignature[];

  /** The hosts that it was signed for. */
  @Column({ type: 'integer', array: true, name: 'host_ids' })
  hostIds!: number[];

  /** Of its hosts, 32 bytes each, in their order: of which each host's proof is made. */
  @Column({ type: 'bytea' })
  leaves!: Buffer;

  /** The statement's: it is good for one request. */
  @Column({ type: 'text' })
  nonce!: string;
}
