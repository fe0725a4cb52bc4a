import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Authenticator } from '#libs/platform/auth/index';
import { AuthenticationService } from './authentication.service.js';
import { LoginLimiter } from './login-limiter.js';
import { OrganizationController } from './organization.controller.js';
import { Organization } from './organization.entity.js';
import { OrganizationService } from './organization.service.js';
import { Session } from './session.entity.js';
import { SessionsController, SetupController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';
import { SetupService } from './setup.service.js';
import { User } from './user.entity.js';
import { UsersService } from './users.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([User, Session, Organization])],
  controllers: [SetupController, SessionsController, OrganizationController],
  providers: [
    UsersService,
    SessionsService,
    SetupService,
    OrganizationService,
    LoginLimiter,
    AuthenticationService,
    { provide: Authenticator, useExisting: AuthenticationService },
  ],
  exports: [Authenticator, UsersService],
})
export class SessionsModule {}
