import { Controller, Delete, Get, Param, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { EmptyDto, ErrorEnvelopeDto, IdPipe, listOptions } from '#libs/platform/http/index';
import { HostDetails } from './host-details.js';
import { HOST_ORDER_KEYS, type HostRow } from './host-list.repository.js';
import { toHostDto } from './host-view.js';
import {
  HostCountDto,
  HostCountQueryDto,
  HostListDto,
  HostListQueryDto,
  HostResponseDto,
} from './hosts.dto.js';
import { toLabelDto } from './labels/label-view.js';
import { LabelsRepository } from './labels/labels.repository.js';
import { type HostQuery, HostsService } from './hosts.service.js';

@ApiTags('Hosts')
@Controller('api/v1/fleet/hosts')
export class HostsController {
  constructor(
    private readonly hosts: HostsService,
    private readonly labels: LabelsRepository,
    private readonly details: HostDetails,
  ) {}

  /**
   * List hosts
   *
   * Callers with team roles see the hosts of those teams. Any page costs about the same, however far down.
   */
  @Get()
  @Allow('host:list')
  @ApiOkResponse({ type: HostListDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A list option makes no sense.' })
  async list(@CurrentCaller() caller: Caller, @Query() query: HostListQueryDto): Promise<HostListDto> {
    const hosts = await this.hosts.list(caller, hostQuery(query), listOptions(query, HOST_ORDER_KEYS));
    return { hosts: hosts.map(toHostDto) };
  }

  /**
   * Count hosts
   *
   * As many as the list would have with these filters.
   */
  @Get('count')
  @Allow('host:list')
  @ApiOkResponse({ type: HostCountDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A filter makes no sense.' })
  async count(@CurrentCaller() caller: Caller, @Query() query: HostCountQueryDto): Promise<HostCountDto> {
    return { count: await this.hosts.count(caller, hostQuery(query)) };
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
  async identify(
    @CurrentCaller() caller: Caller,
    @Param('identifier') identifier: string,
  ): Promise<HostResponseDto> {
    return this.detail(await this.hosts.identify(identifier, caller));
  }

  /** Get a host */
  @Get(':id')
  @Allow('host:list')
  @ApiOkResponse({ type: HostResponseDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such host.' })
  async get(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<HostResponseDto> {
    return this.detail(await this.hosts.get(caller, id));
  }

  /**
   * Remove a host
   *
   * Its agent is disconnected and its node key no longer works; what waits for it is cancelled, what is under way there
   * is lost. What it did stays readable. An agent that still runs there enrolls again, as a new host.
   */
  @Delete(':id')
  @Allow('host:delete')
  @ApiOkResponse({ type: EmptyDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such host.' })
  async remove(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<EmptyDto> {
    await this.hosts.remove(caller, id);
    return {};
  }

  private async detail(host: HostRow): Promise<HostResponseDto> {
    const { id, teamId, facts } = host;
    const [labels, parts] = await Promise.all([
      this.labels.ofHost(id),
      this.details.of({ id, teamId, platform: facts.platform }),
    ]);
    return { host: { ...toHostDto(host), labels: labels.map(toLabelDto), ...parts } };
  }
}

function hostQuery({ team_id, status, query }: HostCountQueryDto): HostQuery {
  return { teamId: team_id === undefined ? undefined : Number(team_id), status, match: query?.trim() };
}
