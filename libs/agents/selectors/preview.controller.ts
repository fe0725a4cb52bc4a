import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { ErrorEnvelopeDto } from '#libs/platform/http/index';
import { PreviewDto, PreviewResponseDto } from './preview.dto.js';
import { PreviewService } from './preview.service.js';

@ApiTags('Targets')
@Controller('api/v1/targets')
export class PreviewController {
  constructor(private readonly previews: PreviewService) {}

  /**
   * See who would run something
   *
   * The hosts that a target or a selection means at this moment, which of them are online, and which rule forbids it where it may
   * not run. Nothing is run. Hosts that the caller may not see are neither listed nor counted.
   */
  @Post('preview')
  @HttpCode(200)
  @Allow('agent:read')
  @ApiOkResponse({ type: PreviewResponseDto })
  @ApiBadRequestResponse({
    type: ErrorEnvelopeDto,
    description: 'A field is missing or wrong; of a selector the place is said, and what was expected there.',
  })
  @ApiNotFoundResponse({
    type: ErrorEnvelopeDto,
    description: 'The target names no host, label or team, or no host matches.',
  })
  @ApiConflictResponse({
    type: ErrorEnvelopeDto,
    description: 'Several hosts bear the hostname; their ids are said.',
  })
  preview(@CurrentCaller() caller: Caller, @Body() body: PreviewDto): Promise<PreviewResponseDto> {
    return this.previews.preview(caller, body);
  }
}
