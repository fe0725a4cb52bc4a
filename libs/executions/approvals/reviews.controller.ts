import { Body, Controller, Get, Param, Put, Query } from '@nestjs/common';
import { ApiOkResponse, ApiParam, ApiTags, ApiUnprocessableEntityResponse } from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { HoopErrorDto, refusals } from '#libs/platform/http/index';
import {
  DecideReviewDto,
  ReviewDetailDto,
  ReviewDto,
  ReviewListQueryDto,
  ReviewStatementDto,
} from './reviews.dto.js';
import { ReviewsService } from './reviews.service.js';

const ID = { name: 'review_id', description: 'Id of the review, or of the session that it is about.' };
const Refuses = refusals(HoopErrorDto, {
  missing: 'No such review.',
  conflict: 'It has been decided, has expired, or is about something else than was looked at.',
  invalid: 'The time window makes no sense, or the statement does not fit.',
});

/** hoop's reviews: what waits for approval, in whichever dialect it was asked for. */
@ApiTags('Approvals')
@Controller('api/reviews')
export class ReviewsController {
  constructor(private readonly reviews: ReviewsService) {}

  /**
   * List reviews
   *
   * Newest first: of one's own requests, and those that one may decide about; all of them for global admins.
   */
  @Get()
  @Allow('review:read')
  @ApiOkResponse({ type: ReviewDto, isArray: true })
  @ApiUnprocessableEntityResponse({ type: HoopErrorDto, description: 'A page that makes no sense.' })
  list(@CurrentCaller() caller: Caller, @Query() query: ReviewListQueryDto): Promise<ReviewDto[]> {
    return this.reviews.list(caller, query);
  }

  /**
   * Get a review
   *
   * With everything that would run.
   */
  @Get(':review_id')
  @Allow('review:read')
  @ApiParam(ID)
  @ApiOkResponse({ type: ReviewDetailDto })
  @Refuses('missing')
  get(@CurrentCaller() caller: Caller, @Param('review_id') id: string): Promise<ReviewDetailDto> {
    return this.reviews.get(caller, id);
  }

  /**
   * What to sign
   *
   * All of what would run, and where, in the words of statements, with what has been signed of it: for approvals that are signed.
   */
  @Get(':review_id/statement')
  @Allow('review:read')
  @ApiParam(ID)
  @ApiOkResponse({ type: ReviewStatementDto })
  @Refuses('missing')
  @ApiUnprocessableEntityResponse({
    type: HoopErrorDto,
    description: 'Runs of script instances cannot be signed.',
  })
  statement(@CurrentCaller() caller: Caller, @Param('review_id') id: string): Promise<ReviewStatementDto> {
    return this.reviews.statement(caller, id);
  }

  /**
   * Approve, reject or revoke
   *
   * One rejection is enough. Revoked can be what has not been sent, by a reviewer or whoever asked for it. Nobody approves their own.
   */
  @Put(':review_id')
  @Allow('review:decide')
  @ApiParam({ name: 'review_id', description: 'Id of the review.' })
  @ApiOkResponse({ type: ReviewDto })
  @Refuses('missing', 'conflict', 'invalid')
  decide(
    @CurrentCaller() caller: Caller,
    @Param('review_id') id: string,
    @Body() dto: DecideReviewDto,
  ): Promise<ReviewDto> {
    return this.reviews.decide(caller, id, dto);
  }
}

/** The same by the session. */
@ApiTags('Approvals')
@Controller('api/sessions')
export class SessionReviewsController {
  constructor(private readonly reviews: ReviewsService) {}

  /** Approve, reject or revoke a session */
  @Put(':session_id/review')
  @Allow('review:decide')
  @ApiParam({ name: 'session_id', description: 'Id of the session, or of another execution.' })
  @ApiOkResponse({ type: ReviewDto })
  @Refuses('missing', 'conflict', 'invalid')
  decide(
    @CurrentCaller() caller: Caller,
    @Param('session_id') id: string,
    @Body() dto: DecideReviewDto,
  ): Promise<ReviewDto> {
    return this.reviews.decideOnSession(caller, id, dto);
  }
}
