import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBadRequestResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { ErrorEnvelopeDto, IdPipe } from '#libs/platform/http/index';
import {
  CampaignDto,
  CampaignHostsDto,
  CampaignListDto,
  CampaignListQueryDto,
  CampaignResultsDto,
  CampaignResultsQueryDto,
} from './campaigns.dto.js';
import { CampaignViewsService } from './campaign-views.service.js';

/** What no dialect has: one view of every live query. */
@ApiTags('Live queries')
@Controller('api/v1/campaigns')
export class CampaignsController {
  constructor(private readonly campaigns: CampaignViewsService) {}

  /** List live queries, newest first; one's own, for global admins everybody's */
  @Get()
  @Allow('live_query:run')
  @ApiOkResponse({ type: CampaignListDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A parameter makes no sense.' })
  list(@CurrentCaller() caller: Caller, @Query() query: CampaignListQueryDto): Promise<CampaignListDto> {
    return this.campaigns.list(caller, query);
  }

  /** Get a live query and how far it has come */
  @Get(':id')
  @Allow('live_query:run')
  @ApiOkResponse({ type: CampaignDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such campaign.' })
  get(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<CampaignDto> {
    return this.campaigns.get(caller, id);
  }

  /** List its hosts, and where each stands */
  @Get(':id/hosts')
  @Allow('live_query:run')
  @ApiOkResponse({ type: CampaignHostsDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such campaign.' })
  hosts(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<CampaignHostsDto> {
    return this.campaigns.hosts(caller, id);
  }

  /**
   * Read its results from a cursor
   *
   * In the order in which they came, about a megabyte at a time. They are kept for seven days after the end.
   */
  @Get(':id/results')
  @Allow('live_query:run')
  @ApiOkResponse({ type: CampaignResultsDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'after is no number.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such campaign.' })
  results(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Query() { after = '0' }: CampaignResultsQueryDto,
  ): Promise<CampaignResultsDto> {
    return this.campaigns.results(caller, id, Number(after));
  }

  /**
   * Cancel
   *
   * Hosts that still work on it are told to stop, and no answer counts any more. What has come is kept.
   */
  @Post(':id/cancel')
  @HttpCode(202)
  @Allow('live_query:run')
  @ApiAcceptedResponse({ type: CampaignDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such campaign.' })
  cancel(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<CampaignDto> {
    return this.campaigns.cancel(caller, id);
  }
}
