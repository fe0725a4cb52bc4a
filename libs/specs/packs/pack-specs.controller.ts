import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
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
import { EmptyDto, ErrorEnvelopeDto } from '#libs/platform/http/index';
import { bodySchema, parseSpecs } from '../parse-specs.js';
import { SpecQueryDto } from '../query-params.dto.js';
import { SpecCalls } from '../spec-calls.service.js';
import { PackSpecResponseDto, PackSpecs, PackSpecsDto } from './pack-spec.js';
import { PackSpecsService } from './pack-specs.service.js';

@ApiTags('Specs')
@Controller('api/v1/fleet/spec/packs')
export class PackSpecsController {
  constructor(
    private readonly specs: PackSpecsService,
    private readonly calls: SpecCalls,
  ) {}

  /** Get the specs of packs */
  @Get()
  @Allow('pack:read')
  @ApiOkResponse({ type: PackSpecsDto })
  async list(@CurrentCaller() caller: Caller): Promise<PackSpecsDto> {
    return { specs: await this.specs.list(caller) };
  }

  /** Get the spec of a pack */
  @Get(':name')
  @Allow('pack:read')
  @ApiOkResponse({ type: PackSpecResponseDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such pack.' })
  async get(@CurrentCaller() caller: Caller, @Param('name') name: string): Promise<PackSpecResponseDto> {
    return { specs: await this.specs.get(caller, name) };
  }

  /** Apply specs of packs: all of them, or none */
  @Post()
  @HttpCode(200)
  @Allow('pack:write')
  @ApiBody({ schema: bodySchema(PackSpecs) })
  @ApiOkResponse({ type: EmptyDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field breaks a rule.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'Two queries of a pack bear one name.' })
  @ApiUnprocessableEntityResponse({
    type: ErrorEnvelopeDto,
    description: 'No such saved query, label or team.',
  })
  async apply(
    @CurrentCaller() caller: Caller,
    @Body() body: object,
    @Query() { dry_run }: SpecQueryDto,
  ): Promise<EmptyDto> {
    const { specs } = parseSpecs(PackSpecs, body);
    await this.calls.run(caller, { dryRun: dry_run === 'true' }, (call) => this.specs.apply(call, specs));
    return {};
  }
}
