import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { EmptyDto, ErrorEnvelopeDto, IdPipe } from '#libs/platform/http/index';
import {
  type ApiTokenDto,
  ApiTokenListDto,
  ApiTokenListQueryDto,
  CreateApiTokenDto,
  CreatedApiTokenDto,
} from './api-tokens.dto.js';
import { type ApiTokenRow, ApiTokensService } from './api-tokens.service.js';

@ApiTags('API tokens')
@Controller('api/v1/tokens')
export class ApiTokensController {
  constructor(private readonly tokens: ApiTokensService) {}

  /** List API tokens: one's own, or for admins those of a user */
  @Get()
  @Allow('self:use')
  @ApiOkResponse({ type: ApiTokenListDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'user_id is not a number.' })
  async list(
    @CurrentCaller() caller: Caller,
    @Query() query: ApiTokenListQueryDto,
  ): Promise<ApiTokenListDto> {
    const userId = query.user_id === undefined ? caller.userId : Number(query.user_id);
    return { tokens: (await this.tokens.list(caller, userId)).map(toDto) };
  }

  /**
   * Create API token
   *
   * For a program that acts for the caller: with all rights of the caller or only some, for a time or until it is deleted.
   */
  @Post()
  @HttpCode(200)
  @Allow('self:use')
  @ApiOkResponse({ type: CreatedApiTokenDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is missing or of the wrong type.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'The caller has a token of this name.' })
  @ApiUnprocessableEntityResponse({
    type: ErrorEnvelopeDto,
    description: 'An empty name, a right that does not exist, or an expiry that has passed.',
  })
  async create(@CurrentCaller() caller: Caller, @Body() dto: CreateApiTokenDto): Promise<CreatedApiTokenDto> {
    const { row, token } = await this.tokens.create(caller, dto);
    return { ...toDto(row), token };
  }

  /** Delete API token: worthless from the next request on */
  @Delete(':id')
  @Allow('self:use')
  @ApiOkResponse({ type: EmptyDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such API token.' })
  async delete(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<EmptyDto> {
    await this.tokens.delete(caller, id);
    return {};
  }
}

function toDto(row: ApiTokenRow): ApiTokenDto {
  return {
    ...row,
    expires_at: row.expires_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
    used_at: row.used_at?.toISOString() ?? null,
  };
}
