import { Body, Controller, Get, Headers, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBadRequestResponse,
  ApiBody,
  ApiConflictResponse,
  ApiHeader,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiRequestTimeoutResponse,
  ApiTags,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import { type Request, type Response } from 'express';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { closed, ErrorEnvelopeDto } from '#libs/platform/http/index';
import { idempotencyKey } from '../idempotency-key.js';
import { ScriptResultsService } from './script-results.service.js';
import {
  RunScriptDto,
  RunScriptResponseDto,
  ScriptResultDto,
  SyncScriptResultDto,
} from './script-runs.dto.js';
import { ScriptRunsService } from './script-runs.service.js';

@ApiTags('Scripts')
@Controller('api/v1/fleet/scripts')
export class ScriptRunsController {
  constructor(
    private readonly runs: ScriptRunsService,
    private readonly results: ScriptResultsService,
  ) {}

  /**
   * Run script
   *
   * Puts the script into the host's queue: scripts on one host run one after another, in the order asked for, and the failure
   * of one cancels nothing. An offline host gets it when it returns.
   */
  @Post('run')
  @HttpCode(202)
  @Allow('script:execute')
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description: 'The same key and request again: the same execution, nothing runs twice.',
  })
  @ApiBody({
    type: RunScriptDto,
    examples: {
      'a script of one line': { value: { host_id: 1, script_contents: 'echo "hello from $(hostname)"' } },
      'with arguments and a timeout': {
        value: {
          host_id: 1,
          script_contents: 'echo "$1"; sleep "$2"',
          arguments: ['waiting', '3'],
          timeout: 10,
        },
      },
    },
  })
  @ApiAcceptedResponse({ type: RunScriptResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is of the wrong type.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such host or saved script.' })
  @ApiConflictResponse({
    type: ErrorEnvelopeDto,
    description: 'The queue of the host is full, or the Idempotency-Key stands for another request.',
  })
  @ApiUnprocessableEntityResponse({
    type: ErrorEnvelopeDto,
    description:
      'None or several of script_id, script_contents and script_name; or the contents are not acceptable.',
  })
  run(
    @CurrentCaller() caller: Caller,
    @Body() dto: RunScriptDto,
    @Headers('Idempotency-Key') key?: string,
  ): Promise<RunScriptResponseDto> {
    return this.runs.run(caller, dto, idempotencyKey(key));
  }

  /**
   * Run script and wait for its result
   *
   * For an online host on which nothing else runs or waits. Without a result within six minutes the answer is 408, and the run goes on.
   */
  @Post('run/sync')
  @HttpCode(200)
  @Allow('script:execute')
  @ApiBody({
    type: RunScriptDto,
    examples: {
      'a script of one line': { value: { host_id: 1, script_contents: 'echo "hello from $(hostname)"' } },
    },
  })
  @ApiOkResponse({ type: SyncScriptResultDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is of the wrong type.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such host or saved script.' })
  @ApiRequestTimeoutResponse({
    type: SyncScriptResultDto,
    description: 'No result yet; `execution_id` finds it later.',
  })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'A script runs or waits on this host.' })
  @ApiUnprocessableEntityResponse({
    type: ErrorEnvelopeDto,
    description: 'As for run; or the host is offline.',
  })
  async runAndWait(
    @CurrentCaller() caller: Caller,
    @Body() dto: RunScriptDto,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SyncScriptResultDto> {
    const { done, body } = await this.runs.runAndWait(caller, dto, closed(request));
    if (!done) response.status(408);
    return body;
  }

  /** Get script result */
  @Get('results/:execution_id')
  @Allow('script_result:read')
  @ApiOkResponse({ type: ScriptResultDto })
  @ApiNotFoundResponse({
    type: ErrorEnvelopeDto,
    description: 'No such execution, or it was cancelled before it started.',
  })
  result(@CurrentCaller() caller: Caller, @Param('execution_id') id: string): Promise<ScriptResultDto> {
    return this.results.result(caller, id);
  }
}
