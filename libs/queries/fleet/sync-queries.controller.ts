import { Body, Controller, HttpCode, Param, Post, Req } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import { type Request } from 'express';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { closed, ErrorEnvelopeDto, IdPipe } from '#libs/platform/http/index';
import {
  HostQueryDto,
  HostQueryResponseDto,
  RunSavedQueryDto,
  RunSavedQueryResponseDto,
} from './sync-queries.dto.js';
import { SyncQueriesService } from './sync-queries.service.js';

@ApiTags('Live queries')
@Controller('api/v1/fleet')
export class SyncQueriesController {
  constructor(private readonly queries: SyncQueriesService) {}

  /**
   * Run a saved query and wait for the answers
   *
   * Answers as soon as every host that is online has answered, after 25 seconds at the latest. Hosts that have not answered are
   * listed; what they answer within the next minute is kept in the campaign.
   */
  @Post('queries/:id/run')
  @HttpCode(200)
  @Allow('live_query:run')
  @ApiOkResponse({ type: RunSavedQueryResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'No hosts are targeted.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such saved query.' })
  runSaved(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Body() { host_ids }: RunSavedQueryDto,
    @Req() request: Request,
  ): Promise<RunSavedQueryResponseDto> {
    return this.queries.runSaved(caller, id, host_ids ?? [], closed(request));
  }

  /** Run SQL on one host and wait for the answer; an offline host is answered at once */
  @Post('hosts/:id/query')
  @HttpCode(200)
  @Allow('live_query:run_new')
  @ApiOkResponse({ type: HostQueryResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'No SQL, or no such host.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'The id is no number.' })
  runOnHost(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Body() { query }: HostQueryDto,
    @Req() request: Request,
  ): Promise<HostQueryResponseDto> {
    return this.queries.runOnHost(caller, id, query ?? '', closed(request));
  }

  /** As by id; the host by its hostname, uuid or hardware serial */
  @Post('hosts/identifier/:identifier/query')
  @HttpCode(200)
  @Allow('live_query:run_new')
  @ApiOkResponse({ type: HostQueryResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'No SQL, or no such host.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'Several hosts answer to it.' })
  runOnIdentified(
    @CurrentCaller() caller: Caller,
    @Param('identifier') identifier: string,
    @Body() { query }: HostQueryDto,
    @Req() request: Request,
  ): Promise<HostQueryResponseDto> {
    return this.queries.runOnIdentified(caller, identifier, query ?? '', closed(request));
  }
}
