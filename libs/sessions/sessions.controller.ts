import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
  ApiTooManyRequestsResponse,
  ApiUnauthorizedResponse,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import {
  Allow,
  BeforeSetup,
  type Caller,
  ClientAddress,
  CurrentCaller,
  DuringPasswordReset,
  Public,
} from '#libs/platform/auth/index';
import { BodyLimit, EmptyDto, ErrorEnvelopeDto, IdPipe } from '#libs/platform/http/index';
import {
  LoginDto,
  LoginResponseDto,
  MeResponseDto,
  SessionDto,
  SessionListDto,
  SetupDto,
  SetupResponseDto,
} from './sessions.dto.js';
import { SessionsService } from './sessions.service.js';
import { SetupService } from './setup.service.js';
import { TeamsService } from './teams/teams.service.js';
import { toUserDto } from './users/user-view.js';
import { UsersService } from './users/users.service.js';

@ApiTags('Sign-in')
@Controller('api/v1')
export class SetupController {
  constructor(private readonly setup: SetupService) {}

  /**
   * Create the first admin
   *
   * Served only while no user exists; afterwards 404. Also at `/api/setup`.
   */
  @Post('setup')
  @HttpCode(200)
  @Public()
  @BodyLimit(16 * 1024)
  @BeforeSetup()
  @ApiOkResponse({ type: SetupResponseDto, description: 'The admin, signed in.' })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is missing or of the wrong type.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'Set up already.' })
  @ApiUnprocessableEntityResponse({
    type: ErrorEnvelopeDto,
    description: 'Weak password, bad e-mail or server_url.',
  })
  setUp(@Body() dto: SetupDto, @ClientAddress() address: string): Promise<SetupResponseDto> {
    return this.setup.setUp(dto, address);
  }
}

@ApiTags('Sign-in')
@Controller('api/v1/fleet')
export class SessionsController {
  constructor(
    private readonly sessions: SessionsService,
    private readonly users: UsersService,
    private readonly teams: TeamsService,
  ) {}

  /**
   * Sign in
   *
   * Answers with a token. Sessions end after five days without use.
   */
  @Post('login')
  @HttpCode(200)
  @Public()
  @BodyLimit(16 * 1024)
  @ApiOkResponse({ type: LoginResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is missing or of the wrong type.' })
  @ApiUnauthorizedResponse({
    type: ErrorEnvelopeDto,
    description: 'Whatever was wrong: it does not say what.',
  })
  @ApiTooManyRequestsResponse({
    type: ErrorEnvelopeDto,
    description: 'Too many failures for this account or address.',
  })
  async login(@Body() dto: LoginDto, @ClientAddress() address: string): Promise<LoginResponseDto> {
    const { user, token } = await this.sessions.login(dto.email, dto.password, address);
    return { user: toUserDto(user), available_teams: await this.teams.availableTo(user), token };
  }

  /** Sign out: the token is worthless afterwards */
  @Post('logout')
  @HttpCode(200)
  @Allow('self:use')
  @DuringPasswordReset()
  @ApiOkResponse({ type: EmptyDto })
  async logout(@CurrentCaller() caller: Caller): Promise<EmptyDto> {
    await this.sessions.logout(caller);
    return {};
  }

  /** The signed-in user */
  @Get('me')
  @Allow('self:use')
  @DuringPasswordReset()
  @ApiOkResponse({ type: MeResponseDto })
  async me(@CurrentCaller() caller: Caller): Promise<MeResponseDto> {
    const user = await this.users.get(caller, caller.userId);
    return { user: toUserDto(user), available_teams: await this.teams.availableTo(user) };
  }

  /** Get session info */
  @Get('sessions/:id')
  @Allow('self:use')
  @ApiOkResponse({ type: SessionDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such session.' })
  session(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<SessionDto> {
    return this.sessions.get(caller, id);
  }

  /** Delete session: its user has to sign in again */
  @Delete('sessions/:id')
  @Allow('self:use')
  @ApiOkResponse({ type: EmptyDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such session.' })
  async deleteSession(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<EmptyDto> {
    await this.sessions.delete(caller, id);
    return {};
  }

  /** List the open sessions of a user: one's own, or for admins anybody's */
  @Get('users/:id/sessions')
  @Allow('self:use')
  @ApiOkResponse({ type: SessionListDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'The id is not a number.' })
  async sessionsOf(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
  ): Promise<SessionListDto> {
    return { sessions: await this.sessions.ofUser(caller, id) };
  }

  /** Delete all sessions of a user */
  @Delete('users/:id/sessions')
  @Allow('self:use')
  @ApiOkResponse({ type: EmptyDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'The id is not a number.' })
  async deleteSessionsOf(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
  ): Promise<EmptyDto> {
    await this.sessions.deleteOfUser(caller, id);
    return {};
  }
}
