import { Global, Module } from '@nestjs/common';
import { AgentsModule, FactsChannel } from '#libs/agents/index';
import { AgentDispatcher, ExecutionsModule } from '#libs/executions/index';
import { InstanceChannel, ScriptsModule } from '#libs/scripts/index';
import { QueriesModule, QueryChannel, StandingChannel } from '#libs/queries/index';
import { AgentDuties } from './agent-duties.js';
import { AgentHandshake } from './agent-handshake.js';
import { AgentConnections } from './agent-connections.js';
import { AgentGateway } from './agent.gateway.js';
import { AgentTraffic } from './agent-traffic.js';
import { AgentWords } from './agent-words.js';
import { OutputIntake } from './output-intake.js';
import { AgentTrust } from './agent-trust.js';
import { RefusalRecord } from './refusal-record.js';
import { Envelopes } from './envelopes.js';
import { FactsSockets, InstanceSockets } from './instance-sockets.js';
import { QuerySockets } from './query-sockets.js';
import { StandingSockets } from './standing-sockets.js';

/** The sockets by themselves: the ledger sends through them, so they must not depend on it. */
@Global()
@Module({
  providers: [
    AgentConnections,
    Envelopes,
    { provide: AgentDispatcher, useExisting: AgentConnections },
    { provide: FactsChannel, useClass: FactsSockets },
    { provide: InstanceChannel, useClass: InstanceSockets },
    { provide: QueryChannel, useClass: QuerySockets },
    { provide: StandingChannel, useClass: StandingSockets },
  ],
  exports: [
    AgentConnections,
    AgentDispatcher,
    Envelopes,
    FactsChannel,
    InstanceChannel,
    QueryChannel,
    StandingChannel,
  ],
})
export class AgentConnectionsModule {}

@Module({
  imports: [AgentConnectionsModule, AgentsModule, ExecutionsModule, QueriesModule, ScriptsModule],
  providers: [
    AgentDuties,
    AgentGateway,
    AgentHandshake,
    AgentTraffic,
    AgentTrust,
    AgentWords,
    OutputIntake,
    RefusalRecord,
  ],
})
export class AgentGatewayModule {}
