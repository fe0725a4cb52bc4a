import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Authenticator, SignerKeys } from '#libs/platform/auth/index';
import { ApiTokensController } from './api-tokens/api-tokens.controller.js';
import { ApiTokensService } from './api-tokens/api-tokens.service.js';
import { TokenScopes } from './api-tokens/token-scopes.js';
import { AuthenticationService } from './authentication.service.js';
import { LoginLimiter } from './login-limiter.js';
import { OperatorKeysController } from './operator-keys/operator-keys.controller.js';
import { OperatorKeysService } from './operator-keys/operator-keys.service.js';
import { OrganizationController } from './organization/organization.controller.js';
import { Organization } from './organization/organization.entity.js';
import { OrganizationService } from './organization/organization.service.js';
import { SessionsController, SetupController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';
import { SetupService } from './setup.service.js';
import { AgentOptionChanges } from './teams/agent-option-changes.js';
import { TeamMembersService } from './teams/team-members.service.js';
import { TeamsController } from './teams/teams.controller.js';
import { TeamSets } from './teams/team-sets.repository.js';
import { TeamsRepository } from './teams/teams.repository.js';
import { TeamRemovals } from './teams/team-removals.js';
import { TeamsService } from './teams/teams.service.js';
import { PasswordsController } from './users/passwords.controller.js';
import { PasswordsService } from './users/passwords.service.js';
import { RolesService } from './users/roles.service.js';
import { UsersController } from './users/users.controller.js';
import { UsersRepository } from './users/users.repository.js';
import { UsersService } from './users/users.service.js';

/** Who signs in, what they may, and what the installation is called. */
@Module({
  imports: [TypeOrmModule.forFeature([Organization])],
  controllers: [
    SetupController,
    SessionsController,
    PasswordsController,
    UsersController,
    TeamsController,
    ApiTokensController,
    OperatorKeysController,
    OrganizationController,
  ],
  providers: [
    UsersRepository,
    UsersService,
    RolesService,
    PasswordsService,
    TeamsRepository,
    AgentOptionChanges,
    TeamRemovals,
    TeamSets,
    TeamsService,
    TeamMembersService,
    ApiTokensService,
    OperatorKeysService,
    { provide: SignerKeys, useExisting: OperatorKeysService },
    TokenScopes,
    SessionsService,
    SetupService,
    OrganizationService,
    LoginLimiter,
    AuthenticationService,
    { provide: Authenticator, useExisting: AuthenticationService },
  ],
  exports: [
    AgentOptionChanges,
    Authenticator,
    OrganizationService,
    SignerKeys,
    TeamRemovals,
    TeamSets,
    TokenScopes,
  ],
})
export class SessionsModule {}
