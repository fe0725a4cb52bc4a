import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Put, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiConflictResponse,
  ApiCreatedResponse,
  ApiExtraModels,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiParam,
  ApiTags,
  ApiUnprocessableEntityResponse,
  getSchemaPath,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { HoopErrorDto } from '#libs/platform/http/index';
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
const NOT_FOUND = { type: HoopErrorDto, description: 'No such connection.' };
const INVALID = { type: HoopErrorDto, description: 'A field breaks a rule.' };

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
  @ApiConflictResponse({ type: HoopErrorDto, description: 'There is a connection of this name.' })
  @ApiUnprocessableEntityResponse(INVALID)
  create(@CurrentCaller() caller: Caller, @Body() dto: CreateConnectionDto): Promise<ConnectionDto> {
    return this.connections.create(caller, dto);
  }

  /** Get a connection */
  @Get(':nameOrID')
  @Allow('connection:read')
  @ApiParam(NAME)
  @ApiOkResponse({ type: ConnectionDto })
  @ApiNotFoundResponse(NOT_FOUND)
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
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiUnprocessableEntityResponse(INVALID)
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
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiUnprocessableEntityResponse(INVALID)
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
  @ApiNotFoundResponse(NOT_FOUND)
  remove(@CurrentCaller() caller: Caller, @Param('nameOrID') nameOrId: string): Promise<void> {
    return this.connections.remove(caller, nameOrId);
  }

  /** Say whether a session through a connection could start */
  @Get(':nameOrID/test')
  @Allow('connection:read')
  @ApiParam(NAME)
  @ApiOkResponse({ type: ConnectionTestDto })
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiUnprocessableEntityResponse({ type: HoopErrorDto, description: 'None could, and why.' })
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
  @ApiNotFoundResponse(NOT_FOUND)
  testGuardRails(
    @CurrentCaller() caller: Caller,
    @Param('nameOrID') nameOrId: string,
    @Body() dto: TestGuardRailsDto,
  ): Promise<TestedGuardRailsDto> {
    return this.guardRails.testConnection(caller, nameOrId, dto);
  }
}
