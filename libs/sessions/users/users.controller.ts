import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import { z } from 'zod';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { EmptyDto, ErrorEnvelopeDto, IdPipe, listOptions } from '#libs/platform/http/index';
import { DryRunQueryDto } from '../dry-run.dto.js';
import { parseBody } from '../parse-body.js';
import { PasswordsService } from './passwords.service.js';
import { RolesSpec } from './roles-spec.js';
import { RolesService } from './roles.service.js';
import { toUserDto } from './user-view.js';
import {
  CreatedUserDto,
  CreateUserDto,
  ModifyUserDto,
  RequirePasswordResetDto,
  UserListDto,
  UserListQueryDto,
  UserResponseDto,
} from './users.dto.js';
import { USER_ORDER_KEYS } from './users.repository.js';
import { UsersService } from './users.service.js';

@ApiTags('Users')
@Controller('api/v1/fleet/users')
export class UsersController {
  constructor(
    private readonly users: UsersService,
    private readonly roles: RolesService,
    private readonly passwords: PasswordsService,
  ) {}

  /**
   * List users
   *
   * All of them for global admins; admins of a team name it by `team_id`.
   */
  @Get()
  @Allow('user:manage')
  @ApiOkResponse({ type: UserListDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A list option makes no sense.' })
  async list(@CurrentCaller() caller: Caller, @Query() query: UserListQueryDto): Promise<UserListDto> {
    const teamId = query.team_id === undefined ? null : Number(query.team_id);
    const users = await this.users.list(caller, listOptions(query, USER_ORDER_KEYS), teamId);
    return { users: users.map(toUserDto) };
  }

  /**
   * Create user
   *
   * With one global role, or with roles on teams. The user has to choose a password of its own at the first sign-in, unless
   * `admin_forced_password_reset` is false. Admins of a team create users of their team.
   */
  @Post('admin')
  @HttpCode(200)
  @Allow('user:manage')
  @ApiOkResponse({ type: CreatedUserDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is of the wrong type.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'A user with this e-mail exists.' })
  @ApiUnprocessableEntityResponse({
    type: ErrorEnvelopeDto,
    description: 'A field is missing or breaks a rule; or the roles make no sense (`code` says how).',
  })
  async create(@CurrentCaller() caller: Caller, @Body() dto: CreateUserDto): Promise<CreatedUserDto> {
    const { user, token } = await this.users.create(caller, dto);
    return { user: toUserDto(user), ...(token !== undefined && { token }) };
  }

  /**
   * Set roles by e-mail
   *
   * All or none: `{"spec":{"roles":{"olga@example.com":{"global_role":"observer"}}}}`.
   */
  @Post('roles/spec')
  @HttpCode(200)
  @Allow('user:roles')
  @ApiBody({ schema: z.toJSONSchema(RolesSpec, { target: 'openapi-3.0', io: 'input' }) as object })
  @ApiOkResponse({ type: EmptyDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'Not of this shape, or no such team.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No user has this e-mail.' })
  @ApiUnprocessableEntityResponse({
    type: ErrorEnvelopeDto,
    description: 'The roles make no sense; `code` says how.',
  })
  async applyRoles(
    @CurrentCaller() caller: Caller,
    @Body() body: object,
    @Query() query: DryRunQueryDto,
  ): Promise<EmptyDto> {
    await this.roles.applySpec(caller, parseBody(RolesSpec, body).spec.roles, query.dry_run === 'true');
    return {};
  }

  /** Get user */
  @Get(':id')
  @Allow('self:use')
  @ApiOkResponse({ type: UserResponseDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such user.' })
  async get(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<UserResponseDto> {
    return { user: toUserDto(await this.users.get(caller, id)) };
  }

  /**
   * Modify user
   *
   * Users change their own name, and with their `password` their e-mail and password. The rest is for admins.
   */
  @Patch(':id')
  @Allow('self:use')
  @ApiOkResponse({ type: UserResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is of the wrong type.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such user.' })
  @ApiConflictResponse({ type: ErrorEnvelopeDto, description: 'Another user has this e-mail.' })
  @ApiUnprocessableEntityResponse({
    type: ErrorEnvelopeDto,
    description: 'A field breaks a rule; or the roles make no sense (`code` says how).',
  })
  async modify(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Body() dto: ModifyUserDto,
  ): Promise<UserResponseDto> {
    return { user: toUserDto(await this.users.modify(caller, id, dto)) };
  }

  /** Delete user, with its sessions and API tokens */
  @Delete(':id')
  @Allow('user:manage')
  @ApiOkResponse({ type: EmptyDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such user.' })
  @ApiUnprocessableEntityResponse({ type: ErrorEnvelopeDto, description: 'The last global admin.' })
  async delete(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<EmptyDto> {
    await this.users.delete(caller, id);
    return {};
  }

  /** Require a new password: the sessions of the user end */
  @Post(':id/require_password_reset')
  @HttpCode(200)
  @Allow('user:manage')
  @ApiOkResponse({ type: UserResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: '`require` is missing or not a boolean.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such user.' })
  async requireReset(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Body() dto: RequirePasswordResetDto,
  ): Promise<UserResponseDto> {
    return { user: toUserDto(await this.passwords.requireReset(caller, id, dto.require)) };
  }
}
