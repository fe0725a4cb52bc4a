import { Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Connection } from '../connection.entity.js';
import { GuardRail } from './guard-rail.entity.js';

/** A connection that has a guard rail. */
@Entity('connection_guardrails')
export class ConnectionGuardRail {
  @PrimaryColumn({
    type: 'uuid',
    name: 'connection_id',
    primaryKeyConstraintName: 'connection_guardrails_pkey',
  })
  connectionId!: string;

  @ManyToOne(() => Connection, { onDelete: 'CASCADE' })
  @JoinColumn({
    name: 'connection_id',
    foreignKeyConstraintName: 'connection_guardrails_connection_id_fkey',
  })
  connection!: Relation<Connection>;

  @Index('connection_guardrails_guardrail')
  @PrimaryColumn({
    type: 'uuid',
    name: 'guardrail_id',
    primaryKeyConstraintName: 'connection_guardrails_pkey',
  })
  guardRailId!: string;

  @ManyToOne(() => GuardRail, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'guardrail_id', foreignKeyConstraintName: 'connection_guardrails_guardrail_id_fkey' })
  guardRail!: Relation<GuardRail>;
}
