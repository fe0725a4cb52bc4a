import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, IsUUID, Matches, ValidateBy } from 'class-validator';

const OUTCOMES = ['done', 'denied', 'failed'] as const;
type Outcome = (typeof OUTCOMES)[number];

const TIME = /^(?!0000)\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/;

/** A date, or a date and time, that exists. */
const time = (name: string): PropertyDecorator =>
  ValidateBy({
    name: 'time',
    validator: {
      validate: (value: unknown) =>
        typeof value === 'string' && TIME.test(value) && !Number.isNaN(Date.parse(value)),
      defaultMessage: () => `${name} must be an ISO 8601 time such as 2026-01-31T12:00:00Z`,
    },
  });
const whole = (name: string, digits = 15): PropertyDecorator =>
  Matches(new RegExp(`^\\d{1,${digits}}$`), { message: `${name} must be a whole number` });

export class AuditListQueryDto {
  @ApiPropertyOptional({ description: 'One act, such as `ran_script` or `user_logged_in`.' })
  @IsOptional()
  @IsString()
  act?: string;

  @ApiPropertyOptional({ enum: OUTCOMES })
  @IsOptional()
  @IsIn(OUTCOMES, { message: `outcome must be one of ${OUTCOMES.join(', ')}` })
  outcome?: Outcome;

  @ApiPropertyOptional({ description: 'E-mail of who did it.' })
  @IsOptional()
  @IsString()
  user?: string;

  @ApiPropertyOptional({ type: 'integer', description: 'Id of the host that it was done to.' })
  @IsOptional()
  @whole('host', 9)
  host?: string;

  @ApiPropertyOptional({ format: 'uuid', description: 'The execution that it was about.' })
  @IsOptional()
  @IsUUID('all', { message: 'execution must be a uuid' })
  execution?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'At or after this time.' })
  @IsOptional()
  @time('since')
  since?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Before this time.' })
  @IsOptional()
  @time('until')
  until?: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 1000, default: 50 })
  @IsOptional()
  @whole('limit')
  limit?: string;

  @ApiPropertyOptional({ type: 'integer', description: '`next` of the page before.' })
  @IsOptional()
  @whole('after')
  after?: string;
}

export class AuditVerifyQueryDto {
  @ApiPropertyOptional({
    description:
      'A place that must be in the record: number and digest of a seal, as `/head` gave them, with a colon between.',
    example: `57:${'3f'.repeat(32)}`,
  })
  @IsOptional()
  @Matches(/^\d{1,15}:[0-9a-f]{64}$/, {
    message: 'head must be the number and the digest of a seal: 57:3f2a…',
  })
  head?: string;
}

export class AuditExportQueryDto {
  @ApiPropertyOptional({ type: 'integer', minimum: 1, description: 'Only what was sealed after this seal.' })
  @IsOptional()
  @whole('after')
  after?: string;
}

/** One row of the audit record. */
export class AuditEntryDto {
  @ApiProperty()
  id!: number;

  @ApiProperty({ format: 'date-time' })
  at!: string;

  @ApiProperty({ type: 'integer', nullable: true, description: 'Who did it; null: nobody who is known.' })
  user_id!: number | null;

  @ApiProperty({ type: String, nullable: true, description: 'The e-mail that they had then.' })
  email!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'Where they called from.' })
  address!: string | null;

  @ApiProperty({ description: 'What was done; for a denial the right that was asked for.' })
  act!: string;

  @ApiProperty({ enum: OUTCOMES })
  outcome!: Outcome;

  @ApiProperty({ type: String, format: 'uuid', nullable: true })
  execution_uuid!: string | null;

  @ApiProperty({ type: 'integer', nullable: true })
  host_id!: number | null;

  @ApiProperty({ type: Object, description: 'What it was about; never a secret.' })
  details!: Record<string, unknown>;
}

export class AuditListDto {
  @ApiProperty({ type: [AuditEntryDto] })
  entries!: AuditEntryDto[];

  @ApiProperty({
    type: 'integer',
    nullable: true,
    description:
      'Go on with `after`; null: there is nothing more. A page may be shorter than asked for and still have one.',
  })
  next!: number | null;
}

export class AuditKeyDto {
  @ApiProperty({ description: 'The first 16 hexadecimal digits of the SHA-256 of the public key.' })
  id!: string;

  @ApiProperty({ description: 'Ed25519, 32 bytes in base64.' })
  public_key!: string;
}

/** Where the record ends. Whoever keeps this elsewhere can tell later whether it was cut off or rewritten. */
export class AuditHeadDto {
  @ApiProperty({ description: 'Number of the last seal; 0: none yet.' })
  seal!: number;

  @ApiProperty({ description: 'Its digest (SHA-256, hexadecimal).' })
  digest!: string;

  @ApiProperty({ description: 'How many rows have been sealed.' })
  position!: number;

  @ApiProperty({ description: 'The hash of the last of them (SHA-256, hexadecimal).' })
  head!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  sealed_at!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'The seal, as it is signed.' })
  body!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'Ed25519, in base64.' })
  signature!: string | null;

  @ApiProperty({
    type: [AuditKeyDto],
    description: "The server's keys: the one that signs, then the one of before.",
  })
  keys!: AuditKeyDto[];
}

export class AuditProblemDto {
  @ApiProperty({
    enum: [
      'row_changed',
      'row_missing',
      'row_added',
      'table_changed',
      'seal_changed',
      'seal_missing',
      'checkpoint_changed',
      'end_missing',
      'unknown_key',
    ],
  })
  problem!: string;

  @ApiProperty({ type: 'integer', nullable: true, description: "The row's place in the record, from 1." })
  position!: number | null;

  @ApiProperty({ type: 'integer', nullable: true, description: 'Id of the row.' })
  id!: number | null;

  @ApiProperty({ type: 'integer', nullable: true, description: 'Number of the seal.' })
  seal!: number | null;

  @ApiProperty()
  message!: string;
}

export class AuditPlaceDto {
  @ApiProperty()
  seal!: number;

  @ApiProperty()
  digest!: string;

  @ApiProperty()
  position!: number;

  @ApiProperty()
  head!: string;
}

export class AuditVerdictDto {
  @ApiProperty({ description: 'Everything is as it was sealed.' })
  ok!: boolean;

  @ApiProperty({ description: 'Rows that were compared.' })
  rows!: number;

  @ApiProperty({ description: 'Seals that were compared.' })
  seals!: number;

  @ApiProperty({ type: AuditProblemDto, nullable: true })
  first_bad!: AuditProblemDto | null;

  @ApiProperty({ type: [AuditProblemDto], description: 'At most fifty, the first ones.' })
  problems!: readonly AuditProblemDto[];

  @ApiProperty()
  problem_count!: number;

  @ApiProperty({
    description:
      'Rows sealed more than five minutes after they were written: the server was away, or somebody put them in.',
  })
  sealed_late!: number;

  @ApiProperty({ type: 'integer', nullable: true, description: 'Id of the first of those.' })
  first_sealed_late!: number | null;

  @ApiProperty({ description: 'More than 1: what came before is forgotten.' })
  first_position!: number;

  @ApiProperty({ type: AuditPlaceDto })
  end!: AuditPlaceDto;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  last_sealed_at!: string | null;
}
