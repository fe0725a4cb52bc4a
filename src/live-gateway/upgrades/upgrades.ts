import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import { type Duplex } from 'node:stream';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { DomainError, FleetErrors } from '#libs/platform/errors/index';
import { SOCKET_IO_PATH } from '../../socket-io.adapter.js';
import { SockJsEndpoint } from '../sockjs/sockjs-endpoint.js';
import { WebSocketEndpoint } from '../websocket/websocket-endpoint.js';
import { sameOrigin } from './peer.js';

const RESULTS = /^\/api\/(?:v1|latest|2022-04)\/fleet\/results(\/[^?]*)/;
const RAW = /^\/websockets?\/?$/;
const SOCKJS = /^\/[^/.]+\/[^/.]+\/websocket\/?$/;

/** Decides whose every upgrade request is. Socket.IO listens for its own; those that are nobody's are refused here. */
@Injectable()
export class Upgrades implements OnApplicationBootstrap {
  private readonly errors = new FleetErrors();

  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly websockets: WebSocketEndpoint,
    private readonly sockjs: SockJsEndpoint,
  ) {}

  onApplicationBootstrap(): void {
    const server = this.adapterHost.httpAdapter.getHttpServer() as Server;
    server.on('upgrade', (request, socket, head) => {
      const { url = '/' } = request;
      if (!url.startsWith(SOCKET_IO_PATH)) this.upgrade(url, request, socket, head);
    });
  }

  private upgrade(url: string, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refuse = (error: DomainError): void => this.refuse(socket, error);
    if (request.headers.upgrade?.toLowerCase() !== 'websocket')
      return refuse(
        new DomainError('malformed', { name: 'Upgrade', reason: 'only websocket; leave the header out' }),
      );
    const path = RESULTS.exec(url)?.[1];
    const endpoint =
      path === undefined ? null : RAW.test(path) ? this.websockets : SOCKJS.test(path) ? this.sockjs : null;
    if (!endpoint)
      return refuse(new DomainError('not_found', `there is no WebSocket at ${url.split('?')[0]}`));
    if (!sameOrigin(request))
      return refuse(
        new DomainError('forbidden', {
          name: 'Origin',
          reason: 'a page of another server may not open a WebSocket here',
        }),
      );
    endpoint.upgrade(request, socket, head);
  }

  private refuse(socket: Duplex, error: DomainError): void {
    const { status, body } = this.errors.answer(error);
    const text = JSON.stringify(body);
    // The client may have gone; there is nobody to tell then.
    socket.on('error', () => socket.destroy());
    socket.once('finish', () => socket.destroy());
    socket.end(
      [
        `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
        'Connection: close',
        'Content-Type: application/json; charset=utf-8',
        `Content-Length: ${Buffer.byteLength(text)}`,
        '',
        text,
      ].join('\r\n'),
    );
  }
}
