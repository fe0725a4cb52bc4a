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
import { SpecQueryDto, SpecTeamDto } from '../query-params.dto.js';
import { SpecCalls } from '../spec-calls.service.js';
import { QuerySpecResponseDto, QuerySpecs, QuerySpecsDto } from './query-spec.js';
import { QuerySpecsService } from './query-specs.service.js';

@ApiTags('Specs')
@Controller('api/v1/fleet/spec/queries')
export class QuerySpecsController {
  constructor(
    private readonly specs: QuerySpecsService,
    private readonly calls: SpecCalls,
  ) {}

  /** Get the specs of queries: those of no team */
  @Get()
  @Allow('query:read')
  @ApiOkResponse({ type: QuerySpecsDto })
  async list(@CurrentCaller() caller: Caller): Promise<QuerySpecsDto> {
    return { specs: await this.specs.list(caller) };
  }

  /** Get the spec of a query */
  @Get(':name')
  @Allow('query:read')
  @ApiOkResponse({ type: QuerySpecResponseDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such query.' })
  async get(
    @CurrentCaller() caller: Caller,
    @Param('name') name: string,
    @Query() { team_id }: SpecTeamDto,
  ): Promise<QuerySpecResponseDto> {
    return { specs: await this.specs.get(caller, Number(team_id ?? 0) || null, name) };
  }

  /** Apply specs of queries: all of them, or none */
  @Post()
  @HttpCode(200)
  @Allow('query:write')
  @ApiBody({ schema: bodySchema(QuerySpecs) })
  @ApiOkResponse({ type: EmptyDto })
  @ApiBadRequestResponse({
    type: ErrorEnvelopeDto,
    description: 'A field breaks a rule, or SQLite cannot read the SQL.',
  })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such team.' })
  @ApiUnprocessableEntityResponse({ type: ErrorEnvelopeDto, description: 'No such label.' })
  async apply(
    @CurrentCaller() caller: Caller,
    @Body() body: object,
    @Query() { dry_run }: SpecQueryDto,
  ): Promise<EmptyDto> {
    const { specs } = parseSpecs(QuerySpecs, body);
    await this.calls.run(caller, { dryRun: dry_run === 'true' }, (call) => this.specs.apply(call, specs));
    return {};
  }
}
