import { Check, Entity, PrimaryColumn } from 'typeorm';

/** One row once the first enroll secret was made: later starts never make another. */
@Entity('enrolment')
@Check('enrolment_one_row', 'id = 1')
export class Enrolment {
  @PrimaryColumn({ type: 'integer', primaryKeyConstraintName: 'enrolment_pkey' })
  id!: number;
}
