import { Injectable } from '@nestjs/common';
import { FactsChannel } from '#libs/agents/index';
import {
  FactsQueryAck,
  type InstanceSet,
  InstanceSetAck,
  ServerEvent,
  type TriggerCheck,
  TriggerCheckAck,
} from '#libs/protocol/index';
import { InstanceChannel } from '#libs/scripts/index';
import { AgentConnections } from './agent-connections.js';

/** Sets of script instances on their way to the agents. */
@Injectable()
export class InstanceSockets extends InstanceChannel {
  constructor(private readonly connections: AgentConnections) {
    super();
  }

  async send(hostId: number, set: InstanceSet): Promise<boolean> {
    return (await this.connections.ask(hostId, ServerEvent.instances, set, InstanceSetAck)) !== null;
  }
}

/** Questions about facts and triggers. */
@Injectable()
export class FactsSockets extends FactsChannel {
  constructor(private readonly connections: AgentConnections) {
    super();
  }

  facts(hostId: number, xpath: string | null): Promise<FactsQueryAck | null> {
    return this.connections.ask(hostId, ServerEvent.factsQuery, { xpath }, FactsQueryAck);
  }

  check(hostId: number, triggers: TriggerCheck): Promise<TriggerCheckAck | null> {
    return this.connections.ask(hostId, ServerEvent.triggerCheck, triggers, TriggerCheckAck);
  }
}
