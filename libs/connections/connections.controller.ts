import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Put, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiCreatedResponse,
  ApiExtraModels,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiParam,
  ApiTags,
  ApiUnprocessableEntityResponse,
  getSchemaPath,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { HoopErrorDto, refusals } from '#libs/platform/http/index';
import { ConnectionTests } from './connection-tests.service.js';
import {
  ConnectionDto,
  ConnectionListQueryDto,
  ConnectionPageDto,
  ConnectionTestDto,
  CreateConnectionDto,
  ModifyConnectionDto,
  ReplaceConnectionDto,
} from './connections.dto.js';
import { ConnectionsService } from './connections.service.js';
import { TestGuardRailsDto, TestedGuardRailsDto } from './guardrails/guard-rails.dto.js';
import { GuardRailsService } from './guardrails/guard-rails.service.js';

const NAME = { name: 'nameOrID', description: 'Name or id of the connection.' };
const Refuses = refusals(HoopErrorDto, {
  missing: 'No such connection.',
  conflict: 'There is a connection of this name.',
  invalid: 'A field breaks a rule.',
});

/** hoop's connections: named recipes for sessions. */
@ApiTags('Connections')
@ApiExtraModels(ConnectionDto, ConnectionPageDto)
@Controller('api/connections')
export class ConnectionsController {
  constructor(
    private readonly connections: ConnectionsService,
    private readonly tests: ConnectionTests,
    private readonly guardRails: GuardRailsService,
  ) {}

  /**
   * List connections
   *
   * By name, those that the caller may read; with `page` or `page_size` a page of them.
   */
  @Get()
  @Allow('connection:read')
  @ApiOkResponse({
    schema: {
      oneOf: [
        { type: 'array', items: { $ref: getSchemaPath(ConnectionDto) } },
        { $ref: getSchemaPath(ConnectionPageDto) },
      ],
    },
  })
  @ApiBadRequestResponse({ type: HoopErrorDto, description: 'A filter cannot be read.' })
  @ApiUnprocessableEntityResponse({ type: HoopErrorDto, description: 'A filter or a page makes no sense.' })
  list(
    @CurrentCaller() caller: Caller,
    @Query() query: ConnectionListQueryDto,
  ): Promise<ConnectionDto[] | ConnectionPageDto> {
    return this.connections.list(caller, query);
  }

  /** Create a connection */
  @Post()
  @Allow('connection:write')
  @ApiCreatedResponse({ type: ConnectionDto })
  @Refuses('conflict', 'invalid')
  create(@CurrentCaller() caller: Caller, @Body() dto: CreateConnectionDto): Promise<ConnectionDto> {
    return this.connections.create(caller, dto);
  }

  /** Get a connection */
  @Get(':nameOrID')
  @Allow('connection:read')
  @ApiParam(NAME)
  @ApiOkResponse({ type: ConnectionDto })
  @Refuses('missing')
  get(@CurrentCaller() caller: Caller, @Param('nameOrID') nameOrId: string): Promise<ConnectionDto> {
    return this.connections.get(caller, nameOrId);
  }

  /**
   * Replace a connection
   *
   * What is left out has its default, except for the team and the secrets, which stay.
   */
  @Put(':nameOrID')
  @Allow('connection:write')
  @ApiParam(NAME)
  @ApiOkResponse({ type: ConnectionDto })
  @Refuses('missing', 'invalid')
  replace(
    @CurrentCaller() caller: Caller,
    @Param('nameOrID') nameOrId: string,
    @Body() dto: ReplaceConnectionDto,
  ): Promise<ConnectionDto> {
    return this.connections.replace(caller, nameOrId, dto);
  }

  /** Modify a connection: what is left out stays as it is */
  @Patch(':nameOrID')
  @Allow('connection:write')
  @ApiParam(NAME)
  @ApiOkResponse({ type: ConnectionDto })
  @Refuses('missing', 'invalid')
  modify(
    @CurrentCaller() caller: Caller,
    @Param('nameOrID') nameOrId: string,
    @Body() dto: ModifyConnectionDto,
  ): Promise<ConnectionDto> {
    return this.connections.modify(caller, nameOrId, dto);
  }

  /** Delete a connection and its secrets */
  @Delete(':nameOrID')
  @HttpCode(204)
  @Allow('connection:write')
  @ApiParam(NAME)
  @ApiNoContentResponse()
  @Refuses('missing')
  remove(@CurrentCaller() caller: Caller, @Param('nameOrID') nameOrId: string): Promise<void> {
    return this.connections.remove(caller, nameOrId);
  }

  /**
   * Test a connection
   *
   * Looks whether a session could start; then runs the command of its subtype with an input that changes nothing (`SELECT 1`, or none). A
   * command of its own is run for databases alone, and nothing where somebody has to approve.
   */
  @Get(':nameOrID/test')
  @Allow('connection:read')
  @ApiParam(NAME)
  @ApiOkResponse({ type: ConnectionTestDto })
  @Refuses('missing')
  @ApiUnprocessableEntityResponse({ type: HoopErrorDto, description: 'None works, and why.' })
  async test(
    @CurrentCaller() caller: Caller,
    @Param('nameOrID') nameOrId: string,
  ): Promise<ConnectionTestDto> {
    await this.tests.test(caller, nameOrId);
    return { success: true };
  }

  /** Say which guard rail of a connection would stop a session, and where */
  @Post(':nameOrID/guardrails/test')
  @HttpCode(200)
  @Allow('connection:read')
  @ApiParam(NAME)
  @ApiOkResponse({ type: TestedGuardRailsDto })
  @Refuses('missing')
  testGuardRails(
    @CurrentCaller() caller: Caller,
    @Param('nameOrID') nameOrId: string,
    @Body() dto: TestGuardRailsDto,
  ): Promise<TestedGuardRailsDto> {
    return this.guardRails.testConnection(caller, nameOrId, dto);
  }
}
