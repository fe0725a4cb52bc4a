import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  IsArray,
  IsInt,
  IsISO8601,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import { type Act, ACT_NAMES } from '#libs/platform/auth/index';

export class ApiTokenDto {
  id!: number;
  /** Its owner. */
  user_id!: number;
  name!: string;
  /** What it is limited to; null: all that its owner may. */
  @ApiProperty({ enum: ACT_NAMES, isArray: true, nullable: true })
  rights!: Act[] | null;
  /** null: never. */
  expires_at!: string | null;
  created_at!: string;
  /** To the minute; null: never used. */
  used_at!: string | null;
}

export class CreatedApiTokenDto extends ApiTokenDto {
  /** Goes into `Authorization: Bearer …`; shown this once. */
  token!: string;
}

export class ApiTokenListDto {
  tokens!: ApiTokenDto[];
}

export class ApiTokenListQueryDto {
  @ApiPropertyOptional({
    type: 'integer',
    description: "Another user's tokens, for admins; one's own when absent.",
  })
  @IsOptional()
  @Matches(/^\d{1,9}$/, { message: 'user_id must be a number' })
  user_id?: string;
}

export class CreateApiTokenDto {
  /**
   * Tells the tokens of one user apart.
   * @example "nightly deployment"
   */
  @IsString({ message: 'name must be a string' })
  @MaxLength(255)
  @Matches(/^[^\0]*$/, { message: 'name must not contain a NUL character' })
  name!: string;

  /** Seconds; without it and `expires_at` the token does not expire. */
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 3155760000 })
  @IsOptional()
  @IsInt({ message: 'expires_in must be an integer (seconds)' })
  @Min(1, { message: 'expires_in must be at least 1 second' })
  @Max(3_155_760_000, { message: 'expires_in must be at most 3155760000 seconds' })
  expires_in?: number | null;

  /** @example "2031-01-01T00:00:00Z" */
  @ApiPropertyOptional({ type: String, format: 'date-time', nullable: true })
  @IsOptional()
  @IsString({ message: 'expires_at must be a date and time in ISO 8601' })
  @IsISO8601({ strict: true }, { message: 'expires_at must be a date and time in ISO 8601' })
  expires_at?: string | null;

  /** What the token is limited to; absent: all that the caller may. */
  @ApiPropertyOptional({ enum: ACT_NAMES, isArray: true, nullable: true })
  @IsOptional()
  @IsArray({ message: 'rights must be an array of rights' })
  @IsString({ each: true, message: 'rights must be an array of rights' })
  rights?: string[] | null;
}
