import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  ValidateNested,
} from 'class-validator';

/** One person's signature. */
export class StatementSignatureDto {
  /** Id of the key, as `/api/v1/keys` has it. */
  @IsString({ message: 'statement.signatures.key must be a string' })
  @Matches(/^[0-9a-f]{16}$/, { message: 'statement.signatures.key must be 16 hexadecimal digits' })
  key!: string;

  /** Ed25519 over `muster-statement-v1`, a newline and the statement's text; base64url. */
  @IsString({ message: 'statement.signatures.signature must be a string' })
  @Matches(/^[A-Za-z0-9_-]{86}$/, { message: 'statement.signatures.signature must be 64 bytes as base64url' })
  signature!: string;
}

/** What people have signed of a request, for hosts that run nothing else. `muster … --sign` makes it; docs/signing.md says how. */
export class SignedStatementDto {
  /** The statement as it was signed: canonical JSON, as text. */
  @IsString({ message: 'statement.statement must be a string' })
  @MaxLength(1024 * 1024, { message: 'statement.statement is too long' })
  statement!: string;

  @ApiProperty({ type: StatementSignatureDto, isArray: true })
  @IsArray({ message: 'statement.signatures must be an array' })
  @ArrayMaxSize(16, { message: 'statement.signatures must have at most 16 elements' })
  @ValidateNested({ each: true })
  @Type(() => StatementSignatureDto)
  signatures!: StatementSignatureDto[];
}

/** A request's `statement`: what people have signed of it, or nothing. */
export function OptionalStatement(): PropertyDecorator {
  return applyDecorators(
    ApiPropertyOptional({ type: SignedStatementDto }),
    IsOptional(),
    IsObject({ message: 'statement must be an object' }),
    ValidateNested(),
    Type(() => SignedStatementDto),
  );
}
