import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
  ApiConflictResponse,
  ApiOkResponse,
  ApiTags,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { EmptyDto, ErrorEnvelopeDto } from '#libs/platform/http/index';
import { bodySchema, parseSpecs } from '../parse-specs.js';
import { SpecQueryDto } from '../query-params.dto.js';
import { SpecCalls } from '../spec-calls.service.js';
import { EnrollSecretBody, EnrollSecretResponseDto } from './enroll-secret-spec.js';
import { EnrollSecretSpecsService } from './enroll-secret-specs.service.js';

@ApiTags('Specs')
@Controller('api/v1/fleet/spec/enroll_secret')
export class EnrollSecretSpecsController {
  constructor(
    private readonly specs: EnrollSecretSpecsService,
    private readonly calls: SpecCalls,
  ) {}

  /** Get the enroll secrets of no team */
  @Get()
  @Allow('enroll_secret:read')
  @ApiOkResponse({ type: EnrollSecretResponseDto })
  async get(@CurrentCaller() caller: Caller): Promise<EnrollSecretResponseDto> {
    const secrets = await this.specs.get(caller);
    return {
      spec: {
        secrets: secrets.map(({ secret, createdAt }) => ({ secret, created_at: createdAt.toISOString() })),
      },
    };
  }

  /**
   * Replace the enroll secrets of no team
   *
   * Those that are not listed let nobody in any more; hosts that have enrolled stay. An empty list removes all.
   */
  @Post()
  @HttpCode(200)
  @Allow('enroll_secret:write')
  @ApiBody({ schema: bodySchema(EnrollSecretBody) })
  @ApiOkResponse({ type: EmptyDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'There is no list of secrets.' })
  @ApiConflictResponse({
    type: ErrorEnvelopeDto,
    description: 'A secret is in use by a team, or listed twice.',
  })
  @ApiUnprocessableEntityResponse({ type: ErrorEnvelopeDto, description: 'Too many, or an empty one.' })
  async apply(
    @CurrentCaller() caller: Caller,
    @Body() body: object,
    @Query() { dry_run }: SpecQueryDto,
  ): Promise<EmptyDto> {
    const { spec } = parseSpecs(EnrollSecretBody, body);
    await this.calls.run(caller, { dryRun: dry_run === 'true', list: 'spec' }, (call) =>
      this.specs.apply(call, spec),
    );
    return {};
  }
}
