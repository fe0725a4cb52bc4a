import { Injectable } from '@nestjs/common';
import { Limits, type Query, type QueryEnd, type QueryOrder, ServerEvent } from '#libs/protocol/index';
import { QueryChannel } from '#libs/queries/index';
import { AgentConnections } from './agent-connections.js';

/** Live queries on their way to the agents. */
@Injectable()
export class QuerySockets extends QueryChannel {
  constructor(private readonly connections: AgentConnections) {
    super();
  }

  isConnected(hostId: number): boolean {
    return this.connections.isConnected(hostId);
  }

  ask(hostIds: readonly number[], queries: readonly QueryOrder[], answered?: () => number): void {
    for (let from = 0; from < queries.length; from += Limits.queriesPerMessage) {
      const message: Query = { queries: queries.slice(from, from + Limits.queriesPerMessage) };
      void this.connections.spread(hostIds, ServerEvent.query, message, answered);
    }
  }

  end(hostIds: readonly number[], campaignIds: readonly number[]): void {
    const message: QueryEnd = { campaign_ids: [...campaignIds] };
    void this.connections.spread(hostIds, ServerEvent.queryEnd, message);
  }
}
