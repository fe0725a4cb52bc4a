import { Injectable } from '@nestjs/common';
import { type Query, type QueryEnd, type QueryOrder, ServerEvent } from '#libs/protocol/index';
import { QueryChannel } from '#libs/queries/index';
import { AgentConnections } from './agent-connections.js';

/** Sockets written to before others get their turn: answers to the first orders are read while the last ones leave. */
const AT_ONCE = 200;

/** Live queries on their way to the agents. */
@Injectable()
export class QuerySockets extends QueryChannel {
  constructor(private readonly connections: AgentConnections) {
    super();
  }

  isConnected(hostId: number): boolean {
    return this.connections.isConnected(hostId);
  }

  ask(hostIds: readonly number[], queries: readonly QueryOrder[]): void {
    const message: Query = { queries: [...queries] };
    void this.send(hostIds, ServerEvent.query, message);
  }

  end(hostIds: readonly number[], campaignIds: readonly number[]): void {
    const message: QueryEnd = { campaign_ids: [...campaignIds] };
    void this.send(hostIds, ServerEvent.queryEnd, message);
  }

  /** The same packet for all of them: it is encoded once for many. */
  private async send(hostIds: readonly number[], event: string, message: Query | QueryEnd): Promise<void> {
    for (let from = 0; from < hostIds.length; from += AT_ONCE) {
      this.connections.broadcast(hostIds.slice(from, from + AT_ONCE), event, message);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
