import { Injectable } from '@nestjs/common';
import { HostRemoval } from '#libs/agents/index';
import { type Transaction } from '#libs/platform/database/index';
import { ReasonCode } from '#libs/protocol/index';
import { AgentConnections } from './agent-connections.js';

const SQL = {
  // Nothing has left the server: nobody will ever ask for it again.
  unsent: {
    name: 'removal_unsent',
    text: `UPDATE targets SET state = 'cancelled', reason = $2, stop_by = $3, message = 'its host was removed by ' || $3, finished_at = now()
           WHERE host_id = $1 AND state IN ('waiting_approval', 'ready', 'queued')`,
  },
  // Nobody is left who could tell.
  inFlight: {
    name: 'removal_in_flight',
    text: `UPDATE targets SET state = 'lost', reason = $2, stop_by = $3, finished_at = now(),
             message = 'its host was removed by ' || $3 || ' while it was in flight: the outcome is unknown'
           WHERE host_id = $1 AND state IN ('dispatched', 'running', 'terminating')`,
  },
};

/** A host's connection and what it had yet to do end with it. */
@Injectable()
export class LedgerHostRemoval extends HostRemoval {
  constructor(private readonly connections: AgentConnections) {
    super();
  }

  async removed(tx: Transaction, hostId: number, by: string): Promise<void> {
    await tx.query(SQL.unsent, [hostId, ReasonCode.hostRemoved, by]);
    await tx.query(SQL.inFlight, [hostId, ReasonCode.hostRemoved, by]);
    tx.afterCommit(() => this.connections.drop(hostId));
  }
}
