import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, Matches } from 'class-validator';

export class SpecQueryDto {
  @ApiPropertyOptional({ enum: ['true', 'false'], description: 'Check everything, change nothing.' })
  @IsOptional()
  @IsIn(['true', 'false'], { message: 'dry_run must be true or false' })
  dry_run?: 'true' | 'false';
}

export class TeamSpecQueryDto extends SpecQueryDto {
  @ApiPropertyOptional({ enum: ['true', 'false'], description: 'Keep keys that are not known, too.' })
  @IsOptional()
  @IsIn(['true', 'false'], { message: 'force must be true or false' })
  force?: 'true' | 'false';
}

export class SpecTeamDto {
  @ApiPropertyOptional({ type: 'integer', description: 'The team; without it, or 0: queries of no team.' })
  @IsOptional()
  @Matches(/^\d{0,9}$/, { message: 'team_id must be the id of a team, or 0 for queries of no team' })
  team_id?: string;
}
