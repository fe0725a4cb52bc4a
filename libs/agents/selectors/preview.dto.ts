import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  ValidateNested,
} from 'class-validator';

const MOST = 1_000_000;

function Ids(name: string): PropertyDecorator {
  const message = `${name} must be an array of integers`;
  return (target, key) => {
    ApiPropertyOptional({ type: 'array', items: { type: 'integer' } })(target, key);
    IsOptional()(target, key);
    IsInt({ each: true, message })(target, key);
    ArrayMaxSize(MOST, { message: `${name} has too many elements` })(target, key);
    IsArray({ message })(target, key);
  };
}

export const PREVIEW_KINDS = ['command', 'shell', 'script', 'query'] as const;
export type PreviewKind = (typeof PREVIEW_KINDS)[number];

/** A host is meant when it is named, or when it fits every group of labels and teams that is given. */
export class PreviewSelectedDto {
  @Ids('selected.hosts')
  hosts?: number[] | null;

  /** Fleet labels. */
  @Ids('selected.labels')
  labels?: number[] | null;

  /** 0: of no team. */
  @Ids('selected.teams')
  teams?: number[] | null;
}

/** Either `target` or `selected`. */
export class PreviewDto {
  /**
   * A hostname, uuid or id; `_any`, `_all`, `key:value`; or a selector.
   * @example "group:web and not region:eu.*, os.platform = debian, sample 5 %"
   */
  @IsOptional()
  @IsString({ message: 'target must be a string' })
  target?: string | null;

  @IsOptional()
  @IsObject({ message: 'selected must be an object' })
  @ValidateNested()
  @Type(() => PreviewSelectedDto)
  selected?: PreviewSelectedDto | null;

  /** What is to run: it decides which rights are needed. By default what `command` is, or a command. */
  @ApiPropertyOptional({ enum: PREVIEW_KINDS })
  @IsOptional()
  @IsIn(PREVIEW_KINDS, { message: `kind must be one of ${PREVIEW_KINDS.join(', ')}` })
  kind?: PreviewKind | null;

  /** The program and its arguments, or the line for the shell; for rules about single commands. */
  @ApiPropertyOptional({
    oneOf: [{ type: 'array', items: { type: 'string' } }, { type: 'string' }],
    example: ['systemctl', 'restart', 'nginx'],
  })
  @IsOptional()
  command?: unknown;
}

export class PreviewHostDto {
  id!: number;
  /** By which, with the hostname, people sign what is to run there. */
  @ApiProperty({ format: 'uuid' })
  uuid!: string;
  hostname!: string;
  online!: boolean;
  /** It takes nothing new at present. */
  draining!: boolean;
  /** false: its agent refuses whatever it is asked to run. null: it has not said yet. */
  scripts_enabled!: boolean | null;
  /** It would run there. */
  allowed!: boolean;
  /** What forbids it. */
  rule?: string;
}

export class PreviewCountsDto {
  total!: number;
  online!: number;
  offline!: number;
  allowed!: number;
  denied!: number;
}

export class PreviewResponseDto {
  /** `any`: on exactly one of the hosts that are allowed; `one`: a host was named; `many`: on all that are allowed. */
  @ApiProperty({ enum: ['any', 'one', 'many'] })
  mode!: 'any' | 'one' | 'many';

  /** By id. Hosts that the caller may not see are not there. */
  hosts!: PreviewHostDto[];
  counts!: PreviewCountsDto;

  /** Names the set of allowed hosts: SHA-256 of their ids. A run that carries it is refused when the set is another by then. */
  digest!: string;
}
