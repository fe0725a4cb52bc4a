import {
  Column,
  CreateDateColumn,
  Entity,
  JoinColumn,
  ManyToOne,
  PrimaryGeneratedColumn,
  type Relation,
  Unique,
  UpdateDateColumn,
} from 'typeorm';
import { type StartTrigger, type StopTrigger } from '#libs/protocol/index';
import { Script } from '../script.entity.js';

/** A configuration of a saved script: arguments, what starts and stops it. On a host it runs once at a time. */
@Entity('script_instances')
@Unique('script_instances_name', ['scriptId', 'name'])
export class ScriptInstance {
  @PrimaryGeneratedColumn('identity', {
    type: 'integer',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'script_instances_pkey',
  })
  id!: number;

  @Column({ type: 'integer', name: 'script_id' })
  scriptId!: number;

  @ManyToOne(() => Script, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'script_id', foreignKeyConstraintName: 'script_instances_script_id_fkey' })
  script!: Relation<Script>;

  /** Unique within its script; case counts. */
  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'jsonb', default: [] })
  arguments!: string[];

  @Column({ type: 'jsonb', name: 'start_trigger' })
  startTrigger!: StartTrigger;

  @Column({ type: 'jsonb', name: 'stop_trigger' })
  stopTrigger!: StopTrigger;

  /** false: its triggers start nothing. */
  @Column({ type: 'boolean', default: true })
  enabled!: boolean;

  /** null: the setting. */
  @Column({ type: 'integer', name: 'timeout_seconds', nullable: true })
  timeoutSeconds!: number | null;

  /** null: the agent's own. */
  @Column({ type: 'integer', name: 'debounce_ms', nullable: true })
  debounceMs!: number | null;

  /** null: the agent's own. */
  @Column({ type: 'integer', name: 'max_starts_per_minute', nullable: true })
  maxStartsPerMinute!: number | null;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at' })
  updatedAt!: Date;
}
