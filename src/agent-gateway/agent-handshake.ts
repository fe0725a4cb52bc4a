import { Injectable, Logger } from '@nestjs/common';
import { Handshake, HandshakeRefusal, Limits, PROTOCOL_VERSION } from '#libs/protocol/index';
import { PresenceService } from '#libs/agents/index';
import { RequestLimiter } from '#libs/platform/auth/index';
import { raiseBounds } from '../socket-io-bounds.js';
import { type AgentSocket } from './agent-connections.js';
import { AgentTraffic } from './agent-traffic.js';

/** Who comes in at the agents' door. */
@Injectable()
export class AgentHandshake {
  private readonly logger = new Logger(AgentHandshake.name);

  constructor(
    private readonly presence: PresenceService,
    private readonly traffic: AgentTraffic,
    private readonly limiter: RequestLimiter,
  ) {}

  /**
   * Notes whose connection this is; from then on it may send what an agent sends.
   * @throws Error whose message is a `HandshakeRefusal`
   */
  async authenticate(socket: AgentSocket): Promise<void> {
    // Only a WebSocket can be held up.
    if (socket.conn.transport.name !== 'websocket') throw new Error(HandshakeRefusal.badHandshake);
    const handshake = Handshake.safeParse(socket.handshake.auth);
    if (!handshake.success) throw new Error(HandshakeRefusal.badHandshake);
    if (handshake.data.protocol !== PROTOCOL_VERSION) throw new Error(HandshakeRefusal.protocolMismatch);
    const known = await this.presence.authenticate(handshake.data.node_key).catch(() => {
      throw new Error(HandshakeRefusal.unavailable);
    });
    if (!known) return this.refuse(socket.handshake.address);
    if (!this.traffic.isHeard(known.hostId)) throw new Error(HandshakeRefusal.unavailable);
    raiseBounds(socket, Limits.messageBytes);
    socket.data = {
      ...known,
      agentVersion: handshake.data.agent_version,
      hostname: '',
      envelopes: false,
      sharedOrders: false,
      saysTaken: false,
    };
  }

  /** Each is told and logged, but not without end. */
  private async refuse(address: string): Promise<never> {
    await this.limiter.refused(address).catch(() => {
      throw new Error(HandshakeRefusal.unavailable);
    });
    this.logger.warn('an agent was refused: its node key is not known', { address });
    throw new Error(HandshakeRefusal.unknownNodeKey);
  }
}
