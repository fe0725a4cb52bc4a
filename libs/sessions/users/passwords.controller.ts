import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiOkResponse,
  ApiTags,
  ApiTooManyRequestsResponse,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller, DuringPasswordReset } from '#libs/platform/auth/index';
import { EmptyDto, ErrorEnvelopeDto } from '#libs/platform/http/index';
import { PasswordsService } from './passwords.service.js';
import { toUserDto } from './user-view.js';
import { ChangePasswordDto, PerformPasswordResetDto, UserResponseDto } from './users.dto.js';

@ApiTags('Sign-in')
@Controller('api/v1/fleet')
export class PasswordsController {
  constructor(private readonly passwords: PasswordsService) {}

  /** Change one's password */
  @Post('change_password')
  @HttpCode(200)
  @Allow('self:use')
  @DuringPasswordReset()
  @ApiOkResponse({ type: EmptyDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is of the wrong type.' })
  @ApiUnprocessableEntityResponse({
    type: ErrorEnvelopeDto,
    description: 'The old password is wrong, or the new one is weak or the same.',
  })
  @ApiTooManyRequestsResponse({ type: ErrorEnvelopeDto, description: 'Too many wrong passwords.' })
  async change(@CurrentCaller() caller: Caller, @Body() dto: ChangePasswordDto): Promise<EmptyDto> {
    await this.passwords.change(caller, dto.old_password ?? '', dto.new_password ?? '');
    return {};
  }

  /** Choose the new password that an admin asked for */
  @Post('perform_required_password_reset')
  @HttpCode(200)
  @Allow('self:use')
  @DuringPasswordReset()
  @ApiOkResponse({ type: UserResponseDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is of the wrong type.' })
  @ApiUnprocessableEntityResponse({
    type: ErrorEnvelopeDto,
    description: 'The new password is weak or the same as before; or no reset is required.',
  })
  async performReset(
    @CurrentCaller() caller: Caller,
    @Body() dto: PerformPasswordResetDto,
  ): Promise<UserResponseDto> {
    return { user: toUserDto(await this.passwords.performReset(caller, dto.new_password ?? '')) };
  }
}
