import { Body, Controller, HttpCode, Post, Query } from '@nestjs/common';
import { ApiBadRequestResponse, ApiBody, ApiNotFoundResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { EmptyDto, ErrorEnvelopeDto } from '#libs/platform/http/index';
import { bodySchema, parseSpecs } from '../parse-specs.js';
import { SpecQueryDto } from '../query-params.dto.js';
import { SpecCalls } from '../spec-calls.service.js';
import { PolicySpecs } from './policy-spec.js';
import { PolicySpecsService } from './policy-specs.service.js';

@ApiTags('Specs')
@Controller('api/v1/fleet/spec/policies')
export class PolicySpecsController {
  constructor(
    private readonly specs: PolicySpecsService,
    private readonly calls: SpecCalls,
  ) {}

  /** Apply specs of policies: all of them, or none */
  @Post()
  @HttpCode(200)
  @Allow('policy:write')
  @ApiBody({ schema: bodySchema(PolicySpecs) })
  @ApiOkResponse({ type: EmptyDto })
  @ApiBadRequestResponse({
    type: ErrorEnvelopeDto,
    description: 'A field breaks a rule, or SQLite cannot read the SQL.',
  })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such team.' })
  async apply(
    @CurrentCaller() caller: Caller,
    @Body() body: object,
    @Query() { dry_run }: SpecQueryDto,
  ): Promise<EmptyDto> {
    const { specs } = parseSpecs(PolicySpecs, body);
    await this.calls.run(caller, { dryRun: dry_run === 'true' }, (call) => this.specs.apply(call, specs));
    return {};
  }
}
