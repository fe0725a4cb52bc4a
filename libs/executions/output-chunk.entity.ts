import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, type Relation, Unique } from 'typeorm';
import { Execution } from './execution.entity.js';

/** A piece of output, as bytes. `seq` is the cursor of the whole execution; `chunkNo` is the agent's number within its attempt. */
@Entity('output_chunks')
@Unique('output_chunks_target_chunk', ['targetId', 'chunkNo'])
export class OutputChunk {
  @PrimaryColumn({ type: 'bigint', name: 'execution_id', primaryKeyConstraintName: 'output_chunks_pkey' })
  executionId!: string;

  @PrimaryColumn({ type: 'bigint', primaryKeyConstraintName: 'output_chunks_pkey' })
  seq!: string;

  /** Goes with it by a trigger (migration 1790970000000). */
  @ManyToOne(() => Execution, { createForeignKeyConstraints: false })
  @JoinColumn({ name: 'execution_id' })
  execution!: Relation<Execution>;

  @Column({ type: 'bigint', name: 'target_id' })
  targetId!: string;

  @Column({ type: 'integer', name: 'chunk_no' })
  chunkNo!: number;

  @Column({ type: 'text' })
  stream!: 'stdout' | 'stderr';

  @Column({ type: 'timestamptz' })
  at!: Date;

  @Column({ type: 'bytea' })
  data!: Buffer;
}
