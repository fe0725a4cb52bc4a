import { Body, Controller, Get, Headers, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBadRequestResponse,
  ApiConflictResponse,
  ApiForbiddenResponse,
  ApiHeader,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiProduces,
  ApiTags,
} from '@nestjs/swagger';
import { type Request, type Response } from 'express';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { closed, ErrorEnvelopeDto, sendEvents } from '#libs/platform/http/index';
import {
  CancelQueryDto,
  ExecutionDto,
  ExecutionListDto,
  ExecutionListQueryDto,
  ExecutionQueryDto,
  OutputDto,
  OutputQueryDto,
} from './executions.dto.js';
import { ExecutionsService } from './executions.service.js';
import { ResumeDto } from './rollout/rollout.dto.js';

const MAX_WAIT_SECONDS = 300;

@ApiTags('Executions')
@Controller('api/v1/executions')
export class ExecutionsController {
  constructor(private readonly executions: ExecutionsService) {}

  /** List executions, newest first */
  @Get()
  @Allow('execution:read')
  @ApiOkResponse({ type: ExecutionListDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A filter makes no sense.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'The host of the filter does not exist.' })
  list(@CurrentCaller() caller: Caller, @Query() query: ExecutionListQueryDto): Promise<ExecutionListDto> {
    return this.executions.list(caller, query);
  }

  /**
   * Get an execution
   *
   * By its own uuid or by a target's. With `wait` the answer comes when all targets have ended, or after that time.
   */
  @Get(':uuid')
  @Allow('execution:read')
  @ApiOkResponse({ type: ExecutionDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'wait is not a number from 0 to 300.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such execution.' })
  get(
    @CurrentCaller() caller: Caller,
    @Param('uuid') uuid: string,
    @Query() { wait = '0' }: ExecutionQueryDto,
    @Req() request: Request,
  ): Promise<ExecutionDto> {
    const seconds = Number(wait);
    if (seconds > MAX_WAIT_SECONDS)
      throw new DomainError('malformed', { name: 'wait', reason: `must be at most ${MAX_WAIT_SECONDS}` });
    return this.executions.get(caller, uuid, seconds, closed(request));
  }

  /**
   * Read output
   *
   * From a cursor, as JSON; or live with `Accept: text/event-stream`: events `chunk` (its `id` is the cursor) and, at the end, `done`.
   * `Last-Event-ID` resumes without a gap or a double.
   */
  @Get(':uuid/output')
  @Allow('execution:read')
  @ApiProduces('application/json', 'text/event-stream')
  @ApiHeader({
    name: 'Last-Event-ID',
    required: false,
    description: 'Only chunks after this one (server-sent events).',
  })
  @ApiOkResponse({ type: OutputDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A parameter makes no sense.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such execution or target.' })
  async output(
    @CurrentCaller() caller: Caller,
    @Param('uuid') uuid: string,
    @Query() query: OutputQueryDto,
    @Headers('Last-Event-ID') lastEventId: string | undefined,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<OutputDto | undefined> {
    if (request.accepts(['application/json', 'text/event-stream']) !== 'text/event-stream')
      return this.executions.output(caller, uuid, query);
    if (lastEventId !== undefined && !/^\d{1,15}$/.test(lastEventId)) {
      throw new DomainError('malformed', {
        name: 'Last-Event-ID',
        reason: 'must be the id of an event of this stream',
      });
    }
    const pages = await this.executions.follow(
      caller,
      uuid,
      { ...query, after: lastEventId ?? query.after },
      closed(request),
    );
    await sendEvents(response, pages, function* ({ chunks, done, next }) {
      for (const chunk of chunks) yield { id: chunk.seq, event: 'chunk', data: chunk };
      if (done) yield { id: next, event: 'done', data: {} };
    });
    return undefined;
  }

  /**
   * Cancel
   *
   * What has not been sent to its host is cancelled at once; what runs is stopped: TERM, grace, KILL to the whole process
   * group. Each target reaches its final state by itself; look or wait for it.
   */
  @Post(':uuid/cancel')
  @HttpCode(202)
  @Allow('execution:cancel')
  @ApiAcceptedResponse({ type: ExecutionDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such execution or target.' })
  cancel(
    @CurrentCaller() caller: Caller,
    @Param('uuid') uuid: string,
    @Query() { target }: CancelQueryDto,
  ): Promise<ExecutionDto> {
    return this.executions.cancel(caller, uuid, target);
  }

  /**
   * Resume a halted rollout
   *
   * It goes on where it was halted. Hosts that have failed so far do not count any more: with `max_failures`, or as many as
   * before, counting begins anew. Whoever resumes must be allowed to on every host that has yet to be reached.
   */
  @Post(':uuid/resume')
  @HttpCode(202)
  @Allow('execution:resume')
  @ApiAcceptedResponse({ type: ExecutionDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'max_failures makes no sense.' })
  @ApiForbiddenResponse({ type: ErrorEnvelopeDto, description: 'It reaches hosts where the caller may not.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such execution.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'It is not halted.' })
  resume(
    @CurrentCaller() caller: Caller,
    @Param('uuid') uuid: string,
    @Body() dto: ResumeDto,
  ): Promise<ExecutionDto> {
    return this.executions.resume(caller, uuid, dto);
  }
}
