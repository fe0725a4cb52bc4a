import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsArray, IsOptional, IsString, Matches, ValidateIf, ValidateNested } from 'class-validator';
import { ListQueryDto } from '#libs/platform/http/index';

/** What stands in a query is text, whatever the API document calls it; these rules are about the text. */
const WholeNumber = (name: string): PropertyDecorator =>
  Matches(/^\d{0,15}$/, { message: `${name} must be a whole number` });
const YesOrNo = (name: string): PropertyDecorator =>
  Matches(/^(true|false|1|0)?$/, { message: `${name} must be true or false` });

export class AddScriptDto {
  /** The script: a text file that ends in .sh or .ps1, up to 500,000 characters. */
  @ApiProperty({ type: 'string', format: 'binary' })
  script!: unknown;

  /** The team whose hosts it is for; without it, hosts of no team. */
  @ApiPropertyOptional({ type: 'integer' })
  team_id?: string;
}

export class ReplaceScriptDto {
  /** The new contents; the name of the file does not matter. */
  @ApiProperty({ type: 'string', format: 'binary' })
  script!: unknown;
}

export class ScriptIdDto {
  /** @example 1227 */
  script_id!: number;
}

export class ScriptDto {
  id!: number;
  /** null: for hosts of no team. */
  @ApiProperty({ type: 'integer', nullable: true })
  team_id!: number | null;
  /** @example script_1.sh */
  name!: string;
  created_at!: string;
  /** When its contents were last replaced. */
  updated_at!: string;
}

export class ScriptListQueryDto extends ListQueryDto {
  @ApiPropertyOptional({ type: 'integer', description: 'The team; without it, or 0: scripts of no team.' })
  @IsOptional()
  @WholeNumber('team_id')
  team_id?: string;
}

export class PageMetaDto {
  has_next_results!: boolean;
  has_previous_results!: boolean;
}

export class ScriptListDto {
  scripts!: ScriptDto[];
  meta!: PageMetaDto;
}

export class ScriptQueryDto {
  @ApiPropertyOptional({ description: '`media`: the contents as a file.', example: 'media' })
  @IsOptional()
  @IsString()
  alt?: string;
}

export class ScriptSetQueryDto {
  @ApiPropertyOptional({
    type: 'integer',
    description: 'The team, by its id; neither this nor team_name: no team.',
  })
  @IsOptional()
  @WholeNumber('team_id')
  team_id?: string;

  @ApiPropertyOptional({ description: 'The team, by its name.' })
  @IsOptional()
  @IsString()
  team_name?: string;

  @ApiPropertyOptional({ type: 'boolean', description: 'Checks everything and changes nothing.' })
  @IsOptional()
  @YesOrNo('dry_run')
  dry_run?: string;
}

export class GivenScriptDto {
  /** @example script_1.sh */
  @IsString({ message: 'name must be a string' })
  name!: string;

  /** The contents, as base64. */
  @ApiProperty({ format: 'byte', example: 'ZWNobyAnaGVsbG8nCg==' })
  @IsString({ message: 'script_contents must be a string' })
  script_contents!: string;
}

export class ScriptSetDto {
  /** All scripts that there are to be; null is none. */
  @ApiProperty({ type: [GivenScriptDto], nullable: true })
  @ValidateIf((set: ScriptSetDto) => set.scripts !== null)
  @ValidateNested({ each: true, message: 'scripts must be an array of objects' })
  @Type(() => GivenScriptDto)
  @IsArray({ message: 'scripts must be an array of objects' })
  scripts!: GivenScriptDto[] | null;
}

export class SetScriptDto {
  @ApiProperty({ type: 'integer', nullable: true })
  team_id!: number | null;
  id!: number;
  name!: string;
}

export class ScriptSetResponseDto {
  /** The set as it is now; empty after a dry run. */
  scripts!: SetScriptDto[];
}
