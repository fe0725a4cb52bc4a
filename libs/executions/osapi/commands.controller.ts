import { applyDecorators, Body, Controller, Headers, HttpCode, Param, Post, Req } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBadRequestResponse,
  ApiBody,
  ApiConflictResponse,
  ApiHeader,
  ApiParam,
  ApiPayloadTooLargeResponse,
  ApiTags,
} from '@nestjs/swagger';
import { type Request } from 'express';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { closed, OsapiErrorDto } from '#libs/platform/http/index';
import { idempotencyKey } from '../idempotency-key.js';
import { execLine, shellLine } from './command-request.js';
import { CommandResultDto, ExecDto, ShellDto } from './commands.dto.js';
import { CommandsService } from './commands.service.js';

/** What both routes say of themselves. */
const Described = (): MethodDecorator =>
  applyDecorators(
    ApiParam({
      name: 'target',
      description:
        'Hostname or uuid of a host; `_any`: one host that is online, drawn at random among the least busy, and another only while nothing has ' +
        'started; `_all`; a label `key:value` (also a value that begins so: `group:web` reaches `group:web.dev`); or a selector.',
      examples: {
        'one of all': { value: '_any' },
        all: { value: '_all' },
        'those with a label': { value: 'group:web' },
        'one host': { value: 'web-01' },
      },
    }),
    ApiHeader({
      name: 'Idempotency-Key',
      required: false,
      description: 'The same key and request again: the same job, nothing runs twice.',
    }),
    ApiAcceptedResponse({
      type: CommandResultDto,
      description: 'It was handed on; each item says what became of it on its host.',
      examples: {
        'one host': {
          summary: 'one host',
          value: {
            job_id: '550e8400-e29b-41d4-a716-446655440000',
            results: [
              {
                hostname: 'web-01',
                host_id: 1,
                status: 'ok',
                exit_code: 0,
                changed: true,
                stdout: 'hello\n',
                stderr: '',
                duration_ms: 3,
              },
            ],
          },
        },
        'a host that is away': {
          summary: 'a host that is away',
          value: {
            job_id: '550e8400-e29b-41d4-a716-446655440001',
            results: [
              {
                hostname: 'web-02',
                host_id: 2,
                status: 'failed',
                error: 'host offline',
                reason: 'host_offline',
                changed: false,
              },
            ],
          },
        },
      },
    }),
    ApiBadRequestResponse({
      type: OsapiErrorDto,
      description: 'A field makes no sense, or no host is meant by the target.',
    }),
    ApiConflictResponse({
      type: OsapiErrorDto,
      description:
        'Two hosts have this name; or other hosts are meant than the preview said; or the Idempotency-Key stands for another request.',
    }),
    ApiPayloadTooLargeResponse({ type: OsapiErrorDto, description: 'No process can be given that much.' }),
  );

@ApiTags('Commands')
@Controller('node/:target/command')
export class CommandsController {
  constructor(private readonly commands: CommandsService) {}

  /**
   * Execute a command
   *
   * Directly, without a shell: arguments reach the program as they stand. The answer comes when every host has said how it ended, or
   * when the wait is over; what has not ended by then goes on. Also at `/api/node/{target}/command/exec`.
   */
  @Post('exec')
  @HttpCode(202)
  @Allow('command:execute')
  @Described()
  @ApiBody({
    type: ExecDto,
    examples: {
      'a program with arguments': { value: { command: 'echo', args: ['hello', '$HOME stays as it is'] } },
      'in a directory, for ten seconds at most': {
        value: { command: 'ls', args: ['-l'], cwd: '/tmp', timeout: 10 },
      },
      'also where the host is away': { value: { command: 'uptime', queue: true, expires_in: 3600 } },
    },
  })
  exec(
    @CurrentCaller() caller: Caller,
    @Param('target') target: string,
    @Body() dto: ExecDto,
    @Req() request: Request,
    @Headers('Idempotency-Key') key?: string,
  ): Promise<CommandResultDto> {
    return this.commands.run(caller, target, execLine(dto), dto, idempotencyKey(key), closed(request));
  }

  /**
   * Execute a shell command
   *
   * As `/bin/sh -c` reads it: pipes, variables, redirections. Otherwise as `exec`. Also at `/api/node/{target}/command/shell`.
   */
  @Post('shell')
  @HttpCode(202)
  @Allow('shell:execute')
  @Described()
  @ApiBody({
    type: ShellDto,
    examples: {
      'a pipe': { value: { command: 'uname -a | tr a-z A-Z' } },
      'with an environment and input': {
        value: { command: 'cat; echo "$GREETING"', env: { GREETING: 'hello' }, stdin: 'read by cat\n' },
      },
    },
  })
  shell(
    @CurrentCaller() caller: Caller,
    @Param('target') target: string,
    @Body() dto: ShellDto,
    @Req() request: Request,
    @Headers('Idempotency-Key') key?: string,
  ): Promise<CommandResultDto> {
    return this.commands.run(caller, target, shellLine(dto), dto, idempotencyKey(key), closed(request));
  }
}
