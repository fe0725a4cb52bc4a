import { Module } from '@nestjs/common';
import { AgentsModule } from '#libs/agents/index';
import { ApprovalPoliciesController } from './approvals/approval-policies.controller.js';
import { ApprovalPoliciesRepository } from './approvals/approval-policies.repository.js';
import { ApprovalPoliciesService } from './approvals/approval-policies.service.js';
import { PolicyBook } from './approvals/policy-book.js';
import { ReviewerKeys } from './approvals/reviewer-keys.service.js';
import { ConnectionAgents } from './connection-agents.js';
import { ConnectionProbes } from './connection-probes.js';
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

/** Named recipes for sessions: what runs where, with which secrets, under which rules; and what has to be approved, by whom. */
@Module({
  imports: [AgentsModule],
  controllers: [ApprovalPoliciesController, ConnectionsController, GuardRailsController],
  providers: [
    ApprovalPoliciesRepository,
    ApprovalPoliciesService,
    ConnectionAgents,
    ConnectionProbes,
    ConnectionGuardRails,
    ConnectionSecrets,
    ConnectionsRepository,
    ConnectionsService,
    ConnectionTests,
    GuardRailsRepository,
    GuardRailsService,
    PolicyBook,
    ReviewerKeys,
    SecretsKeys,
    SecretsRotation,
  ],
  exports: [ConnectionProbes, ConnectionsService, PolicyBook, ReviewerKeys],
})
export class ConnectionsModule {}
