import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
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
import { TargetsService } from '#libs/agents/index';
import { CampaignsService } from '../campaigns/campaigns.service.js';
import { type CampaignRequest } from '../campaigns/questions.service.js';
import { RunQueryByNamesDto, RunQueryDto, RunQueryResponseDto } from './live-queries.dto.js';

const ZERO_TIME = '0001-01-01T00:00:00Z';

const BY_NAMES = {
  type: RunQueryByNamesDto,
  examples: {
    'two hosts': { value: { query: 'select * from uptime', selected: { hosts: ['web-1', 'web-2'] } } },
    everybody: { value: { query: 'select * from os_version', selected: { labels: ['All Hosts'] } } },
    'all Linux hosts, summed up': {
      value: {
        query: "select version from deb_packages where name = 'openssl'",
        selected: { labels: ['All Linux'] },
        aggregate: 'select version, count(*) n from results group by version order by n desc',
      },
    },
  },
};

/** Fleet's live queries (`reference/fleet.md`, 6). Results come over `/api/v1/fleet/results/websocket` and its siblings. */
@ApiTags('Live queries')
@Controller('api/v1/fleet')
export class LiveQueriesController {
  constructor(
    private readonly campaigns: CampaignsService,
    private readonly targets: TargetsService,
  ) {}

  /** Whether live queries can be run: they are not switched off */
  @Get('status/live_query')
  @Allow('config:read')
  @ApiOkResponse({ type: EmptyDto })
  async liveQueryStatus(): Promise<EmptyDto> {
    await this.campaigns.checkEnabled();
    return {};
  }

  /** Whether results can be kept */
  @Get('status/result_store')
  @Allow('config:read')
  @ApiOkResponse({ type: EmptyDto })
  async resultStoreStatus(): Promise<EmptyDto> {
    await this.campaigns.checkStore();
    return {};
  }

  /**
   * Run a live query
   *
   * Answers with a campaign as soon as the hosts have been asked. Its results are read by subscribing to it; they are kept for
   * those who come later.
   */
  @Post('queries/run')
  @HttpCode(200)
  @Allow('live_query:run')
  @ApiBody({
    type: RunQueryDto,
    examples: { 'two hosts': { value: { query: 'select * from uptime', selected: { hosts: [1, 2] } } } },
  })
  @ApiOkResponse({ type: RunQueryResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'No hosts are targeted.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such saved query.' })
  @ApiUnprocessableEntityResponse({ type: ErrorEnvelopeDto, description: 'Neither query nor query_id.' })
  run(@CurrentCaller() caller: Caller, @Body() dto: RunQueryDto): Promise<RunQueryResponseDto> {
    const { hosts, labels, teams } = dto.selected ?? {};
    return this.start(caller, {
      ...requestOf(dto),
      selected: { hosts: hosts ?? [], labels: labels ?? [], teams: teams ?? [] },
    });
  }

  /** Run a live query on hosts, labels and teams by their names */
  @Post('queries/run_by_names')
  @HttpCode(200)
  @Allow('live_query:run')
  @ApiBody(BY_NAMES)
  @ApiOkResponse({ type: RunQueryResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'No hosts are targeted, or unknown labels.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such saved query.' })
  @ApiUnprocessableEntityResponse({ type: ErrorEnvelopeDto, description: 'Neither query nor query_id.' })
  runByNames(@CurrentCaller() caller: Caller, @Body() dto: RunQueryByNamesDto): Promise<RunQueryResponseDto> {
    return this.startByNames(caller, dto);
  }

  /** Run a live query on hosts by whatever identifies them; the same as by names */
  @Post('queries/run_by_identifiers')
  @HttpCode(200)
  @Allow('live_query:run')
  @ApiBody(BY_NAMES)
  @ApiOkResponse({ type: RunQueryResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'No hosts are targeted, or unknown labels.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such saved query.' })
  @ApiUnprocessableEntityResponse({ type: ErrorEnvelopeDto, description: 'Neither query nor query_id.' })
  runByIdentifiers(
    @CurrentCaller() caller: Caller,
    @Body() dto: RunQueryByNamesDto,
  ): Promise<RunQueryResponseDto> {
    return this.startByNames(caller, dto);
  }

  private startByNames(caller: Caller, dto: RunQueryByNamesDto): Promise<RunQueryResponseDto> {
    const { hosts, labels, teams } = dto.selected ?? {};
    const names = { hosts: hosts ?? [], labels: labels ?? [], teams: teams ?? [] };
    return this.start(caller, { ...requestOf(dto), selected: () => this.targets.resolveNames(names) });
  }

  private async start(caller: Caller, request: CampaignRequest): Promise<RunQueryResponseDto> {
    const { campaign, metrics } = await this.campaigns.start(caller, request);
    return {
      campaign: {
        created_at: ZERO_TIME,
        updated_at: ZERO_TIME,
        Metrics: {
          TotalHosts: metrics.total,
          OnlineHosts: metrics.online,
          OfflineHosts: metrics.total - metrics.online,
          MissingInActionHosts: metrics.missing,
          NewHosts: metrics.new,
        },
        id: campaign.id,
        query_id: campaign.row.queryId,
        status: 0,
        user_id: caller.userId,
      },
    };
  }
}

function requestOf(dto: RunQueryDto | RunQueryByNamesDto): Omit<CampaignRequest, 'selected'> {
  const { query, query_id: queryId, aggregate, statement } = dto;
  return { query, queryId, aggregate, limits: dto.limits ?? {}, statement };
}
