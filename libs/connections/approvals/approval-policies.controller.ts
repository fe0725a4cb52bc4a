import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiParam, ApiTags } from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { ErrorEnvelopeDto, refusals } from '#libs/platform/http/index';
import { ApprovalPolicyBodyDto, ApprovalPolicyDto, ApprovalPolicyListDto } from './approval-policies.dto.js';
import { ApprovalPoliciesService } from './approval-policies.service.js';

const ID = { name: 'policy_id', description: 'Id of the policy.' };
const Refuses = refusals(ErrorEnvelopeDto, {
  missing: 'No such policy.',
  conflict: 'There is a policy of this name.',
  invalid: 'A field breaks a rule.',
});

/** What has to be approved before it runs: scripts, commands and exec sessions alike. */
@ApiTags('Approvals')
@Controller('api/v1/approval-policies')
export class ApprovalPoliciesController {
  constructor(private readonly policies: ApprovalPoliciesService) {}

  /** List approval policies */
  @Get()
  @Allow('approval_policy:read')
  @ApiOkResponse({ type: ApprovalPolicyListDto })
  list(@CurrentCaller() caller: Caller): Promise<ApprovalPolicyListDto> {
    return this.policies.list(caller);
  }

  /**
   * Create an approval policy
   *
   * What it concerns waits for its approvals from now on; other servers take up to ten seconds to know of it.
   */
  @Post()
  @Allow('approval_policy:write')
  @ApiCreatedResponse({ type: ApprovalPolicyDto })
  @Refuses('conflict', 'invalid')
  create(@CurrentCaller() caller: Caller, @Body() dto: ApprovalPolicyBodyDto): Promise<ApprovalPolicyDto> {
    return this.policies.create(caller, dto);
  }

  /** Get an approval policy */
  @Get(':policy_id')
  @Allow('approval_policy:read')
  @ApiParam(ID)
  @ApiOkResponse({ type: ApprovalPolicyDto })
  @Refuses('missing')
  get(@CurrentCaller() caller: Caller, @Param('policy_id') id: string): Promise<ApprovalPolicyDto> {
    return this.policies.get(caller, id);
  }

  /**
   * Replace an approval policy
   *
   * What is left out has its default, except for the team, which stays. Requests that wait already are not touched.
   */
  @Put(':policy_id')
  @Allow('approval_policy:write')
  @ApiParam(ID)
  @ApiOkResponse({ type: ApprovalPolicyDto })
  @Refuses('missing', 'conflict', 'invalid')
  replace(
    @CurrentCaller() caller: Caller,
    @Param('policy_id') id: string,
    @Body() dto: ApprovalPolicyBodyDto,
  ): Promise<ApprovalPolicyDto> {
    return this.policies.replace(caller, id, dto);
  }

  /**
   * Delete an approval policy
   *
   * Requests that wait for its approvals go on waiting.
   */
  @Delete(':policy_id')
  @HttpCode(204)
  @Allow('approval_policy:write')
  @ApiParam(ID)
  @ApiNoContentResponse()
  @Refuses('missing')
  remove(@CurrentCaller() caller: Caller, @Param('policy_id') id: string): Promise<void> {
    return this.policies.remove(caller, id);
  }
}
