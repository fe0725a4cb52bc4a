import { ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
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
import { ListQueryDto, MAX_ID } from '#libs/platform/http/index';

const MAX_ROLES = 1000;

export class TeamSummaryDto {
  id!: number;
  name!: string;
  description!: string;
}

export class UserTeamDto extends TeamSummaryDto {
  /** The role of the user on this team. */
  role!: Role;
}

export class UserDto {
  created_at!: string;
  updated_at!: string;
  id!: number;
  name!: string;
  email!: string;
  force_password_reset!: boolean;
  gravatar_url!: string;
  sso_enabled!: boolean;
  mfa_enabled!: boolean;
  /** One of admin, maintainer, observer, observer_plus, gitops; null for users with team roles. */
  global_role!: Role | null;
  api_only!: boolean;
  /** Teams of the user with its role in each. */
  teams!: UserTeamDto[];
}

export class UserResponseDto {
  user!: UserDto;
}

export class UserListDto {
  users!: UserDto[];
}

export class CreatedUserDto extends UserResponseDto {
  /** Only for API-only users: the token of a session that does not end by itself; shown this once. */
  token?: string;
}

export class UserListQueryDto extends ListQueryDto {
  @ApiPropertyOptional({ type: 'integer', description: 'Only users with a role on this team.' })
  @IsOptional()
  @Matches(/^\d{1,9}$/, { message: 'team_id must be a number' })
  team_id?: string;
}

export class TeamRoleDto {
  /** Of the team. */
  @IsInt({ message: 'id must be an integer' })
  @Min(0, { message: 'id must not be negative' })
  @Max(MAX_ID, { message: `id must be at most ${MAX_ID}` })
  id!: number;

  /** One of admin, maintainer, observer, observer_plus, gitops. */
  @IsString({ message: 'role must be a string' })
  role!: string;
}

/** Either `global_role`, or `teams` with at least one role. */
class RolesDto {
  /** One of admin, maintainer, observer, observer_plus, gitops (programs only). */
  @ApiPropertyOptional({ type: String, nullable: true })
  @IsOptional()
  @IsString({ message: 'global_role must be a string' })
  global_role?: string | null;

  @ApiPropertyOptional({ type: [TeamRoleDto] })
  @IsOptional()
  @IsArray({ message: 'teams must be an array of {id, role}' })
  @ArrayMaxSize(MAX_ROLES, { message: `teams must have at most ${MAX_ROLES} elements` })
  @ValidateNested({ each: true, message: 'teams must be an array of {id, role}' })
  @Type(() => TeamRoleDto)
  teams?: TeamRoleDto[] | null;

  /** A program: its sessions do not end by themselves. */
  @IsOptional()
  @IsBoolean({ message: 'api_only must be a boolean' })
  api_only?: boolean;

  /** Must be false: there is no single sign-on. */
  @IsOptional()
  @IsBoolean({ message: 'sso_enabled must be a boolean' })
  sso_enabled?: boolean;

  /** Must be false: there is no second step by e-mail. */
  @IsOptional()
  @IsBoolean({ message: 'mfa_enabled must be a boolean' })
  mfa_enabled?: boolean;
}

export class CreateUserDto extends RolesDto {
  /** Required. */
  @IsOptional()
  @IsString({ message: 'name must be a string' })
  @MaxLength(255)
  @Matches(/^[^\0]*$/, { message: 'name must not contain a NUL character' })
  name?: string;

  /**
   * Required.
   * @example "olga@example.com"
   */
  @IsOptional()
  @IsString({ message: 'email must be a string' })
  @MaxLength(255)
  @Matches(/^[^\0]*$/, { message: 'email must not contain a NUL character' })
  email?: string;

  /** Required. At least 12 characters, a number and a symbol. */
  @IsOptional()
  @IsString({ message: 'password must be a string' })
  password?: string;

  /** Whether the user has to choose a new password first; true when absent. */
  @IsOptional()
  @IsBoolean({ message: 'admin_forced_password_reset must be a boolean' })
  admin_forced_password_reset?: boolean;
}

/** What is absent stays as it is. */
export class ModifyUserDto extends RolesDto {
  @IsOptional()
  @IsString({ message: 'name must be a string' })
  @MaxLength(255)
  @Matches(/^[^\0]*$/, { message: 'name must not contain a NUL character' })
  name?: string;

  @IsOptional()
  @IsString({ message: 'email must be a string' })
  @MaxLength(255)
  @Matches(/^[^\0]*$/, { message: 'email must not contain a NUL character' })
  email?: string;

  /** The present password; users need it to change their own e-mail or password. */
  @IsOptional()
  @IsString({ message: 'password must be a string' })
  password?: string;

  /** At least 12 characters, a number and a symbol. */
  @IsOptional()
  @IsString({ message: 'new_password must be a string' })
  new_password?: string;
}

export class ChangePasswordDto {
  /** Required. */
  @IsOptional()
  @IsString({ message: 'old_password must be a string' })
  old_password?: string;

  /** Required. At least 12 characters, a number and a symbol. */
  @IsOptional()
  @IsString({ message: 'new_password must be a string' })
  new_password?: string;
}

export class PerformPasswordResetDto {
  /** Required. At least 12 characters, a number and a symbol. */
  @IsOptional()
  @IsString({ message: 'new_password must be a string' })
  new_password?: string;
}

export class RequirePasswordResetDto {
  /** true: the sessions of the user end, and it has to choose a new password. false: it need not any more. */
  @IsBoolean({ message: 'require must be a boolean' })
  require!: boolean;
}
