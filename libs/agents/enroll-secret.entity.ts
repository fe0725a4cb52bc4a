import { CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

/** A shared secret that lets agents enroll. Readable by those who manage enrolment (Fleet's contract prints it). */
@Entity('enroll_secrets')
export class EnrollSecret {
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'enroll_secrets_pkey' })
  secret!: string;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;
}
