import { type IncomingMessage } from 'node:http';
import { type Duplex } from 'node:stream';
import { type BeforeApplicationShutdown, Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { WebSocketServer } from 'ws';
import { FleetConversations } from '../fleet/fleet-conversations.js';
import { LIVE_LIMITS, type LiveLimits, MAX_MESSAGE_BYTES } from '../limits.js';
import { addressOfPeer } from '../upgrades/peer.js';
import { WebSocketConnection } from './websocket-connection.js';

/** Fleet's messages on a standard WebSocket. */
@Injectable()
export class WebSocketEndpoint implements OnModuleInit, BeforeApplicationShutdown {
  private readonly server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
  });
  private readonly connections = new Set<WebSocketConnection>();
  private heartbeat: NodeJS.Timeout | undefined;

  constructor(
    private readonly conversations: FleetConversations,
    @Inject(LIVE_LIMITS) private readonly limits: LiveLimits,
  ) {}

  onModuleInit(): void {
    this.heartbeat = setInterval(() => {
      for (const connection of this.connections) connection.beat();
    }, this.limits.heartbeatMs);
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.heartbeat);
  }

  /** Takes the socket over; a request that is no proper handshake is answered with 400. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.server.handleUpgrade(request, socket, head, (websocket) => {
      const connection = new WebSocketConnection(websocket, socket, addressOfPeer(request.socket));
      this.connections.add(connection);
      websocket.once('close', () => this.connections.delete(connection));
      this.conversations.begin(connection);
    });
  }
}
