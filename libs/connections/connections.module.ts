import { Module } from '@nestjs/common';
import { AgentsModule } from '#libs/agents/index';
import { ConnectionAgents } from './connection-agents.js';
import { ConnectionTests } from './connection-tests.service.js';
import { ConnectionsController } from './connections.controller.js';
import { ConnectionsRepository } from './connections.repository.js';
import { ConnectionsService } from './connections.service.js';
import { ConnectionGuardRails } from './guardrails/connection-guard-rails.js';
import { GuardRailsController } from './guardrails/guard-rails.controller.js';
import { GuardRailsRepository } from './guardrails/guard-rails.repository.js';
import { GuardRailsService } from './guardrails/guard-rails.service.js';
import { ConnectionSecrets } from './secrets/connection-secrets.repository.js';
import { SecretsKeys } from './secrets/secrets-keys.js';
import { SecretsRotation } from './secrets/secrets-rotation.service.js';

/** Named recipes for sessions: what runs where, with which secrets, under which rules. */
@Module({
  imports: [AgentsModule],
  controllers: [ConnectionsController, GuardRailsController],
  providers: [
    ConnectionAgents,
    ConnectionGuardRails,
    ConnectionSecrets,
    ConnectionsRepository,
    ConnectionsService,
    ConnectionTests,
    GuardRailsRepository,
    GuardRailsService,
    SecretsKeys,
    SecretsRotation,
  ],
  exports: [ConnectionsService],
})
export class ConnectionsModule {}
