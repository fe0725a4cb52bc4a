import {
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  Param,
  Patch,
  Post,
  Query,
  Req,
  Res,
} from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiExtraModels,
  ApiHeader,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiProduces,
  ApiTags,
  ApiUnprocessableEntityResponse,
  getSchemaPath,
} from '@nestjs/swagger';
import { type Request, type Response } from 'express';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { closed, HoopErrorDto, sendBytes, sendEvents } from '#libs/platform/http/index';
import { baseOf } from './address.js';
import { SessionMetadataDto } from './exec-sessions.dto.js';
import { SessionControl } from './session-control.service.js';
import { SessionDownloads } from './session-downloads.service.js';
import { SessionsService } from './sessions.service.js';
import {
  DownloadLinkDto,
  FileQueryDto,
  ExecSessionDto,
  ExecSessionListDto,
  SessionListQueryDto,
  SessionQueryDto,
  SessionStreamQueryDto,
} from './sessions.dto.js';

const NOT_FOUND = { type: HoopErrorDto, description: 'No such session, or none that the caller may see.' };
const INVALID = { type: HoopErrorDto, description: 'A parameter makes no sense.' };

/** hoop's sessions: what was run, what came of it, and its end. */
@ApiTags('Sessions')
@ApiExtraModels(ExecSessionDto, DownloadLinkDto)
@Controller('api/sessions')
export class SessionsController {
  constructor(
    private readonly sessions: SessionsService,
    private readonly downloads: SessionDownloads,
    private readonly control: SessionControl,
  ) {}

  /**
   * List sessions, newest first
   *
   * The caller's own, and those on hosts where they may look at sessions; without scripts and output.
   */
  @Get()
  @Allow('session:read')
  @ApiOkResponse({ type: ExecSessionListDto })
  @ApiUnprocessableEntityResponse(INVALID)
  list(@CurrentCaller() caller: Caller, @Query() query: SessionListQueryDto): Promise<ExecSessionListDto> {
    return this.sessions.list(caller, query);
  }

  /**
   * Get a session
   *
   * With its script; with `expand=event_stream` what was written instead, as events, or (`event_stream=utf8`) in one piece. With `wait`
   * when it has ended. With `extension` a link to a file.
   */
  @Get(':session_id')
  @Allow('session:read')
  @ApiOkResponse({
    schema: { oneOf: [{ $ref: getSchemaPath(ExecSessionDto) }, { $ref: getSchemaPath(DownloadLinkDto) }] },
  })
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiUnprocessableEntityResponse(INVALID)
  get(
    @CurrentCaller() caller: Caller,
    @Param('session_id') sessionId: string,
    @Query() query: SessionQueryDto,
    @Req() request: Request,
  ): Promise<ExecSessionDto | DownloadLinkDto> {
    return query.extension
      ? this.downloads.link(caller, sessionId, query, baseOf(request))
      : this.sessions.get(caller, sessionId, query, closed(request));
  }

  /**
   * Read a session's output
   *
   * All that is stored until now, as text, whatever its size.
   */
  @Get(':session_id/result/stream')
  @Allow('session:read')
  @ApiProduces('text/plain')
  @ApiOkResponse({ schema: { type: 'string' } })
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiUnprocessableEntityResponse(INVALID)
  async result(
    @CurrentCaller() caller: Caller,
    @Param('session_id') sessionId: string,
    @Query() query: FileQueryDto,
    @Res() response: Response,
  ): Promise<void> {
    const bytes = await this.downloads.result(caller, sessionId, query);
    await sendBytes(response, { 'Content-Type': 'text/plain; charset=utf-8' }, bytes);
  }

  /**
   * Follow a session
   *
   * Server-sent events: `event` (`{ time, type, payload }`, the payload base64; of output also its `stream`, and `dropped_before` where
   * bytes were not kept), from the beginning, then as they come; at the end `session_end`. `Last-Event-ID` (or `after`) goes on without a
   * gap or a double.
   */
  @Get(':session_id/stream')
  @Allow('session:read')
  @ApiProduces('text/event-stream')
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'Only events after this one.' })
  @ApiOkResponse({ schema: { type: 'string' } })
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiUnprocessableEntityResponse(INVALID)
  async stream(
    @CurrentCaller() caller: Caller,
    @Param('session_id') sessionId: string,
    @Query() { after }: SessionStreamQueryDto,
    @Headers('Last-Event-ID') lastEventId: string | undefined,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const from = eventId(lastEventId ?? after);
    const items = await this.sessions.follow(caller, sessionId, from, closed(request));
    await sendEvents(response, items, function* (item) {
      if (item.kind === 'end')
        yield {
          id: item.id,
          event: 'session_end',
          data: { session_id: sessionId, state: item.state, exit_code: item.exitCode },
        };
      else
        yield {
          id: item.id,
          event: 'event',
          data: {
            time: item.time,
            type: item.type,
            payload: item.payload,
            stream: item.stream,
            dropped_before: item.droppedBefore,
          },
        };
    });
  }

  /**
   * Kill a session
   *
   * What has not begun never will; what runs is ended: TERM, 5 seconds, KILL to all that it has started. The answer comes when the end
   * is certain; one that has ended stays as it is.
   */
  @Post(':session_id/kill')
  @HttpCode(204)
  @Allow('session:kill')
  @ApiNoContentResponse()
  @ApiAcceptedResponse({ description: 'It is asked for; its agent, which is away, confirms it later.' })
  @ApiNotFoundResponse({
    type: HoopErrorDto,
    description: 'No such session, or none that the caller may end.',
  })
  async kill(
    @CurrentCaller() caller: Caller,
    @Param('session_id') sessionId: string,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    if (!(await this.control.kill(caller, sessionId))) response.status(202);
  }

  /** Change a session's metadata: what is given is added, null takes away */
  @Patch(':session_id/metadata')
  @HttpCode(204)
  @Allow('session:execute')
  @ApiNoContentResponse()
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiUnprocessableEntityResponse(INVALID)
  setMetadata(
    @CurrentCaller() caller: Caller,
    @Param('session_id') sessionId: string,
    @Body() { metadata }: SessionMetadataDto,
  ): Promise<void> {
    return this.control.setMetadata(caller, sessionId, metadata);
  }
}

/** @throws DomainError invalid */
function eventId(text: string | undefined): number {
  if (text === undefined || text === '') return 0;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new DomainError('invalid', {
    name: 'Last-Event-ID',
    reason: 'Last-Event-ID must be the id of an event of this stream',
  });
}
