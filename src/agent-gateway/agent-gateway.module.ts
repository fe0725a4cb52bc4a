import { Global, Module } from '@nestjs/common';
import { AgentsModule } from '#libs/agents/index';
import { AgentDispatcher, ExecutionsModule } from '#libs/executions/index';
import { AgentConnections } from './agent-connections.js';
import { AgentGateway } from './agent.gateway.js';

/** The sockets by themselves: the ledger sends through them, so they must not depend on it. */
@Global()
@Module({
  providers: [AgentConnections, { provide: AgentDispatcher, useExisting: AgentConnections }],
  exports: [AgentConnections, AgentDispatcher],
})
export class AgentConnectionsModule {}

@Module({ imports: [AgentConnectionsModule, AgentsModule, ExecutionsModule], providers: [AgentGateway] })
export class AgentGatewayModule {}
