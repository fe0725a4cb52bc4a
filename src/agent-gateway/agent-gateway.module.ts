import { Global, Module } from '@nestjs/common';
import { AgentsModule } from '#libs/agents/index';
import { AgentDispatcher, ExecutionsModule } from '#libs/executions/index';
import { QueriesModule, QueryChannel } from '#libs/queries/index';
import { AgentConnections } from './agent-connections.js';
import { AgentGateway } from './agent.gateway.js';
import { QuerySockets } from './query-sockets.js';

/** The sockets by themselves: the ledger sends through them, so they must not depend on it. */
@Global()
@Module({
  providers: [
    AgentConnections,
    { provide: AgentDispatcher, useExisting: AgentConnections },
    { provide: QueryChannel, useClass: QuerySockets },
  ],
  exports: [AgentConnections, AgentDispatcher, QueryChannel],
})
export class AgentConnectionsModule {}

@Module({
  imports: [AgentConnectionsModule, AgentsModule, ExecutionsModule, QueriesModule],
  providers: [AgentGateway],
})
export class AgentGatewayModule {}
