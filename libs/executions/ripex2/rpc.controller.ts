import { applyDecorators, Body, Controller, HttpCode, Post, Res } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
  type ApiBodyOptions,
} from '@nestjs/swagger';
import { type Response } from 'express';
import { type z } from 'zod';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { bodySchema, parseBody, RpcErrorDto, sendJson } from '#libs/platform/http/index';
import { InstanceRunsService } from './instance-runs.service.js';
import { OutputLinesService } from './output-lines.service.js';
import { OverviewService } from './overview.service.js';
import { ExecutionsParams, InstanceParams, OutputParams, OverviewParams } from './rpc-params.js';
import {
  OverviewBodyDto,
  RpcExecutionsDto,
  RpcInstanceResultDto,
  RpcOutputDto,
  RpcOverviewDto,
} from './rpc.dto.js';
import { RunHistoryService } from './run-history.service.js';

/** What each method says of itself. */
const Method = (params: z.ZodType, examples: Record<string, unknown>): MethodDecorator =>
  applyDecorators(
    HttpCode(200),
    ApiBody({
      schema: bodySchema(params) as NonNullable<Extract<ApiBodyOptions, { schema: unknown }>['schema']>,
      examples: Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }])),
    }),
    ApiBadRequestResponse({ type: RpcErrorDto, description: 'A param makes no sense; `field` names it.' }),
    ApiNotFoundResponse({ type: RpcErrorDto, description: 'No such host, or no such execution.' }),
  );

/** RipEX2's methods around scripts: the body holds the params, the answer is the documented return. */
@ApiTags('Script executions')
@Controller('api/rpc')
export class RpcController {
  constructor(
    private readonly overviews: OverviewService,
    private readonly history: RunHistoryService,
    private readonly output: OutputLinesService,
    private readonly runs: InstanceRunsService,
  ) {}

  /**
   * Scripts, their instances, and the last run of each
   *
   * Scripts of no team unless `team_id` is given. With `host`, the instances that this host has, and their last runs there.
   */
  @Post('script_overview_get')
  @Allow('execution:read')
  @Method(OverviewParams, { 'the fleet': {}, 'one host': { host: 'web-01' } })
  @ApiOkResponse({ type: RpcOverviewDto })
  overview(@CurrentCaller() caller: Caller, @Body() body: OverviewBodyDto): Promise<RpcOverviewDto> {
    return this.overviews.get(caller, parseBody(OverviewParams, body));
  }

  /**
   * Start an instance
   *
   * On one host, or on all that it is for; then `hosts` says what became of each, and it is an error only when none could start it.
   */
  @Post('script_start')
  @Allow('script:execute')
  @Method(InstanceParams, {
    'on one host': { script_name: 'hello_world', instance_name: 'manual', host: 'web-01' },
    'on all': { script_name: 'hello_world', instance_name: 'manual' },
  })
  @ApiOkResponse({ type: RpcInstanceResultDto })
  @ApiConflictResponse({
    type: RpcErrorDto,
    description: "`already_running`, `host_offline`, or `denied` by the policy of the host's operator.",
  })
  start(@CurrentCaller() caller: Caller, @Body() body: object): Promise<RpcInstanceResultDto> {
    return this.runs.start(caller, parseBody(InstanceParams, body));
  }

  /** Stop a running instance, on one host or wherever it runs */
  @Post('script_stop')
  @Allow('script:execute')
  @Method(InstanceParams, {
    'on one host': { script_name: 'hello_world', instance_name: 'manual', host: 'web-01' },
  })
  @ApiOkResponse({ type: RpcInstanceResultDto })
  @ApiConflictResponse({ type: RpcErrorDto, description: '`not_running`, or `host_offline`.' })
  stop(@CurrentCaller() caller: Caller, @Body() body: object): Promise<RpcInstanceResultDto> {
    return this.runs.stop(caller, parseBody(InstanceParams, body));
  }

  /**
   * Past and current executions
   *
   * Of one host, or of all that the caller may read. A positive limit selects what follows `id_exclusive` (or the lowest id), a negative one what
   * precedes it (or the highest). Always sorted by id, the highest first.
   */
  @Post('script_execution_get')
  @Allow('execution:read')
  @Method(ExecutionsParams, {
    'the newest ten that run': {
      filter: {
        instances: [
          { script_name: 'hello_world', instance_names: ['manual', 'verbose'] },
          { script_name: 'monitor', instance_names: ['verbose'] },
        ],
        states: ['running'],
      },
      pagination: { limit: -10 },
    },
  })
  @ApiOkResponse({ type: RpcExecutionsDto })
  async executions(
    @CurrentCaller() caller: Caller,
    @Body() body: object,
    @Res() response: Response,
  ): Promise<void> {
    sendJson(response, await this.history.list(caller, parseBody(ExecutionsParams, body)));
  }

  /** Lines of an execution's output, from the lowest id or after `id_exclusive` */
  @Post('script_execution_output_get')
  @Allow('execution:read')
  @Method(OutputParams, {
    'the first hundred': { filter: { execution_id: 1234 }, pagination: { limit: 100 } },
  })
  @ApiOkResponse({ type: RpcOutputDto })
  lines(@CurrentCaller() caller: Caller, @Body() body: object): Promise<RpcOutputDto> {
    return this.output.get(caller, parseBody(OutputParams, body));
  }
}
