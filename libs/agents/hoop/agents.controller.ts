import { Controller, Get, Param, Query } from '@nestjs/common';
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
import { HoopErrorDto } from '#libs/platform/http/index';
import { HoopAgentDto, HoopAgentListQueryDto } from './agents.dto.js';
import { HoopAgentsService } from './agents.service.js';

/** hoop's agents are hosts; they enroll by themselves, so they are only read here. */
@ApiTags('Agents')
@Controller('api/agents')
export class HoopAgentsController {
  constructor(private readonly agents: HoopAgentsService) {}

  /** List agents as hoop's clients know them */
  @Get()
  @Allow('agent:read')
  @ApiOkResponse({ type: HoopAgentDto, isArray: true })
  @ApiBadRequestResponse({ type: HoopErrorDto, description: 'The status cannot be read.' })
  @ApiUnprocessableEntityResponse({ type: HoopErrorDto, description: 'There is no such status.' })
  list(@CurrentCaller() caller: Caller, @Query() { status }: HoopAgentListQueryDto): Promise<HoopAgentDto[]> {
    return this.agents.list(caller, status);
  }

  /** Get an agent as hoop's clients know it */
  @Get(':nameOrID')
  @Allow('agent:read')
  @ApiParam({ name: 'nameOrID', description: 'Hostname or uuid of the host.' })
  @ApiOkResponse({ type: HoopAgentDto })
  @ApiNotFoundResponse({ type: HoopErrorDto, description: 'No such agent.' })
  @ApiConflictResponse({ type: HoopErrorDto, description: 'Several agents bear this name.' })
  get(@CurrentCaller() caller: Caller, @Param('nameOrID') nameOrId: string): Promise<HoopAgentDto> {
    return this.agents.get(caller, nameOrId);
  }
}
