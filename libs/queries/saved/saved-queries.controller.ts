import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiParam,
  ApiTags,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { EmptyDto, ErrorEnvelopeDto, IdPipe, listOptions } from '#libs/platform/http/index';
import {
  CreateQueryDto,
  DeletedQueriesDto,
  DeleteQueriesDto,
  ModifyQueryDto,
  QueryListDto,
  QueryListQueryDto,
  QueryResponseDto,
  QueryTeamDto,
} from './saved-queries.dto.js';
import { QUERY_ORDER_KEYS } from './saved-queries.repository.js';
import { SavedQueriesService } from './saved-queries.service.js';
import { fieldsOf, toQueryDto } from './saved-query-view.js';

/** Fleet's saved queries. */
@ApiTags('Queries')
@Controller('api/v1/fleet/queries')
export class SavedQueriesController {
  constructor(private readonly queries: SavedQueriesService) {}

  /**
   * List queries
   *
   * Of one team, or of none. Observers see all of them, and may run those with `observer_can_run`.
   */
  @Get()
  @Allow('query:read')
  @ApiOkResponse({ type: QueryListDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A list option makes no sense.' })
  async list(@CurrentCaller() caller: Caller, @Query() query: QueryListQueryDto): Promise<QueryListDto> {
    const options = listOptions(query, QUERY_ORDER_KEYS);
    const inherited = query.merge_inherited === 'true' || query.merge_inherited === '1';
    const page = await this.queries.list(caller, { teamId: teamOf(query), inherited }, options);
    return {
      queries: page.queries.map(toQueryDto),
      count: page.count,
      inherited_query_count: page.inherited,
      meta: { has_next_results: page.more, has_previous_results: options.page > 0 },
    };
  }

  /** Get query */
  @Get(':id')
  @Allow('query:read')
  @ApiOkResponse({ type: QueryResponseDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such query.' })
  async get(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<QueryResponseDto> {
    return { query: toQueryDto(await this.queries.get(caller, id)) };
  }

  /** Create query */
  @Post()
  @HttpCode(200)
  @Allow('query:write')
  @ApiOkResponse({ type: QueryResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is of the wrong type.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such team.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'The team has a query of this name.' })
  @ApiUnprocessableEntityResponse({ type: ErrorEnvelopeDto, description: 'A field breaks a rule.' })
  async create(@CurrentCaller() caller: Caller, @Body() dto: CreateQueryDto): Promise<QueryResponseDto> {
    return { query: toQueryDto(await this.queries.create(caller, dto.team_id || null, fieldsOf(dto))) };
  }

  /** Modify query: what is absent stays as it is */
  @Patch(':id')
  @Allow('query:write')
  @ApiOkResponse({ type: QueryResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is of the wrong type.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such query.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'The team has a query of this name.' })
  @ApiUnprocessableEntityResponse({ type: ErrorEnvelopeDto, description: 'A field breaks a rule.' })
  async modify(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Body() dto: ModifyQueryDto,
  ): Promise<QueryResponseDto> {
    const query = await this.queries.modify(caller, id, fieldsOf(dto), dto.team_id);
    return { query: toQueryDto(query) };
  }

  /**
   * Delete queries by their ids
   *
   * All of them, or none.
   */
  @Post('delete')
  @HttpCode(200)
  @Allow('query:write')
  @ApiOkResponse({ type: DeletedQueriesDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is of the wrong type.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such query.' })
  @ApiUnprocessableEntityResponse({ type: ErrorEnvelopeDto, description: 'No ids are given.' })
  async removeAll(
    @CurrentCaller() caller: Caller,
    @Body() { ids }: DeleteQueriesDto,
  ): Promise<DeletedQueriesDto> {
    return { deleted: await this.queries.removeAll(caller, ids) };
  }

  /** Delete query by its id */
  @Delete('id/:id')
  @Allow('query:write')
  @ApiOkResponse({ type: EmptyDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such query.' })
  async remove(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<EmptyDto> {
    await this.queries.remove(caller, id);
    return {};
  }

  /** Delete query by its name */
  @Delete(':name')
  @Allow('query:write')
  @ApiParam({ name: 'name', description: 'Whatever the case.' })
  @ApiOkResponse({ type: EmptyDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such query.' })
  async removeNamed(
    @CurrentCaller() caller: Caller,
    @Param('name') name: string,
    @Query() query: QueryTeamDto,
  ): Promise<EmptyDto> {
    await this.queries.removeNamed(caller, teamOf(query), name);
    return {};
  }
}

/** null: no team. */
function teamOf({ team_id }: QueryTeamDto): number | null {
  return Number(team_id ?? 0) || null;
}
