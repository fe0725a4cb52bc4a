import { once } from 'node:events';
import { io, type Socket } from 'socket.io-client';
import SockJS from 'sockjs-client';
import { WebSocket, type ClientOptions } from 'ws';

export interface Message {
  readonly type: string;
  readonly data: unknown;
  readonly seq: number;
}

/** One live client, on whatever transport: what it was told, in order. */
export class LiveClientFixture {
  readonly messages: Message[] = [];
  /** Resolves with the code when the connection has ended. */
  readonly closed: Promise<number>;
  private readonly listeners = new Set<() => void>();
  private code: number | null = null;
  private ended: (code: number) => void = () => undefined;

  /** @param hangUp cuts the connection */
  constructor(readonly hangUp: () => void) {
    this.closed = new Promise((resolve) => (this.ended = resolve));
  }

  told(message: Message): void {
    this.messages.push(message);
    this.notify();
  }

  gone(code: number): void {
    this.code = code;
    this.ended(code);
    this.notify();
  }

  /** The first message that fits. @throws Error when the connection ends without it */
  async first(fits: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const found = this.messages.find(fits);
      if (found) return found;
      if (this.code !== null)
        throw new Error(`closed with ${this.code} after ${JSON.stringify(this.messages.slice(-3))}`);
      await new Promise<void>((resolve) => {
        const listener = (): void => {
          this.listeners.delete(listener);
          resolve();
        };
        this.listeners.add(listener);
      });
    }
  }

  result(seq: number): Promise<Message> {
    return this.first((message) => message.type === 'result' && message.seq === seq);
  }

  /** Numbers of the results so far. */
  get results(): number[] {
    return this.messages.filter(({ type }) => type === 'result').map(({ seq }) => seq);
  }

  private notify(): void {
    for (const listener of [...this.listeners]) listener();
  }
}

export interface Wish {
  readonly token?: string;
  readonly campaign: number;
  readonly after?: number;
}

export type Connect = (url: string, wish: Wish) => Promise<LiveClientFixture>;

/** What a client of Fleet's says. */
export function words({ token = 'good', campaign, after }: Wish): string[] {
  return [
    { type: 'auth', data: { token } },
    { type: 'select_campaign', data: { campaign_id: campaign, ...(after !== undefined && { after }) } },
  ].map((message) => JSON.stringify(message));
}

/** Opens a WebSocket; resolves when it is open. */
export async function rawSocket(
  url: string,
  path = '/api/v1/fleet/results/websocket',
  options: ClientOptions = {},
): Promise<{ readonly socket: WebSocket; readonly client: LiveClientFixture }> {
  const socket = new WebSocket(url.replace(/^http/, 'ws') + path, options);
  const client = new LiveClientFixture(() => socket.terminate());
  socket.on('message', (data: Buffer) => {
    // Other frames are SockJS', for a test that looks at those itself.
    if (data.toString().startsWith('{')) client.told(JSON.parse(data.toString()) as Message);
  });
  socket.on('close', (code) => client.gone(code));
  await once(socket, 'open');
  return { socket, client };
}

export const overWebSocket: Connect = async (url, wish) => {
  const { socket, client } = await rawSocket(url);
  for (const text of words(wish)) socket.send(text);
  return client;
};

/** @param transport of sockjs-client */
export function overSockJs(transport: string): Connect {
  return async (url, wish) => {
    const socket = new SockJS(`${url}/api/latest/fleet/results`, undefined, { transports: transport });
    const client = new LiveClientFixture(() => socket.close());
    socket.onmessage = ({ data }) => client.told(JSON.parse(data as string) as Message);
    socket.onclose = ({ code }) => client.gone(code);
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      void client.closed.then((code) => reject(new Error(`never opened: ${code}`)));
    });
    for (const text of words(wish)) socket.send(text);
    return client;
  };
}

/** A Socket.IO client; resolves when it is connected. @throws Error of `connect_error` */
export async function liveSocket(
  url: string,
  auth: object = { token: 'good' },
  transports = ['websocket'],
): Promise<{ readonly socket: Socket; readonly client: LiveClientFixture }> {
  const socket = io(`${url}/live`, { auth, transports, reconnection: false, forceNew: true });
  const client = new LiveClientFixture(() => socket.io.engine.close());
  for (const type of ['totals', 'status', 'result', 'aggregate', 'output', 'error'])
    socket.on(type, (body: { seq: number; data: unknown }) => client.told({ type, ...body }));
  socket.on('disconnect', () => client.gone(0));
  await new Promise<void>((resolve, reject) => {
    socket.on('connect', resolve);
    socket.on('connect_error', (error) => {
      socket.close();
      reject(error);
    });
  });
  return { socket, client };
}

/** @param transport of Engine.IO */
export function overSocketIo(transport: string): Connect {
  return async (url, { token = 'good', campaign, after }) => {
    const { socket, client } = await liveSocket(url, { token }, [transport]);
    const answer = (await socket.emitWithAck('select_campaign', { campaign_id: campaign, after })) as unknown;
    if (!(answer as { ok: boolean }).ok) throw new Error(JSON.stringify(answer));
    return client;
  };
}

/** Every way to follow a campaign. */
export const EVERY_TRANSPORT: readonly [string, Connect][] = [
  ['WebSocket', overWebSocket],
  ['SockJS websocket', overSockJs('websocket')],
  ['SockJS xhr-streaming', overSockJs('xhr-streaming')],
  ['SockJS xhr-polling', overSockJs('xhr-polling')],
  ['SockJS eventsource', overSockJs('eventsource')],
  ['Socket.IO websocket', overSocketIo('websocket')],
  ['Socket.IO polling', overSocketIo('polling')],
];
