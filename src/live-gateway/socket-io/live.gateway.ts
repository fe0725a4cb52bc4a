import { type BeforeApplicationShutdown, Logger } from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  type OnGatewayDisconnect,
  type OnGatewayInit,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { type ExtendedError, type Namespace, type Socket } from 'socket.io';
import { z } from 'zod';
import { ExecutionsService } from '#libs/executions/index';
import { CampaignStreams } from '#libs/queries/index';
import { DomainError } from '#libs/platform/errors/index';
import { hangUp } from '../../socket-io-bounds.js';
import { isRefusal, LiveSubscriptions, UNAUTHORIZED } from '../live-subscriptions.js';
import { addressOfPeer } from '../upgrades/peer.js';
import { LiveClient } from './live-client.js';
import { campaignEvents, type LiveEvent } from './live-event.js';
import { outputEvents } from './output-events.js';
import { type Ack, asDomainError, parse, SelectCampaign, WatchExecution } from './requests.js';

const Handshake = z.object({ token: z.string().default('') });

type LiveSocket = Socket<
  Record<string, never>,
  Record<string, never>,
  Record<string, never>,
  { client: LiveClient }
>;

/** Live clients: a campaign, and the output of executions; both resume at a cursor. */
@WebSocketGateway({ namespace: '/live' })
export class LiveGateway
  implements OnGatewayInit<Namespace>, OnGatewayDisconnect<LiveSocket>, BeforeApplicationShutdown
{
  private readonly logger = new Logger(LiveGateway.name);
  private readonly following = new Set<Promise<void>>();

  @WebSocketServer()
  private readonly namespace!: Namespace;

  constructor(
    private readonly campaigns: CampaignStreams,
    private readonly executions: ExecutionsService,
    private readonly subscriptions: LiveSubscriptions,
  ) {}

  afterInit(namespace: Namespace): void {
    namespace.use((socket, next) => {
      this.authenticate(socket as LiveSocket).then(
        () => next(),
        (error: unknown) => {
          next(this.refusal(error));
          hangUp(socket);
        },
      );
    });
  }

  handleDisconnect(socket: LiveSocket): void {
    socket.data.client.end();
  }

  /** Nobody reads from the database any more when this resolves. */
  async beforeApplicationShutdown(): Promise<void> {
    this.namespace.disconnectSockets(true);
    await Promise.all(this.following);
  }

  /** Follows one campaign; whatever campaign the client followed before it follows no longer. */
  @SubscribeMessage('select_campaign')
  selectCampaign(
    @ConnectedSocket() { data: { client } }: LiveSocket,
    @MessageBody() body: unknown,
  ): Promise<Ack<{ campaign_id: number }>> {
    return this.answer(async () => {
      const { campaign_id: id, after } = parse(SelectCampaign, body);
      await this.follow(client, 'campaign', after, async (signal) =>
        campaignEvents(await this.campaigns.open(client.caller, id, after, signal)),
      );
      return { campaign_id: id };
    });
  }

  /** Follows the output of an execution; asked for again, from another cursor. */
  @SubscribeMessage('watch_execution')
  watchExecution(
    @ConnectedSocket() { data: { client } }: LiveSocket,
    @MessageBody() body: unknown,
  ): Promise<Ack<{ execution_id: string }>> {
    return this.answer(async () => {
      const { execution_id: asked, after } = parse(WatchExecution, body);
      const name = asked.toLowerCase();
      const { id, targets } = await this.executions.get(client.caller, name);
      await this.follow(client, `execution ${name}`, after, async (signal) => {
        const pages = await this.executions.follow(client.caller, name, { after: String(after) }, signal);
        return outputEvents(id, targets, pages);
      });
      return { execution_id: id };
    });
  }

  /**
   * Opens a stream and begins to send it after the answer to the request has left.
   * @throws what opening throws; DomainError conflict when the client has asked for something else meanwhile
   */
  private async follow(
    client: LiveClient,
    name: string,
    after: number,
    open: (signal: AbortSignal) => Promise<AsyncIterable<LiveEvent[]>>,
  ): Promise<void> {
    const { signal, done } = client.subscribe(name);
    try {
      const events = await open(signal);
      if (signal.aborted) throw new DomainError('conflict', 'a later request has replaced this one');
      setImmediate(() => {
        const sending = this.send(client, events, after, signal).finally(() => {
          done();
          this.following.delete(sending);
        });
        this.following.add(sending);
      });
    } catch (error) {
      done();
      throw error;
    }
  }

  private async send(
    client: LiveClient,
    events: AsyncIterable<LiveEvent[]>,
    after: number,
    signal: AbortSignal,
  ): Promise<void> {
    let seq = after;
    const send = ({ type, body }: LiveEvent): Promise<void> | undefined => {
      seq = body.seq;
      return client.outlet.emit(type, body);
    };
    try {
      await this.subscriptions.follow(events, send, signal, () => client.socket.conn.close(true));
    } catch (error) {
      if (!signal.aborted) void client.outlet.emit('error', { seq, data: this.explain(error).message });
    }
  }

  private async authenticate(socket: LiveSocket): Promise<void> {
    const { auth, address } = socket.handshake;
    const { token } = parse(Handshake, auth);
    const from = addressOfPeer({ remoteAddress: address });
    const client = new LiveClient(socket, await this.subscriptions.authenticate(token, from));
    socket.data.client = client;
    // Also for a client that goes before it was let in.
    const gone = (): void => client.end();
    socket.conn.once('close', gone);
    client.ended.addEventListener('abort', () => socket.conn.off('close', gone), { once: true });
    this.subscriptions.whenRevoked(token, from, client.ended, () => {
      void client.outlet.emit('error', { seq: 0, data: UNAUTHORIZED });
      socket.disconnect(true);
    });
  }

  /** `connect_error` of the client: the message, and why as data. */
  private refusal(error: unknown): ExtendedError {
    const { code, message } = isRefusal(error)
      ? { code: error.code, message: UNAUTHORIZED }
      : this.explain(error);
    return Object.assign(new Error(message), { data: { code, message } });
  }

  private async answer<T extends object>(work: () => Promise<T>): Promise<Ack<T>> {
    try {
      return { ok: true, ...(await work()) };
    } catch (error) {
      const { code, message } = this.explain(error);
      return { ok: false, error: { code, message } };
    }
  }

  private explain(error: unknown): { readonly code: string; readonly message: string } {
    const known = asDomainError(error);
    if (known) return known;
    this.logger.error(error);
    return { code: 'internal', message: 'internal error; the server log says more' };
  }
}
