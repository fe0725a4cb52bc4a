import { Controller, Delete, Get, Param } from '@nestjs/common';
import { ApiNotFoundResponse, ApiOkResponse, ApiParam, ApiTags } from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { EmptyDto, ErrorEnvelopeDto, IdPipe } from '#libs/platform/http/index';
import { type StoredPack } from './pack-sets.repository.js';
import { type PackDto, PackListDto, PackResponseDto } from './packs.dto.js';
import { PacksService } from './packs.service.js';

@ApiTags('Packs')
@Controller('api/v1/fleet/packs')
export class PacksController {
  constructor(private readonly packs: PacksService) {}

  /** List packs */
  @Get()
  @Allow('pack:read')
  @ApiOkResponse({ type: PackListDto })
  async list(@CurrentCaller() caller: Caller): Promise<PackListDto> {
    return { packs: (await this.packs.list(caller)).map(toPackDto) };
  }

  /** Get a pack */
  @Get(':id')
  @Allow('pack:read')
  @ApiOkResponse({ type: PackResponseDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such pack.' })
  async get(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<PackResponseDto> {
    return { pack: toPackDto(await this.packs.get(caller, id)) };
  }

  /** Delete a pack by its id */
  @Delete('id/:id')
  @Allow('pack:write')
  @ApiOkResponse({ type: EmptyDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such pack.' })
  async remove(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<EmptyDto> {
    await this.packs.remove(caller, id);
    return {};
  }

  /** Delete a pack by its name */
  @Delete(':name')
  @Allow('pack:write')
  @ApiParam({ name: 'name', description: 'Whatever the case.' })
  @ApiOkResponse({ type: EmptyDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such pack.' })
  async removeNamed(@CurrentCaller() caller: Caller, @Param('name') name: string): Promise<EmptyDto> {
    await this.packs.removeNamed(caller, name);
    return {};
  }
}

function toPackDto(pack: StoredPack): PackDto {
  return {
    created_at: pack.createdAt.toISOString(),
    updated_at: pack.updatedAt.toISOString(),
    id: pack.id,
    name: pack.name,
    description: pack.description,
    platform: pack.platform,
    disabled: pack.disabled,
    type: '',
    query_count: pack.queries.length,
    host_ids: [],
    label_ids: [...pack.labelIds],
    team_ids: [...pack.teamIds],
  };
}
