import { type IncomingMessage } from 'node:http';
import { type Duplex } from 'node:stream';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { type Request, type Response } from 'express';
import sockjs from 'sockjs';
import { DomainError, FleetErrors } from '#libs/platform/errors/index';
import { FleetConversations } from '../fleet/fleet-conversations.js';
import { LIVE_LIMITS, type LiveLimits, MAX_MESSAGE_BYTES } from '../limits.js';
import { SockJsConnection } from './sockjs-connection.js';

/** Where SockJS answers; everything below is its own. */
export const SOCKJS_PREFIX = '/api/v1/fleet/results';

/** Fleet's messages over SockJS: its WebSocket, and requests for clients that get none through. */
@Injectable()
export class SockJsEndpoint {
  private readonly logger = new Logger('SockJS');
  private readonly errors = new FleetErrors();
  private readonly handle: sockjs.Handler;

  constructor(
    conversations: FleetConversations,
    @Inject(LIVE_LIMITS) private readonly limits: LiveLimits,
  ) {
    const server = sockjs.createServer({
      prefix: SOCKJS_PREFIX,
      heartbeat_delay: limits.heartbeatMs,
      disconnect_delay: limits.pollMs,
      log: (severity, line) => {
        if (severity === 'error') this.logger.warn(line);
      },
      faye_server_options: { maxLength: MAX_MESSAGE_BYTES },
    });
    server.on('connection', (connection) => conversations.begin(new SockJsConnection(connection)));
    this.handle = server.listener().getHandler();
  }

  /** Answers a request below the prefix. */
  answer(request: Request, response: Response): void {
    // Of an answer that nobody reads, and for which nothing more comes, the connection ends.
    response.setTimeout(this.limits.stallMs, () => response.destroy());
    // SockJS finds sessions by their names in an object, which has names of its own.
    const session = request.path.split('/').at(-2) ?? '';
    if (session in Object.prototype)
      return this.refuse(request, response, new DomainError('not_found', `there is no session ${session}`));
    if (this.bound(request, response)) this.handle(request, response);
  }

  /** Takes the socket over; the path is `/{server}/{session}/websocket` below the prefix in one of its versions. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    request.url = request.url?.replace(/^.*?\/results(?=\/)/, SOCKJS_PREFIX);
    this.handle(request, socket, head);
  }

  /** SockJS reads bodies to their end, however long. False when this one has been refused. */
  private bound(request: Request, response: Response): boolean {
    const tooLarge = new DomainError('too_large', `a message may have at most ${MAX_MESSAGE_BYTES} bytes`);
    if (Number(request.headers['content-length'] ?? 0) > MAX_MESSAGE_BYTES) {
      this.refuse(request, response, tooLarge);
      return false;
    }
    let bytes = 0;
    if (request.headers['transfer-encoding'] !== undefined)
      request.on('data', (part: Buffer) => {
        bytes += part.length;
        if (bytes > MAX_MESSAGE_BYTES && !response.headersSent) this.refuse(request, response, tooLarge);
      });
    return true;
  }

  /** Answers, and ends the connection: what else the request brings is not read. */
  private refuse(request: Request, response: Response, error: DomainError): void {
    const { status, body } = this.errors.answer(error);
    response.once('finish', () => request.destroy());
    response.status(status).set('Connection', 'close').json(body);
  }
}
