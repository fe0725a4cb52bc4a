import { Body, Controller, HttpCode, Post, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { ErrorEnvelopeDto } from '#libs/platform/http/index';
import { bodySchema } from '../parse-specs.js';
import { TeamSpecQueryDto } from '../query-params.dto.js';
import { DiffBody, SpecDiffDto } from './diff-body.js';
import { SpecDiffService } from './spec-diff.service.js';

@ApiTags('Specs')
@Controller('api/v1/fleet/spec/diff')
export class SpecDiffController {
  constructor(private readonly specs: SpecDiffService) {}

  /**
   * Say what applying specs would do
   *
   * Nothing is changed. Either `specs`, documents of any kind as they stand in files, or lists by kind.
   * What breaks a rule is refused as it would be by applying it.
   */
  @Post()
  @HttpCode(200)
  @Allow('spec:diff')
  @ApiBody({ schema: bodySchema(DiffBody) })
  @ApiOkResponse({ type: SpecDiffDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field breaks a rule.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such team.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'A name is there twice.' })
  @ApiUnprocessableEntityResponse({ type: ErrorEnvelopeDto, description: 'A field breaks a rule.' })
  async diff(
    @CurrentCaller() caller: Caller,
    @Body() body: object,
    @Query() { force }: TeamSpecQueryDto,
  ): Promise<SpecDiffDto> {
    return { changes: await this.specs.diff(caller, body, force === 'true') };
  }
}
