import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiBadRequestResponse, ApiNotFoundResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { ErrorEnvelopeDto, IdPipe, ListQueryDto } from '#libs/platform/http/index';
import { HostScriptListDto } from './host-scripts.dto.js';
import { HostScriptsService } from './host-scripts.service.js';
import { pageOf } from './paging.js';

@ApiTags('Scripts')
@Controller('api/v1/fleet/hosts')
export class HostScriptsController {
  constructor(private readonly scripts: HostScriptsService) {}

  /**
   * List saved scripts that can run on a host
   *
   * Those of its team (or of no team) for its platform, by name, each with its last run there.
   */
  @Get(':id/scripts')
  @Allow('script:read')
  @ApiOkResponse({ type: HostScriptListDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A list option makes no sense.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such host.' })
  list(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Query() query: ListQueryDto,
  ): Promise<HostScriptListDto> {
    return this.scripts.list(caller, id, pageOf(query));
  }
}
