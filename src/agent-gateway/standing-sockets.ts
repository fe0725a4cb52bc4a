import { Injectable } from '@nestjs/common';
import { ServerEvent, type Standing } from '#libs/protocol/index';
import { StandingChannel } from '#libs/queries/index';
import { AgentConnections } from './agent-connections.js';

/** Standing work on its way to the agents. */
@Injectable()
export class StandingSockets extends StandingChannel {
  constructor(private readonly connections: AgentConnections) {
    super();
  }

  send(hostIds: readonly number[], standing: Standing): Promise<void> {
    return this.connections.spread(hostIds, ServerEvent.standing, standing);
  }
}
