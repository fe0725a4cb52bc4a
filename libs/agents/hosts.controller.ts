import { Controller, Get, Param, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { Allow } from '#libs/platform/auth/index';
import { ErrorEnvelopeDto, IdPipe, listOptions } from '#libs/platform/http/index';
import { toHostDto } from './host-view.js';
import { type Host } from './host.entity.js';
import { HostListDto, HostListQueryDto, HostResponseDto } from './hosts.dto.js';
import { HOST_ORDER_KEYS, HostsService } from './hosts.service.js';

@ApiTags('Hosts')
@Controller('api/v1/fleet/hosts')
export class HostsController {
  constructor(private readonly hosts: HostsService) {}

  /** List hosts */
  @Get()
  @Allow('host:list')
  @ApiOkResponse({ type: HostListDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A list option makes no sense.' })
  async list(@Query() query: HostListQueryDto): Promise<HostListDto> {
    const hosts = await this.hosts.list(listOptions(query, HOST_ORDER_KEYS), query.status);
    return { hosts: hosts.map(toHostDto) };
  }

  /**
   * Get a host by name
   *
   * The identifier is a hostname, uuid, hardware serial, or an id.
   */
  @Get('identifier/:identifier')
  @Allow('host:identify')
  @ApiParam({ name: 'identifier', description: 'Hostname, uuid, hardware serial or id.' })
  @ApiOkResponse({ type: HostResponseDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such host.' })
  @ApiConflictResponse({
    type: ErrorEnvelopeDto,
    description: 'Several hosts answer to this name; the reason lists their ids.',
  })
  async identify(@Param('identifier') identifier: string): Promise<HostResponseDto> {
    return detail(await this.hosts.identify(identifier));
  }

  /** Get a host */
  @Get(':id')
  @Allow('host:list')
  @ApiOkResponse({ type: HostResponseDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such host.' })
  async get(@Param('id', IdPipe) id: number): Promise<HostResponseDto> {
    return detail(await this.hosts.get(id));
  }
}

function detail(host: Host): HostResponseDto {
  return { host: { ...toHostDto(host), labels: [], packs: [], policies: [] } };
}
