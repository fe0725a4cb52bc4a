import { ApiProperty } from '@nestjs/swagger';

export class PackDto {
  created_at!: string;
  updated_at!: string;
  id!: number;
  name!: string;
  description!: string;
  /** Empty: every platform. */
  platform!: string;
  disabled!: boolean;
  /** Always empty: made by people. */
  type!: string;
  /** How many queries it schedules. */
  query_count!: number;
  /** Hosts are reached by labels and teams only. */
  @ApiProperty({ type: 'integer', isArray: true })
  host_ids!: number[];
  @ApiProperty({ type: 'integer', isArray: true })
  label_ids!: number[];
  @ApiProperty({ type: 'integer', isArray: true })
  team_ids!: number[];
}

export class PackListDto {
  packs!: PackDto[];
}

export class PackResponseDto {
  pack!: PackDto;
}
