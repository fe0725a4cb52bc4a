import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { bodySchema, ErrorEnvelopeDto, IdPipe, parseBody } from '#libs/platform/http/index';
import { TriggerPair } from '#libs/scripts/index';
import { FactsDto, FactsQueryDto, TriggerCheckDto } from './host-facts.dto.js';
import { HostFactsService } from './host-facts.service.js';

/** A host's tree of facts, which triggers are about. */
@ApiTags('Script instances')
@Controller('api/v1/fleet/hosts/:id')
export class HostFactsController {
  constructor(private readonly hosts: HostFactsService) {}

  /**
   * Look into a host's tree of facts
   *
   * As its agent sees it now: the nodes that an XPath 1.0 expression selects, or what it says; without one the whole tree.
   */
  @Get('facts')
  @Allow('host:list')
  @ApiOkResponse({ type: FactsDto })
  @ApiBadRequestResponse({
    type: ErrorEnvelopeDto,
    description: 'The expression does not parse; where is said.',
  })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such host.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'The host is offline.' })
  facts(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Query() { xpath }: FactsQueryDto,
  ): Promise<FactsDto> {
    return this.hosts.facts(caller, id, xpath ?? null);
  }

  /**
   * Try triggers
   *
   * What these would do on this host now, and why. Nothing is started or stopped, and nothing is kept.
   */
  @Post('trigger-check')
  @HttpCode(200)
  @Allow('host:list')
  @ApiBody({
    schema: bodySchema(TriggerPair),
    examples: {
      'an interface that is down': {
        value: { start_trigger: { type: 'xpath', setting: "/networking/eth0/state = 'down'" } },
      },
    },
  })
  @ApiOkResponse({ type: TriggerCheckDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A trigger makes no sense.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such host.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'The host is offline.' })
  check(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Body() body: object,
  ): Promise<TriggerCheckDto> {
    return this.hosts.check(caller, id, parseBody(TriggerPair, body));
  }
}
