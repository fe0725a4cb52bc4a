import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { EmptyDto, ErrorEnvelopeDto } from '#libs/platform/http/index';
import {
  TransferHostsByFilterDto,
  TransferHostsDto,
  TranslateDto,
  type TranslatedDto,
  TranslateResponseDto,
} from './host-transfers.dto.js';
import { HostTransfersService } from './host-transfers.service.js';
import { TranslationsService } from './translations.service.js';

@ApiTags('Hosts')
@ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is missing or of the wrong type.' })
@Controller('api/v1/fleet')
export class HostTransfersController {
  constructor(
    private readonly transfers: HostTransfersService,
    private readonly translations: TranslationsService,
  ) {}

  /**
   * Transfer hosts to a team
   *
   * All of them, or none. The caller needs the right on the team that each host belongs to and on the one it goes to.
   */
  @Post('hosts/transfer')
  @HttpCode(200)
  @Allow('host:transfer')
  @ApiOkResponse({ type: EmptyDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such team, or no such host.' })
  async transfer(@CurrentCaller() caller: Caller, @Body() body: TransferHostsDto): Promise<EmptyDto> {
    await this.transfers.transfer(caller, body.team_id, body.hosts);
    return {};
  }

  /**
   * Transfer the hosts that match to a team
   *
   * As `hosts/transfer`, for all hosts that the list of hosts has with these filters.
   */
  @Post('hosts/transfer/filter')
  @HttpCode(200)
  @Allow('host:transfer')
  @ApiOkResponse({ type: EmptyDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such team.' })
  async transferMatching(
    @CurrentCaller() caller: Caller,
    @Body() { team_id, filters }: TransferHostsByFilterDto,
  ): Promise<EmptyDto> {
    await this.transfers.transferMatching(caller, team_id, {
      teamId: filters.team_id ?? undefined,
      status: filters.status || undefined,
      match: filters.query?.trim(),
      labelId: filters.label_id,
    });
    return {};
  }

  /** Translate names into ids */
  @Post('translate')
  @HttpCode(200)
  @Allow('host:identify')
  @ApiOkResponse({ type: TranslateResponseDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'Something is not known by its name.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'Several hosts answer to a name.' })
  @ApiUnprocessableEntityResponse({ type: ErrorEnvelopeDto, description: 'A type is not known (code 3).' })
  async translate(
    @CurrentCaller() caller: Caller,
    @Body() body: TranslateDto,
  ): Promise<TranslateResponseDto> {
    const list: TranslatedDto[] = [];
    for (const { type, payload } of body.list) {
      const id = await this.translations.idOf(caller, type, payload.identifier);
      list.push({ type, payload: { identifier: payload.identifier, id } });
    }
    return { list };
  }
}
