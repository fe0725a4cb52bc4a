import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, Public } from '#libs/platform/auth/index';
import { VERSION } from '#libs/platform/config/index';
import { OrganizationService } from './organization.service.js';
import { VersionDto } from './sessions.dto.js';

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
}
