import { ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { type Role } from '#libs/platform/auth/index';
import { MAX_ID } from '#libs/platform/http/index';
import { DryRunQueryDto } from '../dry-run.dto.js';
import { TeamRoleDto, UserDto } from '../users/users.dto.js';

const MAX_MEMBERS = 1000;

export class TeamSecretDto {
  /** Agents that enroll with it join the team. */
  secret!: string;
  created_at!: string;
  team_id!: number;
}

export class TeamMemberDto extends UserDto {
  /** On this team. */
  role!: Role;
}

export class TeamDto {
  id!: number;
  created_at!: string;
  name!: string;
  description!: string;
  /** What agents of the team are told; null: nothing of its own. */
  agent_options!: Record<string, unknown> | null;
  user_count!: number;
  host_count!: number;
  /** The caller's role on the team; absent for callers with a global role. */
  role?: Role;
  /** Only where one team is shown. */
  users?: TeamMemberDto[];
  /** Only for those who may change the team. */
  secrets?: TeamSecretDto[];
}

export class TeamListDto {
  teams!: TeamDto[];
}

export class TeamResponseDto {
  team!: TeamDto;
}

export class SecretsResponseDto {
  secrets!: TeamSecretDto[];
}

export class SecretDto {
  @IsString({ message: 'secret must be a string' })
  @Matches(/^[^\0]*$/, { message: 'secret must not contain a NUL character' })
  secret!: string;
}

export class SecretsDto {
  /** At most 50; those that are not listed let nobody in any more. */
  @IsArray({ message: 'secrets must be an array of {secret}' })
  @ValidateNested({ each: true, message: 'secrets must be an array of {secret}' })
  @Type(() => SecretDto)
  secrets!: SecretDto[];
}

export class CreateTeamDto {
  /** Required; unique whatever the case. */
  @IsOptional()
  @IsString({ message: 'name must be a string' })
  @MaxLength(255)
  @Matches(/^[^\0]*$/, { message: 'name must not contain a NUL character' })
  name?: string;

  @IsOptional()
  @IsString({ message: 'description must be a string' })
  @MaxLength(1024)
  @Matches(/^[^\0]*$/, { message: 'description must not contain a NUL character' })
  description?: string;

  /** Enroll secrets of the team; one is made up when absent. */
  @IsOptional()
  @IsArray({ message: 'secrets must be an array of {secret}' })
  @ValidateNested({ each: true, message: 'secrets must be an array of {secret}' })
  @Type(() => SecretDto)
  secrets?: SecretDto[];
}

/** What is absent stays as it is. */
export class ModifyTeamDto extends CreateTeamDto {}

export class TeamMembersDto {
  /** Added, or given another role. */
  @IsArray({ message: 'users must be an array of {id, role}' })
  @ArrayMaxSize(MAX_MEMBERS, { message: `users must have at most ${MAX_MEMBERS} elements` })
  @ValidateNested({ each: true, message: 'users must be an array of {id, role}' })
  @Type(() => TeamRoleDto)
  users!: TeamRoleDto[];
}

export class UserIdDto {
  @IsInt({ message: 'id must be an integer' })
  @Min(0, { message: 'id must not be negative' })
  @Max(MAX_ID, { message: `id must be at most ${MAX_ID}` })
  id!: number;
}

export class TeamLeaversDto {
  /** Who leaves the team. */
  @IsArray({ message: 'users must be an array of {id}' })
  @ArrayMaxSize(MAX_MEMBERS, { message: `users must have at most ${MAX_MEMBERS} elements` })
  @ValidateNested({ each: true, message: 'users must be an array of {id}' })
  @Type(() => UserIdDto)
  users!: UserIdDto[];
}

export class AgentOptionsQueryDto extends DryRunQueryDto {
  @ApiPropertyOptional({ enum: ['true', 'false'], description: 'Keep keys that are not known, too.' })
  @IsOptional()
  @IsIn(['true', 'false'], { message: 'force must be true or false' })
  force?: 'true' | 'false';
}
