import { Body, Controller, HttpCode, Post, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
  ApiConflictResponse,
  ApiOkResponse,
  ApiTags,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { ErrorEnvelopeDto } from '#libs/platform/http/index';
import { bodySchema, parseSpecs } from '../parse-specs.js';
import { TeamSpecQueryDto } from '../query-params.dto.js';
import { SpecCalls } from '../spec-calls.service.js';
import { AppliedTeamsDto, teamSpecs } from './team-spec.js';
import { TeamSpecsService } from './team-specs.service.js';

@ApiTags('Specs')
@Controller('api/v1/fleet/spec/teams')
export class TeamSpecsController {
  constructor(
    private readonly specs: TeamSpecsService,
    private readonly calls: SpecCalls,
  ) {}

  /**
   * Apply specs of teams: all of them, or none
   *
   * Agent options and secrets are replaced where they are given. Keys that are not known are refused, unless `force` is.
   */
  @Post()
  @HttpCode(200)
  @Allow('team:write')
  @ApiBody({ schema: bodySchema(teamSpecs(false)) })
  @ApiOkResponse({ type: AppliedTeamsDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A key is not known, or of the wrong type.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'An enroll secret is in use elsewhere.' })
  @ApiUnprocessableEntityResponse({
    type: ErrorEnvelopeDto,
    description: 'A name or a secret breaks a rule.',
  })
  async apply(
    @CurrentCaller() caller: Caller,
    @Body() body: object,
    @Query() query: TeamSpecQueryDto,
  ): Promise<AppliedTeamsDto> {
    const [dryRun, force] = [query.dry_run === 'true', query.force === 'true'];
    const specs = parseSpecs(teamSpecs(force), body).specs ?? [];
    const { changes, ids } = await this.calls.run(caller, { dryRun }, (call) =>
      this.specs.apply(call, specs, force),
    );
    // What a dry run has added is gone again, and so are its ids.
    const gone = new Set(
      changes.filter(({ change }) => dryRun && change === 'added').map(({ name }) => name),
    );
    const known = [...ids].filter(([name]) => !gone.has(name));
    return known.length > 0 ? { team_ids_by_name: Object.fromEntries(known) } : {};
  }
}
