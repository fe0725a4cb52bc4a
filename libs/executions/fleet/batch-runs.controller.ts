import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { ErrorEnvelopeDto } from '#libs/platform/http/index';
import { BatchSummaryDto, RunBatchDto, RunBatchResponseDto } from './batch-runs.dto.js';
import { BatchRunsService } from './batch-runs.service.js';

@ApiTags('Scripts')
@Controller('api/v1/fleet/scripts')
export class BatchRunsController {
  constructor(private readonly batches: BatchRunsService) {}

  /**
   * Run a saved script on many hosts
   *
   * Up to 5000 hosts of the script's team. Hosts that cannot run it are counted as errored; nothing else is held up by them.
   * With `batch` or `ramp` hosts are reached in waves; with `max_failures` it is halted when more than that many have failed: see the
   * execution's `rollout`, and resume or cancel it there.
   */
  @Post('run/batch')
  @HttpCode(200)
  @Allow('script:write')
  @ApiBody({
    type: RunBatchDto,
    examples: {
      'two hosts': { value: { script_id: 1, host_ids: [1, 2] } },
      'ten at a time, until more than two have failed': {
        value: { script_id: 1, filters: { team_id: 0 }, batch: 10, max_failures: 2, pause_between: 30 },
      },
      'all that are online, of no team': {
        value: { script_id: 1, filters: { team_id: 0, status: 'online' } },
      },
    },
  })
  @ApiOkResponse({ type: RunBatchResponseDto })
  @ApiBadRequestResponse({
    type: ErrorEnvelopeDto,
    description: 'No hosts, both host_ids and filters, or waves that make no sense.',
  })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such script.' })
  @ApiUnprocessableEntityResponse({
    type: ErrorEnvelopeDto,
    description:
      'More than 5000 hosts, hosts that are not of the script’s team, or a statement that does not fit.',
  })
  run(@CurrentCaller() caller: Caller, @Body() dto: RunBatchDto): Promise<RunBatchResponseDto> {
    return this.batches.run(caller, dto);
  }

  /** Get how far a batch has come */
  @Get('batch/summary/:batch_execution_id')
  @Allow('script:read')
  @ApiOkResponse({ type: BatchSummaryDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such batch.' })
  summary(
    @CurrentCaller() caller: Caller,
    @Param('batch_execution_id') id: string,
  ): Promise<BatchSummaryDto> {
    return this.batches.summary(caller, id);
  }
}
