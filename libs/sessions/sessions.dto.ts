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
import { TeamSummaryDto, UserDto } from './users/users.dto.js';

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

export class LoginResponseDto {
  user!: UserDto;
  /** All teams for holders of a global role, one's own for others. */
  available_teams!: TeamSummaryDto[];
  /** Goes into `Authorization: Bearer …`; shown this once. */
  token!: string;
}

export class MeResponseDto {
  user!: UserDto;
  /** All teams for holders of a global role, one's own for others. */
  available_teams!: TeamSummaryDto[];
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

export class SessionListDto {
  sessions!: SessionDto[];
}
