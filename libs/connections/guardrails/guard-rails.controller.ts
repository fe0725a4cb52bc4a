import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiParam, ApiTags } from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { HoopErrorDto, refusals } from '#libs/platform/http/index';
import { GuardRailBodyDto, GuardRailDto, TestedGuardRailsDto, TestGuardRailsDto } from './guard-rails.dto.js';
import { GuardRailsService } from './guard-rails.service.js';

const NAME = { name: 'nameOrID', description: 'Id or name of the guard rail.' };
const Refuses = refusals(HoopErrorDto, {
  missing: 'No such guard rail.',
  conflict: 'There is a guard rail of this name.',
  invalid: 'A field or a rule makes no sense.',
});

/** hoop's guard rails: rules about what goes into sessions and comes out of them. */
@ApiTags('Guard rails')
@Controller('api/guardrails')
export class GuardRailsController {
  constructor(private readonly guardRails: GuardRailsService) {}

  /** List guard rails */
  @Get()
  @Allow('connection:read')
  @ApiOkResponse({ type: GuardRailDto, isArray: true })
  list(@CurrentCaller() caller: Caller): Promise<GuardRailDto[]> {
    return this.guardRails.list(caller);
  }

  /** Create a guard rail */
  @Post()
  @Allow('connection:write')
  @ApiCreatedResponse({ type: GuardRailDto })
  @Refuses('conflict', 'invalid')
  create(@CurrentCaller() caller: Caller, @Body() dto: GuardRailBodyDto): Promise<GuardRailDto> {
    return this.guardRails.create(caller, dto);
  }

  /** Get a guard rail */
  @Get(':nameOrID')
  @Allow('connection:read')
  @ApiParam(NAME)
  @ApiOkResponse({ type: GuardRailDto })
  @Refuses('missing')
  get(@CurrentCaller() caller: Caller, @Param('nameOrID') nameOrId: string): Promise<GuardRailDto> {
    return this.guardRails.get(caller, nameOrId);
  }

  /**
   * Replace a guard rail
   *
   * What is left out is empty, except for the team and the connections, which stay.
   */
  @Put(':nameOrID')
  @Allow('connection:write')
  @ApiParam(NAME)
  @ApiOkResponse({ type: GuardRailDto })
  @Refuses('missing', 'conflict', 'invalid')
  replace(
    @CurrentCaller() caller: Caller,
    @Param('nameOrID') nameOrId: string,
    @Body() dto: GuardRailBodyDto,
  ): Promise<GuardRailDto> {
    return this.guardRails.replace(caller, nameOrId, dto);
  }

  /** Delete a guard rail: its connections go on without it */
  @Delete(':nameOrID')
  @HttpCode(204)
  @Allow('connection:write')
  @ApiParam(NAME)
  @ApiNoContentResponse()
  @Refuses('missing')
  remove(@CurrentCaller() caller: Caller, @Param('nameOrID') nameOrId: string): Promise<void> {
    return this.guardRails.remove(caller, nameOrId);
  }

  /** Say which rule of a guard rail would stop a session, and where */
  @Post(':nameOrID/test')
  @HttpCode(200)
  @Allow('connection:read')
  @ApiParam(NAME)
  @ApiOkResponse({ type: TestedGuardRailsDto })
  @Refuses('missing')
  test(
    @CurrentCaller() caller: Caller,
    @Param('nameOrID') nameOrId: string,
    @Body() dto: TestGuardRailsDto,
  ): Promise<TestedGuardRailsDto> {
    return this.guardRails.test(caller, nameOrId, dto);
  }
}
