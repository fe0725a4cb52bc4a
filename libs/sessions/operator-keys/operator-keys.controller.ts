import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
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
import { AddOperatorKeyDto, OperatorKeyListDto, OperatorKeyResponseDto } from './operator-keys.dto.js';
import { OperatorKeysService } from './operator-keys.service.js';

const NOT_FOUND = { type: ErrorEnvelopeDto, description: "No such key, or another user's." };

/** Keys with which people sign what they ask for: hosts whose policy asks for that run nothing else. */
@ApiTags('Signing keys')
@Controller('api/v1/keys')
export class OperatorKeysController {
  constructor(private readonly keys: OperatorKeysService) {}

  /** List signing keys: one's own, for administrators everybody's */
  @Get()
  @Allow('self:use')
  @ApiOkResponse({ type: OperatorKeyListDto })
  async list(@CurrentCaller() caller: Caller): Promise<OperatorKeyListDto> {
    return { keys: await this.keys.list(caller) };
  }

  /**
   * Register a signing key
   *
   * The public half of a key of one's own. `muster keys add` makes one and keeps its private half.
   */
  @Post()
  @HttpCode(200)
  @Allow('self:use')
  @ApiOkResponse({ type: OperatorKeyResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is missing or of the wrong type.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'The name or the key is taken.' })
  @ApiUnprocessableEntityResponse({ type: ErrorEnvelopeDto, description: 'It is no Ed25519 public key.' })
  async add(
    @CurrentCaller() caller: Caller,
    @Body() dto: AddOperatorKeyDto,
  ): Promise<OperatorKeyResponseDto> {
    return { key: await this.keys.add(caller, dto) };
  }

  /** Get a signing key */
  @Get(':key_id')
  @Allow('self:use')
  @ApiOkResponse({ type: OperatorKeyResponseDto })
  @ApiNotFoundResponse(NOT_FOUND)
  async get(@CurrentCaller() caller: Caller, @Param('key_id') id: string): Promise<OperatorKeyResponseDto> {
    return { key: await this.keys.get(caller, id) };
  }

  /**
   * Revoke a signing key
   *
   * The server takes no signature of it any more. Hosts whose policy names it go on believing it until that is changed.
   */
  @Delete(':key_id')
  @Allow('self:use')
  @ApiOkResponse({ type: EmptyDto })
  @ApiNotFoundResponse(NOT_FOUND)
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'It has been revoked already.' })
  async revoke(@CurrentCaller() caller: Caller, @Param('key_id') id: string): Promise<EmptyDto> {
    await this.keys.revoke(caller, id);
    return {};
  }
}
