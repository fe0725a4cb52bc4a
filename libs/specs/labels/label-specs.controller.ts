import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { EmptyDto, ErrorEnvelopeDto } from '#libs/platform/http/index';
import { bodySchema, parseSpecs } from '../parse-specs.js';
import { SpecQueryDto } from '../query-params.dto.js';
import { SpecCalls } from '../spec-calls.service.js';
import { LabelSpecResponseDto, LabelSpecs, LabelSpecsDto } from './label-spec.js';
import { LabelSpecsService } from './label-specs.service.js';

@ApiTags('Specs')
@Controller('api/v1/fleet/spec/labels')
export class LabelSpecsController {
  constructor(
    private readonly specs: LabelSpecsService,
    private readonly calls: SpecCalls,
  ) {}

  /** Get the specs of labels */
  @Get()
  @Allow('label:read')
  @ApiOkResponse({ type: LabelSpecsDto })
  async list(@CurrentCaller() caller: Caller): Promise<LabelSpecsDto> {
    return { specs: await this.specs.list(caller) };
  }

  /** Get the spec of a label */
  @Get(':name')
  @Allow('label:read')
  @ApiOkResponse({ type: LabelSpecResponseDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such label.' })
  async get(@CurrentCaller() caller: Caller, @Param('name') name: string): Promise<LabelSpecResponseDto> {
    return { specs: await this.specs.get(caller, name) };
  }

  /** Apply specs of labels: all of them, or none */
  @Post()
  @HttpCode(200)
  @Allow('label:write')
  @ApiBody({ schema: bodySchema(LabelSpecs) })
  @ApiOkResponse({ type: EmptyDto })
  @ApiBadRequestResponse({
    type: ErrorEnvelopeDto,
    description: 'A field is of the wrong type, or SQLite cannot read the SQL.',
  })
  @ApiUnprocessableEntityResponse({
    type: ErrorEnvelopeDto,
    description: 'A field breaks a rule, or the label is built in.',
  })
  async apply(
    @CurrentCaller() caller: Caller,
    @Body() body: object,
    @Query() { dry_run }: SpecQueryDto,
  ): Promise<EmptyDto> {
    const { specs } = parseSpecs(LabelSpecs, body);
    await this.calls.run(caller, { dryRun: dry_run === 'true' }, (call) => this.specs.apply(call, specs));
    return {};
  }
}
