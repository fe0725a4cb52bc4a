import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { OsapiErrorDto } from '#libs/platform/http/index';
import {
  AgentInfoDto,
  AgentListDto,
  AgentListQueryDto,
  AgentMessageDto,
  FactKeysDto,
  PendingAgentListDto,
} from './agents.dto.js';
import { OsapiAgentsService } from './agents.service.js';
import { FACT_DESCRIPTIONS } from './facts.js';

const NAME = { name: 'hostname', description: 'Hostname or machine id (the uuid of the host).' };

/** osapi's agents are hosts. */
@ApiTags('Agents')
@Controller('api/agent')
export class AgentsController {
  constructor(private readonly agents: OsapiAgentsService) {}

  /**
   * List agents
   *
   * Connected or not; those that the caller may see, by id.
   */
  @Get()
  @Allow('agent:read')
  @ApiOkResponse({ type: AgentListDto })
  @ApiBadRequestResponse({ type: OsapiErrorDto, description: 'limit or offset make no sense.' })
  list(
    @CurrentCaller() caller: Caller,
    @Query() { limit, offset }: AgentListQueryDto,
  ): Promise<AgentListDto> {
    return this.agents.list(caller, limit === undefined ? undefined : Number(limit), Number(offset ?? 0));
  }

  /**
   * List agents that wait to be accepted
   *
   * There are none: an agent with a valid enroll secret is in at once.
   */
  @Get('pending')
  @Allow('agent:read')
  @ApiOkResponse({ type: PendingAgentListDto })
  pending(): PendingAgentListDto {
    return { agents: [], total: 0 };
  }

  /** Get an agent, with the times at which it was drained */
  @Get(':hostname')
  @Allow('agent:read')
  @ApiParam(NAME)
  @ApiOkResponse({ type: AgentInfoDto })
  @ApiNotFoundResponse({ type: OsapiErrorDto, description: 'No such agent.' })
  @ApiConflictResponse({ type: OsapiErrorDto, description: 'Several agents bear this name.' })
  get(@CurrentCaller() caller: Caller, @Param('hostname') hostname: string): Promise<AgentInfoDto> {
    return this.agents.get(caller, hostname);
  }

  /**
   * Drain an agent
   *
   * It is given nothing new until it is undrained: what is asked for meanwhile waits. What is in flight goes on.
   */
  @Post(':hostname/drain')
  @HttpCode(200)
  @Allow('agent:drain')
  @ApiParam(NAME)
  @ApiOkResponse({ type: AgentMessageDto })
  @ApiNotFoundResponse({ type: OsapiErrorDto, description: 'No such agent.' })
  @ApiConflictResponse({
    type: OsapiErrorDto,
    description: 'It is draining already, or several agents bear this name.',
  })
  async drain(
    @CurrentCaller() caller: Caller,
    @Param('hostname') hostname: string,
  ): Promise<AgentMessageDto> {
    return { message: `drain initiated for agent ${await this.agents.drain(caller, hostname)}` };
  }

  /** Put an agent back into service: what waits for it is sent */
  @Post(':hostname/undrain')
  @HttpCode(200)
  @Allow('agent:drain')
  @ApiParam(NAME)
  @ApiOkResponse({ type: AgentMessageDto })
  @ApiNotFoundResponse({ type: OsapiErrorDto, description: 'No such agent.' })
  @ApiConflictResponse({
    type: OsapiErrorDto,
    description: 'It is not draining, or several agents bear this name.',
  })
  async undrain(
    @CurrentCaller() caller: Caller,
    @Param('hostname') hostname: string,
  ): Promise<AgentMessageDto> {
    return { message: `undrain initiated for agent ${await this.agents.undrain(caller, hostname)}` };
  }
}

@ApiTags('Agents')
@Controller('api/facts')
export class FactsController {
  /** List the keys of what agents tell in their `facts` */
  @Get('keys')
  @Allow('agent:read')
  @ApiOkResponse({ type: FactKeysDto })
  keys(): FactKeysDto {
    const keys = Object.entries(FACT_DESCRIPTIONS);
    return { keys: keys.map(([key, description]) => ({ key, description, builtin: true })) };
  }
}
