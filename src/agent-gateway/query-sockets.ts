import { setImmediate, setTimeout } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { type Query, type QueryEnd, type QueryOrder, ServerEvent } from '#libs/protocol/index';
import { QueryChannel } from '#libs/queries/index';
import { AgentConnections } from './agent-connections.js';

/**
 * Sockets written to before others get their turn, at first and at most: whoever asked hears that it has begun, and the
 * first answers are read, stored and told, while the last orders leave.
 */
const FIRST = 16;
const MOST = 256;
/** Answers that may be on their way before the next hosts are asked: what waits in memory survives collections, and costs each time. */
const ON_THEIR_WAY = 1_024;
/** Slow queries hold nobody up longer than this per slice, milliseconds. */
const PATIENCE_MS = 20;
const LOOK_MS = 2;

/** Live queries on their way to the agents. */
@Injectable()
export class QuerySockets extends QueryChannel {
  constructor(private readonly connections: AgentConnections) {
    super();
  }

  isConnected(hostId: number): boolean {
    return this.connections.isConnected(hostId);
  }

  ask(
    hostIds: readonly number[],
    queries: readonly QueryOrder[],
    answered: () => number = () => Infinity,
  ): void {
    const message: Query = { queries: [...queries] };
    void this.send(hostIds, ServerEvent.query, message, answered);
  }

  end(hostIds: readonly number[], campaignIds: readonly number[]): void {
    const message: QueryEnd = { campaign_ids: [...campaignIds] };
    void this.send(hostIds, ServerEvent.queryEnd, message, () => Infinity);
  }

  /** The same packet for all of them: it is encoded once for many. */
  private async send(
    hostIds: readonly number[],
    event: string,
    message: Query | QueryEnd,
    answered: () => number,
  ): Promise<void> {
    let count = FIRST;
    for (let from = 0; from < hostIds.length; from += count, count = Math.min(MOST, count * 2)) {
      this.connections.broadcast(hostIds.slice(from, from + count), event, message);
      await setImmediate();
      const until = performance.now() + PATIENCE_MS;
      while (from + count - answered() > ON_THEIR_WAY && performance.now() < until) await setTimeout(LOOK_MS);
    }
  }
}
