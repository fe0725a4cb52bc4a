import { Body, Controller, Delete, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBadRequestResponse, ApiNotFoundResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { EmptyDto, ErrorEnvelopeDto, IdPipe } from '#libs/platform/http/index';
import { AllowReenrolmentDto, DEFAULT_REENROLMENT_SECONDS, ReenrolmentDto } from './reenrolments.dto.js';
import { ReenrolmentsService } from './reenrolments.service.js';

@ApiTags('Hosts')
@Controller('api/v1/fleet/hosts')
export class ReenrolmentsController {
  constructor(private readonly reenrolments: ReenrolmentsService) {}

  /**
   * Allow a machine to enroll again
   *
   * An agent that has lost its state directory has lost its host's key, and is refused while the host is online or was lately. This lets it in, with an
   * enroll secret, once. It keeps the host's id, and what waits for the host; an agent that had its place is out.
   */
  @Post(':id/reenroll')
  @HttpCode(200)
  @Allow('host:reenroll')
  @ApiOkResponse({ type: ReenrolmentDto })
  @ApiBadRequestResponse({
    type: ErrorEnvelopeDto,
    description: 'A field is of the wrong type, or out of range.',
  })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such host.' })
  async allow(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Body() { expires_in }: AllowReenrolmentDto,
  ): Promise<ReenrolmentDto> {
    const until = await this.reenrolments.allow(caller, id, expires_in ?? DEFAULT_REENROLMENT_SECONDS);
    return { host_id: id, expires_at: until.toISOString() };
  }

  /** Allow it no longer */
  @Delete(':id/reenroll')
  @Allow('host:reenroll')
  @ApiOkResponse({ type: EmptyDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such host.' })
  async withdraw(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<EmptyDto> {
    await this.reenrolments.withdraw(caller, id);
    return {};
  }
}
