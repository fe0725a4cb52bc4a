import { Body, Controller, Headers, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBadRequestResponse,
  ApiBody,
  ApiConflictResponse,
  ApiForbiddenResponse,
  ApiHeader,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiPayloadTooLargeResponse,
  ApiTags,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import { type Request, type Response } from 'express';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { closed, HoopErrorDto } from '#libs/platform/http/index';
import { ReviewStatementDto } from '../approvals/reviews.dto.js';
import { idempotencyKey } from '../idempotency-key.js';
import { baseOf } from './address.js';
import { ExecRequestDto, ExecResponseDto, WaitQueryDto } from './exec-sessions.dto.js';
import { ExecSessionsService } from './exec-sessions.service.js';
import { type SessionAnswer } from './session-answers.service.js';

/** hoop's Exec. */
@ApiTags('Sessions')
@Controller('api/sessions')
export class ExecSessionsController {
  constructor(private readonly execs: ExecSessionsService) {}

  /**
   * Exec
   *
   * Runs the connection's command with `client_args` appended, and `script` as its standard input. The answer comes when it has ended
   * (200), or after 50 seconds (or `wait`), and then it goes on (202): look at `GET /api/sessions/{session_id}`.
   */
  @Post()
  @Allow('session:execute')
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description: 'The same key and request again: the same session, nothing runs twice.',
  })
  @ApiBody({
    type: ExecRequestDto,
    examples: {
      'a script': {
        value: { connection: 'bash-connection', script: "echo 'hello world'", client_args: ['-x'] },
      },
    },
  })
  @ApiOkResponse({ type: ExecResponseDto, description: 'It has ended.' })
  @ApiAcceptedResponse({ type: ExecResponseDto, description: 'It goes on, or waits for an approval.' })
  @ApiBadRequestResponse({
    type: HoopErrorDto,
    description: 'The body cannot be read, or there is no such connection.',
  })
  @ApiConflictResponse({
    type: HoopErrorDto,
    description: 'The Idempotency-Key stands for another request.',
  })
  @ApiPayloadTooLargeResponse({ type: HoopErrorDto, description: 'No process can be given that much.' })
  @ApiUnprocessableEntityResponse({
    type: HoopErrorDto,
    description: 'A field breaks a rule, the statement does not fit, or a guard rail stops it, in its words.',
  })
  async exec(
    @CurrentCaller() caller: Caller,
    @Body() dto: ExecRequestDto,
    @Query() { wait }: WaitQueryDto,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
    @Headers('Idempotency-Key') key?: string,
  ): Promise<ExecResponseDto> {
    const asked = { wait, signal: closed(request), base: baseOf(request) };
    return answer(response, await this.execs.exec(caller, dto, asked, idempotencyKey(key)));
  }

  /**
   * What to sign
   *
   * All of what such a request would run, and where, in the words of statements: for the `statement` of Exec. Nothing is started, and whoever signs looks at
   * it first.
   */
  @Post('statement')
  @HttpCode(200)
  @Allow('session:execute')
  @ApiOkResponse({ type: ReviewStatementDto })
  @ApiBadRequestResponse({
    type: HoopErrorDto,
    description: 'The body cannot be read, or there is no such connection.',
  })
  @ApiPayloadTooLargeResponse({ type: HoopErrorDto, description: 'No process can be given that much.' })
  @ApiUnprocessableEntityResponse({
    type: HoopErrorDto,
    description: 'A field breaks a rule, or a guard rail stops it, in its words.',
  })
  statement(@CurrentCaller() caller: Caller, @Body() dto: ExecRequestDto): Promise<ReviewStatementDto> {
    return this.execs.statement(caller, dto);
  }

  /**
   * Run an approved session
   *
   * By whoever asked for it, or an administrator; once. The answer is that of Exec.
   */
  @Post(':session_id/exec')
  @Allow('session:execute')
  @ApiOkResponse({ type: ExecResponseDto, description: 'It has ended.' })
  @ApiAcceptedResponse({ type: ExecResponseDto, description: 'It goes on.' })
  @ApiForbiddenResponse({ type: HoopErrorDto, description: 'It is not approved, or not for this time.' })
  @ApiNotFoundResponse({ type: HoopErrorDto, description: "No such session, or somebody else's." })
  @ApiConflictResponse({
    type: HoopErrorDto,
    description: 'It is running, has ended, or its connection has changed since.',
  })
  @ApiUnprocessableEntityResponse({ type: HoopErrorDto, description: 'wait makes no sense.' })
  async run(
    @CurrentCaller() caller: Caller,
    @Param('session_id') sessionId: string,
    @Query() { wait }: WaitQueryDto,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<ExecResponseDto> {
    const asked = { wait, signal: closed(request), base: baseOf(request) };
    return answer(response, await this.execs.run(caller, sessionId, asked));
  }
}

function answer(response: Response, { ended, body }: SessionAnswer): ExecResponseDto {
  response.status(ended ? 200 : 202).set('Location', `/api/sessions/${body.session_id}`);
  return body;
}
