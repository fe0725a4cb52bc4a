import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { EmptyDto, ErrorEnvelopeDto, IdPipe, listOptions, ListQueryDto } from '#libs/platform/http/index';
import { UserListDto } from '../users/users.dto.js';
import { toMemberDtos } from './team-view.js';
import { TeamMembersService } from './team-members.service.js';
import {
  AgentOptionsQueryDto,
  CreateTeamDto,
  ModifyTeamDto,
  SecretsDto,
  SecretsResponseDto,
  TeamLeaversDto,
  TeamListDto,
  TeamMembersDto,
  TeamResponseDto,
} from './teams.dto.js';
import { TEAM_ORDER_KEYS } from './teams.repository.js';
import { TeamsService } from './teams.service.js';

@ApiTags('Teams')
@Controller('api/v1/fleet/teams')
export class TeamsController {
  constructor(
    private readonly teams: TeamsService,
    private readonly members: TeamMembersService,
  ) {}

  /** List teams: those on which the caller has a role */
  @Get()
  @Allow('team:read')
  @ApiOkResponse({ type: TeamListDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A list option makes no sense.' })
  async list(@CurrentCaller() caller: Caller, @Query() query: ListQueryDto): Promise<TeamListDto> {
    return { teams: await this.teams.list(caller, listOptions(query, TEAM_ORDER_KEYS)) };
  }

  /** Get team */
  @Get(':id')
  @Allow('team:read')
  @ApiOkResponse({ type: TeamResponseDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such team.' })
  async get(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<TeamResponseDto> {
    return { team: await this.teams.get(caller, id) };
  }

  /** Create team, with an enroll secret of its own */
  @Post()
  @HttpCode(200)
  @Allow('team:create')
  @ApiOkResponse({ type: TeamResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is of the wrong type.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'The name or a secret is taken.' })
  @ApiUnprocessableEntityResponse({ type: ErrorEnvelopeDto, description: 'A field breaks a rule.' })
  async create(@CurrentCaller() caller: Caller, @Body() dto: CreateTeamDto): Promise<TeamResponseDto> {
    return { team: await this.teams.create(caller, dto) };
  }

  /** Modify team */
  @Patch(':id')
  @Allow('team:write')
  @ApiOkResponse({ type: TeamResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is of the wrong type.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such team.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'The name or a secret is taken.' })
  @ApiUnprocessableEntityResponse({ type: ErrorEnvelopeDto, description: 'A field breaks a rule.' })
  async modify(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Body() dto: ModifyTeamDto,
  ): Promise<TeamResponseDto> {
    return { team: await this.teams.modify(caller, id, dto) };
  }

  /**
   * Set the agent options of a team
   *
   * The whole of them; `script_execution_timeout` (seconds) is what scripts get that ask for no timeout.
   */
  @Post(':id/agent_options')
  @HttpCode(200)
  @Allow('team:write')
  @ApiBody({ schema: { type: 'object', additionalProperties: true } })
  @ApiOkResponse({ type: TeamResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A key is unknown, or its value is bad.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such team.' })
  async setAgentOptions(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Body() options: object,
    @Query() query: AgentOptionsQueryDto,
  ): Promise<TeamResponseDto> {
    const how = { force: query.force === 'true', dryRun: query.dry_run === 'true' };
    return { team: await this.teams.setAgentOptions(caller, id, { ...options }, how) };
  }

  /**
   * Delete team
   *
   * Its saved scripts and enroll secrets go with it, its hosts belong to no team afterwards. Users who had a role on no other team
   * can do nothing until they are given one.
   */
  @Delete(':id')
  @Allow('team:delete')
  @ApiOkResponse({ type: EmptyDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such team.' })
  async delete(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<EmptyDto> {
    await this.teams.delete(caller, id);
    return {};
  }

  /** List the users of a team */
  @Get(':id/users')
  @Allow('user:manage')
  @ApiOkResponse({ type: UserListDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such team.' })
  async listMembers(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<UserListDto> {
    return { users: toMemberDtos(await this.members.list(caller, id), id) };
  }

  /** Add users to a team, or change their role on it */
  @Patch(':id/users')
  @Allow('user:manage')
  @ApiOkResponse({ type: TeamResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is of the wrong type.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such team or user.' })
  @ApiUnprocessableEntityResponse({
    type: ErrorEnvelopeDto,
    description: 'No such role, or a user with a global role.',
  })
  async putMembers(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Body() dto: TeamMembersDto,
  ): Promise<TeamResponseDto> {
    await this.members.put(caller, id, dto.users);
    return this.withMembers(caller, id);
  }

  /** Take users out of a team */
  @Delete(':id/users')
  @Allow('user:manage')
  @ApiOkResponse({ type: TeamResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is of the wrong type.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such team or user.' })
  @ApiUnprocessableEntityResponse({
    type: ErrorEnvelopeDto,
    description: 'A user would be left without any role: give it another one first, or delete it.',
  })
  async removeMembers(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Body() dto: TeamLeaversDto,
  ): Promise<TeamResponseDto> {
    await this.members.remove(caller, id, dto.users);
    return this.withMembers(caller, id);
  }

  /** The enroll secrets of a team */
  @Get(':id/secrets')
  @Allow('team:write')
  @ApiOkResponse({ type: SecretsResponseDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such team.' })
  async secrets(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
  ): Promise<SecretsResponseDto> {
    return { secrets: await this.teams.secrets(caller, id) };
  }

  /** Replace the enroll secrets of a team */
  @Patch(':id/secrets')
  @Allow('team:write')
  @ApiOkResponse({ type: SecretsResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is of the wrong type.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such team.' })
  @ApiConflictResponse({
    type: ErrorEnvelopeDto,
    description: 'A secret is listed twice or in use elsewhere.',
  })
  @ApiUnprocessableEntityResponse({ type: ErrorEnvelopeDto, description: 'Too many, empty or too long.' })
  async setSecrets(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Body() dto: SecretsDto,
  ): Promise<SecretsResponseDto> {
    return { secrets: await this.teams.setSecrets(caller, id, dto.secrets) };
  }

  private async withMembers(caller: Caller, id: number): Promise<TeamResponseDto> {
    const team = await this.teams.get(caller, id);
    return { team: { ...team, users: toMemberDtos(await this.members.list(caller, id), id) } };
  }
}
