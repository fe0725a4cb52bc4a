import { Body, Controller, Get, Patch, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
  ApiOkResponse,
  ApiTags,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import { z } from 'zod';
import { Allow, type Caller, CurrentCaller, Public } from '#libs/platform/auth/index';
import { VERSION } from '#libs/platform/config/index';
import { ErrorEnvelopeDto } from '#libs/platform/http/index';
import { DryRunQueryDto } from '../dry-run.dto.js';
import { parseBody } from '../parse-body.js';
import { ConfigPatch } from './config-patch.js';
import { VersionDto } from './organization.dto.js';
import { OrganizationService } from './organization.service.js';

const ANSWER: VersionDto = {
  version: VERSION,
  branch: '',
  revision: '',
  go_version: '',
  build_date: '',
  build_user: '',
};

@ApiTags('Server')
@Controller()
export class OrganizationController {
  constructor(private readonly organization: OrganizationService) {}

  /** The server's version, for everybody */
  @Get('version')
  @Public()
  @ApiOkResponse({ type: VersionDto })
  publicVersion(): VersionDto {
    return ANSWER;
  }

  /** The server's version */
  @Get('api/v1/fleet/version')
  @Allow('self:use')
  @ApiOkResponse({ type: VersionDto })
  version(): VersionDto {
    return ANSWER;
  }

  /** Organization settings, as Fleet's clients expect them */
  @Get('api/v1/fleet/config')
  @Allow('config:read')
  @ApiOkResponse({ schema: { type: 'object', additionalProperties: true } })
  config(): Promise<Record<string, unknown>> {
    return this.organization.config();
  }

  /** Change organization settings; what is absent stays as it is */
  @Patch('api/v1/fleet/config')
  @Allow('config:write')
  @ApiBody({ schema: z.toJSONSchema(ConfigPatch, { target: 'openapi-3.0', io: 'input' }) as object })
  @ApiOkResponse({ schema: { type: 'object', additionalProperties: true } })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A key is unknown or of the wrong type.' })
  @ApiUnprocessableEntityResponse({ type: ErrorEnvelopeDto, description: 'An empty name, or a bad URL.' })
  async changeConfig(
    @CurrentCaller() caller: Caller,
    @Body() body: object,
    @Query() query: DryRunQueryDto,
  ): Promise<Record<string, unknown>> {
    await this.organization.change(caller, parseBody(ConfigPatch, body), query.dry_run === 'true');
    return this.organization.config();
  }
}
