import { ApiProperty } from '@nestjs/swagger';
import { IsOptional, IsString, MaxLength } from 'class-validator';
import { Limits } from '#libs/protocol/index';

export class FactsQueryDto {
  /**
   * XPath 1.0; absent: the whole tree.
   * @example "/networking/eth0"
   */
  @IsOptional()
  @IsString()
  @MaxLength(Limits.triggerSetting)
  xpath?: string;
}

export class FactsDto {
  /** What was selected, one node after the other; empty: nothing. Absent where the expression selects no nodes. */
  xml?: string;
  /** Of an expression that selects no nodes. */
  @ApiProperty({ oneOf: [{ type: 'string' }, { type: 'number' }, { type: 'boolean' }], required: false })
  value?: string | number | boolean;
}

export class TriggerOutlookDto {
  would_fire!: boolean;
  /** For people: what it selects, or says, now. */
  why!: string;
  /** Of a schedule: the next time. */
  next_at?: string;
  /** It could not be evaluated. */
  error?: string;
}

export class TriggerCheckDto {
  start?: TriggerOutlookDto;
  stop?: TriggerOutlookDto;
}
