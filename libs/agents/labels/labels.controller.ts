import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiParam,
  ApiTags,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { EmptyDto, ErrorEnvelopeDto, IdPipe, listOptions, ListQueryDto } from '#libs/platform/http/index';
import { HOST_ORDER_KEYS } from '../host-list.repository.js';
import { toHostDto } from '../host-view.js';
import { HostListDto } from '../hosts.dto.js';
import { toCountedDto } from './label-view.js';
import {
  CreateLabelDto,
  LabelListDto,
  LabelResponseDto,
  LabelSummariesDto,
  ModifyLabelDto,
} from './labels.dto.js';
import { LABEL_ORDER_KEYS } from './labels.repository.js';
import { LabelsService } from './labels.service.js';

/** Fleet's labels. */
@ApiTags('Labels')
@Controller('api/v1/fleet/labels')
export class LabelsController {
  constructor(private readonly labels: LabelsService) {}

  /**
   * List labels
   *
   * Built-in ones included. Callers with team roles are told the number of those teams' hosts.
   */
  @Get()
  @Allow('label:read')
  @ApiOkResponse({ type: LabelListDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A list option makes no sense.' })
  async list(@CurrentCaller() caller: Caller, @Query() query: ListQueryDto): Promise<LabelListDto> {
    const labels = await this.labels.list(caller, listOptions(query, LABEL_ORDER_KEYS));
    return { labels: labels.map(toCountedDto) };
  }

  /** List the names of all labels */
  @Get('summary')
  @Allow('label:read')
  @ApiOkResponse({ type: LabelSummariesDto })
  async summary(@CurrentCaller() caller: Caller): Promise<LabelSummariesDto> {
    const labels = await this.labels.summary(caller);
    return {
      labels: labels.map(({ id, name, description, labelType }) => ({
        id,
        name,
        description,
        label_type: labelType,
      })),
    };
  }

  /** Get label */
  @Get(':id')
  @Allow('label:read')
  @ApiOkResponse({ type: LabelResponseDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such label.' })
  async get(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<LabelResponseDto> {
    return { label: toCountedDto(await this.labels.get(caller, id)) };
  }

  /** List the hosts in a label: those that the caller may see */
  @Get(':id/hosts')
  @Allow('host:list')
  @ApiOkResponse({ type: HostListDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A list option makes no sense.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such label.' })
  async hosts(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Query() query: ListQueryDto,
  ): Promise<HostListDto> {
    const hosts = await this.labels.hostsOf(caller, id, listOptions(query, HOST_ORDER_KEYS));
    return { hosts: hosts.map(toHostDto) };
  }

  /**
   * Create label
   *
   * With `query` a dynamic one; without it a manual one, of the hosts in `hosts` and `host_ids`.
   */
  @Post()
  @HttpCode(200)
  @Allow('label:write')
  @ApiOkResponse({ type: LabelResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is of the wrong type.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'The name is taken.' })
  @ApiUnprocessableEntityResponse({ type: ErrorEnvelopeDto, description: 'A field breaks a rule.' })
  async create(@CurrentCaller() caller: Caller, @Body() dto: CreateLabelDto): Promise<LabelResponseDto> {
    return { label: toCountedDto(await this.labels.create(caller, dto)) };
  }

  /**
   * Modify label
   *
   * Its name, its description and, if it is manual, its hosts. Built-in labels cannot be changed.
   */
  @Patch(':id')
  @Allow('label:write')
  @ApiOkResponse({ type: LabelResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is of the wrong type.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such label.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'The name is taken.' })
  @ApiUnprocessableEntityResponse({
    type: ErrorEnvelopeDto,
    description: 'The label is built in, or a field breaks a rule.',
  })
  async modify(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Body() dto: ModifyLabelDto,
  ): Promise<LabelResponseDto> {
    return { label: toCountedDto(await this.labels.modify(caller, id, dto)) };
  }

  /** Delete label by its id */
  @Delete('id/:id')
  @Allow('label:write')
  @ApiOkResponse({ type: EmptyDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such label.' })
  @ApiUnprocessableEntityResponse({ type: ErrorEnvelopeDto, description: 'The label is built in.' })
  async remove(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<EmptyDto> {
    await this.labels.remove(caller, id);
    return {};
  }

  /** Delete label by its name */
  @Delete(':name')
  @Allow('label:write')
  @ApiParam({ name: 'name', description: 'Whatever the case.' })
  @ApiOkResponse({ type: EmptyDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such label.' })
  @ApiUnprocessableEntityResponse({ type: ErrorEnvelopeDto, description: 'The label is built in.' })
  async removeNamed(@CurrentCaller() caller: Caller, @Param('name') name: string): Promise<EmptyDto> {
    await this.labels.removeNamed(caller, name);
    return {};
  }
}
