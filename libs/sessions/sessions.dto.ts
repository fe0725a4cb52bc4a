import { Type } from 'class-transformer';
import {
  IsBoolean,
  Matches,
  IsNotEmpty,
  IsObject,
  IsOptional,
  IsString,
  MaxLength,
  ValidateNested,
} from 'class-validator';
import { type Role } from '#libs/platform/auth/index';

export class LoginDto {
  /** @example "admin@example.com" */
  @IsString({ message: 'email must be a string' })
  @IsNotEmpty({ message: 'email must not be empty' })
  @MaxLength(255)
  @Matches(/^[^\0]*$/, { message: 'email must not contain a NUL character' })
  email!: string;

  @IsString({ message: 'password must be a string' })
  @IsNotEmpty({ message: 'password must not be empty' })
  password!: string;

  /** Accepted for Fleet's clients; there is no second step by e-mail. */
  @IsOptional()
  @IsBoolean()
  supports_email_verification?: boolean;
}

export class SetupAdminDto {
  @IsString({ message: 'name must be a string' })
  @IsNotEmpty({ message: 'name must not be empty' })
  @MaxLength(255)
  name!: string;

  /** @example "admin@example.com" */
  @IsString({ message: 'email must be a string' })
  @MaxLength(255)
  email!: string;

  /** At least 12 characters, a number and a symbol. */
  @IsString({ message: 'password must be a string' })
  password!: string;
}

export class OrgInfoDto {
  @IsOptional()
  @IsString()
  @MaxLength(255)
  org_name?: string;

  @IsOptional()
  @IsString()
  @MaxLength(2048)
  org_logo_url?: string;
}

export class SetupDto {
  @IsObject({ message: 'admin must be an object with name, email and password' })
  @ValidateNested()
  @Type(() => SetupAdminDto)
  admin!: SetupAdminDto;

  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => OrgInfoDto)
  org_info?: OrgInfoDto;

  /**
   * Where clients reach this server; http:// or https://.
   * @example "http://127.0.0.1:8420"
   */
  @IsOptional()
  @IsString({ message: 'server_url must be a string' })
  server_url?: string;
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
  teams!: object[];
}

export class LoginResponseDto {
  user!: UserDto;
  available_teams!: object[];
  /** Goes into `Authorization: Bearer …`; shown this once. */
  token!: string;
}

export class MeResponseDto {
  user!: UserDto;
  available_teams!: object[];
}

export class SetupOrgInfoDto {
  org_name!: string;
  org_logo_url!: string;
  org_logo_url_light_background!: string;
  contact_url!: string;
}

export class SetupResponseDto {
  admin!: UserDto;
  org_info!: SetupOrgInfoDto;
  server_url!: string;
  /** Always null: enroll secrets are read elsewhere. */
  osquery_enroll_secret!: string | null;
  token!: string;
}

export class SessionDto {
  /** @example 1 */
  session_id!: number;
  /** @example 1 */
  user_id!: number;
  /** @example "2021-03-02T18:41:34Z" */
  created_at!: string;
}

export class VersionDto {
  version!: string;
  branch!: string;
  revision!: string;
  go_version!: string;
  build_date!: string;
  build_user!: string;
}

/** Success without payload. */
export class EmptyDto {}
