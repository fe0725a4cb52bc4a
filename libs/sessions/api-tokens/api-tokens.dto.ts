import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsInt,
  IsISO8601,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { type Act, ACT_NAMES } from '#libs/platform/auth/index';
import { MAX_ID } from '#libs/platform/http/index';

/** To what a token is limited beyond its rights; a limit that is absent or null is none, an empty list allows nothing. */
export class TokenScopeDto {
  /** Ids of teams: the token reaches their hosts and what else belongs to them, and nothing of no team. */
  @ApiPropertyOptional({ type: 'integer', isArray: true, nullable: true, example: [1] })
  @IsOptional()
  @IsArray({ message: 'teams must be an array of team ids' })
  @ArrayMaxSize(1_000, { message: 'teams must be at most 1000 team ids' })
  @IsInt({ each: true, message: 'teams must be an array of team ids' })
  @Min(1, { each: true, message: 'teams must be an array of team ids' })
  @Max(MAX_ID, { each: true, message: 'teams must be an array of team ids' })
  teams?: readonly number[] | null;

  /**
   * Only hosts in one of these labels. `key:value` is an agent's own label, with all values under it (`group:web` is also
   * `group:web.dev`); anything else is the name of one of the server's labels.
   */
  @ApiPropertyOptional({ type: String, isArray: true, nullable: true, example: ['group:web'] })
  @IsOptional()
  @IsArray({ message: 'labels must be an array of labels' })
  @ArrayMaxSize(100, { message: 'labels must be at most 100 labels' })
  @IsString({ each: true, message: 'labels must be an array of labels' })
  @MaxLength(512, { each: true, message: 'labels must be at most 512 characters each' })
  @Matches(/^[^\0]*$/, { each: true, message: 'labels must not contain a NUL character' })
  labels?: readonly string[] | null;

  /**
   * Only these commands. A program and its arguments are compared word by word: `*` is any one argument, `**` as the last word any
   * number of them. A line for the shell has to equal an entry exactly. Nothing stands beside them: no env, cwd, user or stdin.
   */
  @ApiPropertyOptional({
    type: String,
    isArray: true,
    nullable: true,
    example: ['systemctl status *', 'uptime'],
  })
  @IsOptional()
  @IsArray({ message: 'commands must be an array of commands' })
  @ArrayMaxSize(100, { message: 'commands must be at most 100 commands' })
  @IsString({ each: true, message: 'commands must be an array of commands' })
  @MaxLength(4_096, { each: true, message: 'commands must be at most 4096 characters each' })
  commands?: readonly string[] | null;
}

export class ApiTokenDto {
  id!: number;
  /** Its owner. */
  user_id!: number;
  name!: string;
  /** What it is limited to; null: all that its owner may. */
  @ApiProperty({ enum: ACT_NAMES, isArray: true, nullable: true })
  rights!: Act[] | null;
  /** Teams, labels and commands that it is limited to; null: to none. */
  @ApiProperty({ type: TokenScopeDto, nullable: true })
  scope!: TokenScopeDto | null;
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

  /** What the token is limited to beside its rights; absent: nothing but what the caller's own token is limited to. */
  @ApiPropertyOptional({ type: TokenScopeDto, nullable: true })
  @IsOptional()
  @IsObject({ message: 'scope must be an object' })
  @ValidateNested()
  @Type(() => TokenScopeDto)
  scope?: TokenScopeDto | null;
}
