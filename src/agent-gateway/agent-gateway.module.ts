import { Global, Module } from '@nestjs/common';
import { AgentsModule } from '#libs/agents/index';
import { AgentDispatcher, ExecutionsModule } from '#libs/executions/index';
import { QueriesModule, QueryChannel, StandingChannel } from '#libs/queries/index';
import { AgentConnections } from './agent-connections.js';
import { AgentGateway } from './agent.gateway.js';
import { QuerySockets } from './query-sockets.js';
import { StandingSockets } from './standing-sockets.js';

/** The sockets by themselves: the ledger sends through them, so they must not depend on it. */
@Global()
@Module({
  providers: [
    AgentConnections,
    { provide: AgentDispatcher, useExisting: AgentConnections },
    { provide: QueryChannel, useClass: QuerySockets },
    { provide: StandingChannel, useClass: StandingSockets },
  ],
  exports: [AgentConnections, AgentDispatcher, QueryChannel, StandingChannel],
})
export class AgentConnectionsModule {}

@Module({
  imports: [AgentConnectionsModule, AgentsModule, ExecutionsModule, QueriesModule],
  providers: [AgentGateway],
})
export class AgentGatewayModule {}
