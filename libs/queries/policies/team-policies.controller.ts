import { Body, Controller, Get, HttpCode, Param, Patch, Post } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { ErrorEnvelopeDto, IdPipe } from '#libs/platform/http/index';
import {
  CreatePolicyDto,
  DeletedPoliciesDto,
  DeletePoliciesDto,
  ModifyPolicyDto,
  TeamPolicyListDto,
  PolicyResponseDto,
} from './policies.dto.js';
import { ownerOf, PoliciesService } from './policies.service.js';
import { toPolicyDto } from './policy-view.js';

/** Fleet's policies of a team (0: about hosts of no team). */
@ApiTags('Policies')
@Controller(['api/v1/fleet/teams/:id/policies', 'api/v1/fleet/team/:id/policies'])
export class TeamPoliciesController {
  constructor(private readonly policies: PoliciesService) {}

  /** List policies of a team (0: about hosts of no team) */
  @Get()
  @Allow('policy:read')
  @ApiOkResponse({ type: TeamPolicyListDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such team.' })
  async list(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) teamId: number,
  ): Promise<TeamPolicyListDto> {
    const { policies, inherited } = await this.policies.listOfTeam(caller, teamId);
    return { policies: policies.map(toPolicyDto), inherited_policies: inherited.map(toPolicyDto) };
  }

  /** Get a policy of a team (0: about hosts of no team) */
  @Get(':policy_id')
  @Allow('policy:read')
  @ApiOkResponse({ type: PolicyResponseDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such policy.' })
  async get(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) teamId: number,
    @Param('policy_id', IdPipe) id: number,
  ): Promise<PolicyResponseDto> {
    return { policy: toPolicyDto(await this.policies.get(caller, ownerOf(teamId), id)) };
  }

  /** Create a policy of a team (0: about hosts of no team) */
  @Post()
  @HttpCode(200)
  @Allow('policy:write')
  @ApiOkResponse({ type: PolicyResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field breaks a rule.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such team.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'There is a policy of this name.' })
  async create(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) teamId: number,
    @Body() dto: CreatePolicyDto,
  ): Promise<PolicyResponseDto> {
    return { policy: toPolicyDto(await this.policies.create(caller, ownerOf(teamId), dto)) };
  }

  /**
   * Modify a policy of a team
   *
   * Team 0: about hosts of no team. What is absent stays as it is.
   */
  @Patch(':policy_id')
  @Allow('policy:write')
  @ApiOkResponse({ type: PolicyResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field breaks a rule.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such policy.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'There is a policy of this name.' })
  async modify(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) teamId: number,
    @Param('policy_id', IdPipe) id: number,
    @Body() dto: ModifyPolicyDto,
  ): Promise<PolicyResponseDto> {
    return { policy: toPolicyDto(await this.policies.modify(caller, ownerOf(teamId), id, dto)) };
  }

  /** Delete policies of a team (0: about hosts of no team): all of them, or none */
  @Post('delete')
  @HttpCode(200)
  @Allow('policy:write')
  @ApiOkResponse({ type: DeletedPoliciesDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is of the wrong type.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such policy.' })
  async remove(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) teamId: number,
    @Body() { ids }: DeletePoliciesDto,
  ): Promise<DeletedPoliciesDto> {
    return { deleted: await this.policies.remove(caller, ownerOf(teamId), ids) };
  }
}
