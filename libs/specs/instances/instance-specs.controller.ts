import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { EmptyDto, ErrorEnvelopeDto } from '#libs/platform/http/index';
import { bodySchema, parseSpecs } from '../parse-specs.js';
import { SpecQueryDto, SpecTeamDto } from '../query-params.dto.js';
import { SpecCalls } from '../spec-calls.service.js';
import { InstanceSpecResponseDto, InstanceSpecs, InstanceSpecsDto } from './instance-spec.js';
import { InstanceSpecsService } from './instance-specs.service.js';

@ApiTags('Specs')
@Controller('api/v1/fleet/spec/script_instances')
export class InstanceSpecsController {
  constructor(
    private readonly specs: InstanceSpecsService,
    private readonly calls: SpecCalls,
  ) {}

  /** Get the specs of a team's script instances, or of those of no team */
  @Get()
  @Allow('script:read')
  @ApiOkResponse({ type: InstanceSpecsDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'The team is no number.' })
  async list(@CurrentCaller() caller: Caller, @Query() { team_id }: SpecTeamDto): Promise<InstanceSpecsDto> {
    return { specs: await this.specs.list(caller, Number(team_id || 0) || null) };
  }

  /** Get the spec of a script instance */
  @Get(':script/:name')
  @Allow('script:read')
  @ApiOkResponse({ type: InstanceSpecResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'The team is no number.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such script or instance.' })
  async get(
    @CurrentCaller() caller: Caller,
    @Param('script') script: string,
    @Param('name') name: string,
    @Query() { team_id }: SpecTeamDto,
  ): Promise<InstanceSpecResponseDto> {
    return { specs: await this.specs.get(caller, Number(team_id || 0) || null, script, name) };
  }

  /** Apply specs of script instances: all of them, or none */
  @Post()
  @HttpCode(200)
  @Allow('script:write')
  @ApiBody({ schema: bodySchema(InstanceSpecs) })
  @ApiOkResponse({ type: EmptyDto })
  @ApiBadRequestResponse({
    type: ErrorEnvelopeDto,
    description: 'A field breaks a rule, an expression does not parse, or what is named is not there.',
  })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such team.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'Two hosts have a name.' })
  async apply(
    @CurrentCaller() caller: Caller,
    @Body() body: object,
    @Query() { dry_run }: SpecQueryDto,
  ): Promise<EmptyDto> {
    const { specs } = parseSpecs(InstanceSpecs, body);
    await this.calls.run(caller, { dryRun: dry_run === 'true' }, (call) => this.specs.apply(call, specs));
    return {};
  }
}
