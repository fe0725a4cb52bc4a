import { Body, Controller, Delete, Get, HttpCode, Param, Put } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
  ApiConflictResponse,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { bodySchema, ErrorEnvelopeDto, IdPipe, parseBody } from '#libs/platform/http/index';
import { InstanceFields } from './instance-fields.js';
import { InstanceDto, InstanceListDto, toInstanceDto } from './instances.dto.js';
import { InstancesService } from './instances.service.js';

/** Configurations of saved scripts: arguments, and what starts and stops them. */
@ApiTags('Script instances')
@Controller('api/v1/fleet/scripts/:id/instances')
export class InstancesController {
  constructor(private readonly instances: InstancesService) {}

  /** List a script's instances */
  @Get()
  @Allow('script:read')
  @ApiOkResponse({ type: InstanceListDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such script.' })
  async list(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<InstanceListDto> {
    return { instances: (await this.instances.list(caller, id)).map(toInstanceDto) };
  }

  /** Get an instance */
  @Get(':name')
  @Allow('script:read')
  @ApiOkResponse({ type: InstanceDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such script or instance.' })
  async get(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Param('name') name: string,
  ): Promise<InstanceDto> {
    return toInstanceDto(await this.instances.get(caller, id, name));
  }

  /**
   * Save an instance
   *
   * Adds it, or replaces it as a whole. It is for the hosts that are named, or for those with one of the labels, as far as they
   * are of the script's team; there it runs once at a time. What it says is with the agents a moment later, and with those that are away
   * when they are back.
   */
  @Put(':name')
  @Allow('script:write')
  @ApiBody({
    schema: bodySchema(InstanceFields),
    examples: {
      'started by people': { value: { hosts: ['web-01'], arguments: ['-v'] } },
      'while an interface is down': {
        value: {
          labels: ['All Linux'],
          start_trigger: { type: 'xpath', setting: "/networking/eth0/state = 'down'" },
          stop_trigger: { type: 'xpath', setting: "/networking/eth0/state = 'up'" },
        },
      },
      'every night': {
        value: {
          hosts: ['web-01'],
          start_trigger: {
            type: 'schedule',
            setting: '30 4 * * *',
            timezone: 'Europe/Prague',
            missed: 'once',
          },
          timeout: 3600,
        },
      },
    },
  })
  @ApiOkResponse({ type: InstanceDto })
  @ApiBadRequestResponse({
    type: ErrorEnvelopeDto,
    description:
      'A field makes no sense: an XPath expression that does not parse (with the position), a cron line that never fires, a host or label that is not there.',
  })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such script.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'Two hosts have this name.' })
  async put(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Param('name') name: string,
    @Body() body: object,
  ): Promise<InstanceDto> {
    return toInstanceDto(await this.instances.put(caller, id, name, parseBody(InstanceFields, body)));
  }

  /** Delete an instance. What runs goes on, and its history stays */
  @Delete(':name')
  @HttpCode(204)
  @Allow('script:write')
  @ApiNoContentResponse()
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such script or instance.' })
  remove(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Param('name') name: string,
  ): Promise<void> {
    return this.instances.remove(caller, id, name);
  }
}
