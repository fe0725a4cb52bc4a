import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Connection } from '../connection.entity.js';

/** One secret of a connection; what it is can be read only with a key that is not in the database. */
@Entity('connection_secrets')
export class ConnectionSecret {
  @PrimaryColumn({ type: 'uuid', name: 'connection_id', primaryKeyConstraintName: 'connection_secrets_pkey' })
  connectionId!: string;

  @ManyToOne(() => Connection, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'connection_id', foreignKeyConstraintName: 'connection_secrets_connection_id_fkey' })
  connection!: Relation<Connection>;

  /** hoop's names: `envvar:PGPASSWORD`, `filesystem:KUBECONFIG`. */
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'connection_secrets_pkey' })
  name!: string;

  /** What `sealing.ts` makes: bound to this connection and this name. */
  @Column({ type: 'bytea' })
  sealed!: Buffer;

  /** Names the key that it is sealed with; says nothing about the key. */
  @Index('connection_secrets_key')
  @Column({ type: 'text', name: 'key_id' })
  keyId!: string;

  @Column({ type: 'timestamptz', name: 'updated_at', default: () => 'now()' })
  updatedAt!: Date;
}
