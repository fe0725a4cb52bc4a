import { ApiProperty } from '@nestjs/swagger';
import { IsString, Matches, MaxLength, MinLength } from 'class-validator';

export class OperatorKeyDto {
  /**
   * The first 16 hexadecimal digits of the SHA-256 of the public key.
   * @example 1f0e3dad99908345
   */
  id!: string;
  /** Its owner. */
  user_id!: number;
  email!: string;
  name!: string;
  /** Ed25519, 32 bytes as base64: what stands in an agent's policy. */
  public_key!: string;
  @ApiProperty({ format: 'date-time' })
  created_at!: string;
  /** null: it is good. */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  revoked_at!: string | null;
}

export class OperatorKeyResponseDto {
  key!: OperatorKeyDto;
}

export class OperatorKeyListDto {
  keys!: OperatorKeyDto[];
}

export class AddOperatorKeyDto {
  /**
   * Tells the keys of one user apart.
   * @example laptop
   */
  @IsString({ message: 'name must be a string' })
  @MinLength(1, { message: 'name must not be empty' })
  @MaxLength(255, { message: 'name must be at most 255 characters' })
  @Matches(/^[^\0]*$/, { message: 'name must not contain a NUL character' })
  name!: string;

  /** Ed25519: the 32 bytes as base64, or PEM. The private half is never sent. */
  @IsString({ message: 'public_key must be a string' })
  @MaxLength(1024, { message: 'public_key must be at most 1024 characters' })
  public_key!: string;
}
