import {
  applyDecorators,
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Param,
  Patch,
  Post,
  Query,
  Res,
  StreamableFile,
  type Type,
  UseInterceptors,
} from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
  ApiConflictResponse,
  ApiConsumes,
  ApiExtraModels,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
  ApiUnprocessableEntityResponse,
  getSchemaPath,
} from '@nestjs/swagger';
import { type Response } from 'express';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { ErrorEnvelopeDto, IdPipe, listOptions, ReadsBodyItself } from '#libs/platform/http/index';
import { attachment } from './script-name.js';
import { ScriptSetsService } from './script-sets.service.js';
import { type ScriptUpload, ScriptUploadInterceptor, Upload } from './script-upload.interceptor.js';
import {
  AddScriptDto,
  type GivenScriptDto,
  ReplaceScriptDto,
  ScriptDto,
  ScriptIdDto,
  ScriptListDto,
  ScriptListQueryDto,
  ScriptQueryDto,
  ScriptSetDto,
  ScriptSetQueryDto,
  ScriptSetResponseDto,
} from './scripts.dto.js';
import { type SavedScript } from './scripts.repository.js';
import { ScriptsService } from './scripts.service.js';

/** The route takes a form with a file, described by `type`. */
const TakesForm = (type: Type): MethodDecorator =>
  applyDecorators(
    ReadsBodyItself(),
    UseInterceptors(ScriptUploadInterceptor),
    ApiConsumes('multipart/form-data'),
    ApiBody({ type }),
    ApiBadRequestResponse({
      type: ErrorEnvelopeDto,
      description: 'Not a form, or one without a file `script`, or a field makes no sense.',
    }),
  );

/** Fleet's saved scripts. */
@ApiTags('Scripts')
@Controller('api/v1/fleet/scripts')
export class ScriptsController {
  constructor(
    private readonly scripts: ScriptsService,
    private readonly sets: ScriptSetsService,
  ) {}

  /**
   * Add script
   *
   * Keeps a script under the name of its file, for hosts of one team or of none. CRLF becomes LF.
   */
  @Post()
  @HttpCode(200)
  @Allow('script:write')
  @TakesForm(AddScriptDto)
  @ApiOkResponse({ type: ScriptIdDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such team.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'The team has a script of this name.' })
  @ApiUnprocessableEntityResponse({
    type: ErrorEnvelopeDto,
    description: 'The name or the contents are not acceptable.',
  })
  async add(@CurrentCaller() caller: Caller, @Upload() upload: ScriptUpload): Promise<ScriptIdDto> {
    const teamId = teamOf(upload);
    const { name, contents } = fileOf(upload);
    return { script_id: await this.scripts.add(caller, teamId, name, contents) };
  }

  /**
   * Replace script
   *
   * Other contents under the same name. Runs of the old ones that have not started are cancelled.
   */
  @Patch(':id')
  @Allow('script:write')
  @TakesForm(ReplaceScriptDto)
  @ApiOkResponse({ type: ScriptIdDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such script.' })
  @ApiUnprocessableEntityResponse({ type: ErrorEnvelopeDto, description: 'The contents are not acceptable.' })
  async replace(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Upload() upload: ScriptUpload,
  ): Promise<ScriptIdDto> {
    await this.scripts.replace(caller, id, fileOf(upload).contents);
    return { script_id: id };
  }

  /**
   * List scripts
   *
   * Of one team or of none, in the order of their names; other orders and filters have no effect.
   */
  @Get()
  @Allow('script:read')
  @ApiOkResponse({ type: ScriptListDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A list option makes no sense.' })
  async list(@CurrentCaller() caller: Caller, @Query() query: ScriptListQueryDto): Promise<ScriptListDto> {
    // Whatever is to be sorted by is known: it has no effect.
    const options = listOptions(query, query.order_key === undefined ? [] : [query.order_key]);
    const teamId = Number(query.team_id ?? 0) || null;
    const { scripts, more } = await this.scripts.list(caller, teamId, options);
    return {
      scripts: scripts.map(toDto),
      meta: { has_next_results: more, has_previous_results: options.page > 0 },
    };
  }

  /**
   * Get or download script
   *
   * With `alt=media` its contents, as a file.
   */
  @Get(':id')
  @Allow('script:read')
  @ApiExtraModels(ScriptDto)
  @ApiOkResponse({
    description: 'What is known about it; or its contents.',
    content: {
      'application/json': { schema: { $ref: getSchemaPath(ScriptDto) } },
      'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
    },
  })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such script.' })
  async get(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Query() { alt }: ScriptQueryDto,
    @Res({ passthrough: true }) response: Response,
  ): Promise<ScriptDto | StreamableFile> {
    const script = await this.scripts.get(caller, id);
    if (alt !== 'media') return toDto(script);
    const bytes = await this.scripts.contentsOf(script);
    // A browser must take it for nothing but a file, whatever it holds.
    response.setHeader('X-Content-Type-Options', 'nosniff');
    return new StreamableFile(bytes, {
      type: 'application/octet-stream',
      length: bytes.length,
      disposition: attachment(script.name, new Date()),
    });
  }

  /**
   * Delete script
   *
   * Runs of it that have not started are cancelled; results stay.
   */
  @Delete(':id')
  @HttpCode(204)
  @Allow('script:write')
  @ApiNoContentResponse()
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such script.' })
  async remove(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<void> {
    await this.scripts.remove(caller, id);
  }

  /**
   * Replace all scripts
   *
   * Afterwards the team (or no team) has exactly these scripts: others are deleted, those of the same name replaced. All or nothing.
   */
  @Post('batch')
  @HttpCode(200)
  @Allow('script:write')
  @ApiOkResponse({ type: ScriptSetResponseDto })
  @ApiBadRequestResponse({
    type: ErrorEnvelopeDto,
    description: 'A field is of the wrong type, or no base64.',
  })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such team.' })
  @ApiUnprocessableEntityResponse({
    type: ErrorEnvelopeDto,
    description: 'A script is not acceptable, or two have one name; `scripts[i]` says which.',
  })
  async replaceAll(
    @CurrentCaller() caller: Caller,
    @Query() query: ScriptSetQueryDto,
    @Body() dto: ScriptSetDto,
  ): Promise<ScriptSetResponseDto> {
    const teamId = query.team_id ? Number(query.team_id) : undefined;
    const teamName = query.team_name || undefined;
    if (teamId !== undefined && teamName !== undefined)
      throw new DomainError('invalid', {
        name: 'team_name',
        reason: 'cannot specify both team_id and team_name',
      });
    const given = (dto.scripts ?? []).map(decode);
    const dryRun = query.dry_run === 'true' || query.dry_run === '1';
    const scripts = await this.sets.replace(caller, { teamId, teamName }, given, dryRun);
    return { scripts: scripts.map(({ teamId: team_id, id, name }) => ({ team_id, id, name })) };
  }
}

function toDto({ id, teamId, name, createdAt, updatedAt }: SavedScript): ScriptDto {
  return {
    id,
    team_id: teamId,
    name,
    created_at: createdAt.toISOString(),
    updated_at: updatedAt.toISOString(),
  };
}

function teamOf({ fields }: ScriptUpload): number | null {
  const { team_id: text } = fields;
  if (text === undefined) return null;
  if (typeof text === 'string' && /^\d{1,15}$/.test(text)) return Number(text);
  const reason = 'failed to decode team_id in multipart form: it must be one whole number';
  throw new DomainError('malformed', { name: 'team_id', reason });
}

function fileOf({ file }: ScriptUpload): NonNullable<ScriptUpload['file']> {
  if (!file) throw new DomainError('malformed', 'no file headers for script');
  return file;
}

function decode(
  { name, script_contents }: GivenScriptDto,
  index: number,
): { name: string; contents: Buffer } {
  const contents = Buffer.from(script_contents, 'base64');
  // Buffer skips what is no base64; line ends may stand in it.
  if (contents.toString('base64') !== script_contents.replace(/[\r\n]/g, ''))
    throw new DomainError('malformed', {
      name: `scripts[${index}]`,
      reason: 'script_contents must be base64',
    });
  return { name, contents };
}
