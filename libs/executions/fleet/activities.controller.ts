import { Controller, Delete, Get, HttpCode, Param, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { ErrorEnvelopeDto, IdPipe, ListQueryDto, listOptions } from '#libs/platform/http/index';
import { ActivityListDto, RecordedActivityListDto, UpcomingActivityListDto } from './activities.dto.js';
import { ActivitiesService } from './activities.service.js';
import { pageOf } from './paging.js';

/** The record grows by one end, so both are one order. */
const ORDER_KEYS = ['id', 'created_at'];

@ApiTags('Activities')
@Controller('api/v1/fleet')
export class ActivitiesController {
  constructor(private readonly activities: ActivitiesService) {}

  /**
   * List activities
   *
   * The audit record: who did what, from where, with which outcome, refused requests included. Newest first; at most 1000 per page.
   */
  @Get('activities')
  @Allow('audit:read')
  @ApiOkResponse({ type: RecordedActivityListDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A list option makes no sense.' })
  all(@Query() query: ListQueryDto): Promise<RecordedActivityListDto> {
    return this.activities.all(listOptions(query, ORDER_KEYS));
  }

  /**
   * List a host's past activities
   *
   * Newest first; at most 1000 per page.
   */
  @Get('hosts/:id/activities')
  @Allow('activity:read')
  @ApiOkResponse({ type: ActivityListDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A list option makes no sense.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such host.' })
  past(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Query() query: ListQueryDto,
  ): Promise<ActivityListDto> {
    return this.activities.past(caller, id, pageOf(query));
  }

  /**
   * List a host's upcoming activities
   *
   * Scripts that run or wait, in the order in which they run.
   */
  @Get('hosts/:id/activities/upcoming')
  @Allow('activity:read')
  @ApiOkResponse({ type: UpcomingActivityListDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A list option makes no sense.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such host.' })
  upcoming(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Query() query: ListQueryDto,
  ): Promise<UpcomingActivityListDto> {
    return this.activities.upcoming(caller, id, pageOf(query));
  }

  /**
   * Cancel an upcoming activity
   *
   * A script that waits never runs; one that runs is ended, with all its processes.
   */
  @Delete('hosts/:id/activities/upcoming/:execution_id')
  @HttpCode(204)
  @Allow('activity:cancel')
  @ApiNoContentResponse()
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such host, or nothing of it to come.' })
  cancel(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Param('execution_id') executionId: string,
  ): Promise<void> {
    return this.activities.cancel(caller, id, executionId);
  }
}
