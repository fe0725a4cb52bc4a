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
  PolicyListDto,
  PolicyResponseDto,
} from './policies.dto.js';
import { ALL_HOSTS, PoliciesService } from './policies.service.js';
import { toPolicyDto } from './policy-view.js';

/** Fleet's policies about all hosts. */
@ApiTags('Policies')
@Controller(['api/v1/fleet/policies', 'api/v1/fleet/global/policies'])
export class PoliciesController {
  constructor(private readonly policies: PoliciesService) {}

  /** List policies about all hosts */
  @Get()
  @Allow('policy:read')
  @ApiOkResponse({ type: PolicyListDto })
  async list(@CurrentCaller() caller: Caller): Promise<PolicyListDto> {
    return { policies: (await this.policies.list(caller)).map(toPolicyDto) };
  }

  /** Get a policy about all hosts */
  @Get(':id')
  @Allow('policy:read')
  @ApiOkResponse({ type: PolicyResponseDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such policy.' })
  async get(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<PolicyResponseDto> {
    return { policy: toPolicyDto(await this.policies.get(caller, ALL_HOSTS, id)) };
  }

  /** Create a policy about all hosts */
  @Post()
  @HttpCode(200)
  @Allow('policy:write')
  @ApiOkResponse({ type: PolicyResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field breaks a rule.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'There is a policy of this name.' })
  async create(@CurrentCaller() caller: Caller, @Body() dto: CreatePolicyDto): Promise<PolicyResponseDto> {
    return { policy: toPolicyDto(await this.policies.create(caller, ALL_HOSTS, dto)) };
  }

  /** Modify a policy about all hosts: what is absent stays as it is */
  @Patch(':id')
  @Allow('policy:write')
  @ApiOkResponse({ type: PolicyResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field breaks a rule.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such policy.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'There is a policy of this name.' })
  async modify(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Body() dto: ModifyPolicyDto,
  ): Promise<PolicyResponseDto> {
    return { policy: toPolicyDto(await this.policies.modify(caller, ALL_HOSTS, id, dto)) };
  }

  /** Delete policies about all hosts: all of them, or none */
  @Post('delete')
  @HttpCode(200)
  @Allow('policy:write')
  @ApiOkResponse({ type: DeletedPoliciesDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is of the wrong type.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such policy.' })
  async remove(
    @CurrentCaller() caller: Caller,
    @Body() { ids }: DeletePoliciesDto,
  ): Promise<DeletedPoliciesDto> {
    return { deleted: await this.policies.remove(caller, ALL_HOSTS, ids) };
  }
}
