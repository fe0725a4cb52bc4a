import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
  ApiConflictResponse,
  ApiCreatedResponse,
  ApiExtraModels,
  ApiHeader,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { OsapiErrorDto } from '#libs/platform/http/index';
import { idempotencyKey } from '../idempotency-key.js';
import { JobRetriesService } from './job-retries.service.js';
import {
  JobAgentStateDto,
  JobDetailDto,
  JobListDto,
  JobListQueryDto,
  JobResponseDto,
  JobRetriedDto,
  RetryJobDto,
} from './jobs.dto.js';
import { JobsService } from './jobs.service.js';

const NOT_FOUND = {
  type: OsapiErrorDto,
  description: 'No such job, or none of its hosts is one that the caller may see.',
};
const MALFORMED = { type: OsapiErrorDto, description: 'The path holds no uuid, or a field makes no sense.' };

@ApiTags('Commands')
@ApiExtraModels(JobResponseDto, JobAgentStateDto)
@Controller('api/job')
export class JobsController {
  constructor(
    private readonly jobs: JobsService,
    private readonly retries: JobRetriesService,
  ) {}

  /** List jobs, newest first */
  @Get()
  @Allow('job:read')
  @ApiOkResponse({ type: JobListDto })
  @ApiBadRequestResponse({ type: OsapiErrorDto, description: 'status, limit or offset makes no sense.' })
  list(@CurrentCaller() caller: Caller, @Query() query: JobListQueryDto): Promise<JobListDto> {
    return this.jobs.list(caller, query);
  }

  /**
   * Get a job
   *
   * With each host's answer (the last MiB of its output), state, and what happened when.
   */
  @Get(':uuid')
  @Allow('job:read')
  @ApiOkResponse({ type: JobDetailDto })
  @ApiBadRequestResponse(MALFORMED)
  @ApiNotFoundResponse(NOT_FOUND)
  get(@CurrentCaller() caller: Caller, @Param('uuid') uuid: string): Promise<JobDetailDto> {
    return this.jobs.get(caller, uuid);
  }

  /**
   * Delete a job
   *
   * What has not ended is cancelled; then it is gone from here. What ran stays in `/api/v1/executions`.
   */
  @Delete(':uuid')
  @HttpCode(204)
  @Allow('job:write')
  @ApiNoContentResponse({ description: 'It is deleted.' })
  @ApiBadRequestResponse(MALFORMED)
  @ApiNotFoundResponse(NOT_FOUND)
  remove(@CurrentCaller() caller: Caller, @Param('uuid') uuid: string): Promise<void> {
    return this.jobs.remove(caller, uuid);
  }

  /**
   * Retry a job
   *
   * The same command with the same options as a new job, on the same target unless `target_hostname` names another. Needs the right
   * to run the command, too. The answer does not wait for it.
   */
  @Post(':uuid/retry')
  @HttpCode(201)
  @Allow('job:write')
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description: 'The same key and request again: the same new job, nothing runs twice.',
  })
  @ApiBody({
    type: RetryJobDto,
    required: false,
    examples: {
      'where it failed': { value: { failed_only: true } },
      elsewhere: { value: { target_hostname: '_any' } },
    },
  })
  @ApiCreatedResponse({ type: JobRetriedDto })
  @ApiBadRequestResponse(MALFORMED)
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiConflictResponse({
    type: OsapiErrorDto,
    description: 'Nothing has failed, or the Idempotency-Key stands for another request.',
  })
  retry(
    @CurrentCaller() caller: Caller,
    @Param('uuid') uuid: string,
    @Body() dto: RetryJobDto,
    @Headers('Idempotency-Key') key?: string,
  ): Promise<JobRetriedDto> {
    return this.retries.retry(caller, uuid, dto, idempotencyKey(key));
  }
}
