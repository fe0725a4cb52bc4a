import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, type Socket } from 'node:net';
import { type Duplex } from 'node:stream';

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** Of JSON; empty for everything else. */
  readonly body: Record<string, unknown>;
  readonly text: string;
}

type Handler = (request: Request, response: ServerResponse) => unknown;

/** Answers what a spec tells it to, over real sockets; remembers what it was asked. */
export class ScriptedServer {
  readonly requests: Request[] = [];
  private readonly routes: { method: string; path: RegExp; handler: Handler }[] = [];
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {}

  static async start(): Promise<ScriptedServer> {
    const server = createServer();
    const scripted = new ScriptedServer(server);
    server.on('request', (request, response) => void scripted.answer(request, response));
    server.on('connection', (socket) => {
      scripted.sockets.add(socket);
      socket.once('close', () => scripted.sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return scripted;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The newest rule for a path wins. A handler's return value is the JSON body, unless it answers by itself. */
  on(method: string, path: string, handler: Handler): this {
    const pattern = new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`);
    this.routes.unshift({ method, path: pattern, handler });
    return this;
  }

  /** Who takes over the sockets of requests to upgrade; the newest wins. */
  onUpgrade(take: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): this {
    this.server.removeAllListeners('upgrade').on('upgrade', take);
    return this;
  }

  asked(method: string, path: string): Request[] {
    return this.requests.filter((each) => each.method === method && each.path === path);
  }

  stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private async answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of message) parts.push(part as Buffer);
    const text = Buffer.concat(parts).toString();
    const url = new URL(message.url ?? '/', this.url);
    const request: Request = {
      method: message.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: message.headers,
      body: /json/.test(message.headers['content-type'] ?? '')
        ? (JSON.parse(text) as Record<string, unknown>)
        : {},
      text,
    };
    this.requests.push(request);
    const route = this.routes.find((each) => each.method === request.method && each.path.test(request.path));
    if (!route)
      return refuse(
        response,
        404,
        'Resource Not Found',
        'base',
        `no route ${request.method} ${request.path}`,
      );
    const answer = await route.handler(request, response);
    if (response.writableEnded || response.headersSent) return;
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer ?? {}));
  }
}

/** Fleet's error envelope. */
export function refuse(
  response: ServerResponse,
  status: number,
  message: string,
  name: string,
  reason: string,
): void {
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(JSON.stringify({ message, errors: [{ name, reason }] }));
}

export interface SentChunk {
  seq: number;
  target_id?: number;
  stream?: 'stdout' | 'stderr';
  data: string | Buffer;
}

/** One chunk as the server tells it. */
export function chunkJson({
  seq,
  target_id = 1,
  stream = 'stdout',
  data,
}: SentChunk): Record<string, unknown> {
  return {
    seq,
    target_id,
    stream,
    at: '2025-01-01T00:00:00.000Z',
    ...(typeof data === 'string'
      ? { encoding: 'utf8', data }
      : { encoding: 'base64', data: data.toString('base64') }),
  };
}

export function openEvents(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
}

export function sendChunk(response: ServerResponse, chunk: SentChunk): void {
  response.write(`id: ${chunk.seq}\nevent: chunk\ndata: ${JSON.stringify(chunkJson(chunk))}\n\n`);
}

export function sendDone(response: ServerResponse): void {
  response.end('event: done\ndata: {}\n\n');
}

export interface SentSessionEvent {
  id: number;
  type?: 'i' | 'o' | 'e';
  /** Seconds. */
  time?: number;
  stream?: 'stdout' | 'stderr';
  data: string;
}

/** One event of a session as the server tells it. */
export function sendSessionEvent(
  response: ServerResponse,
  { id, type = 'o', time = 0, stream, data }: SentSessionEvent,
): void {
  const payload = Buffer.from(data).toString('base64');
  response.write(`id: ${id}\nevent: event\ndata: ${JSON.stringify({ time, type, payload, stream })}\n\n`);
}

export function sendSessionEnd(response: ServerResponse, id: number): void {
  response.end(
    `id: ${id}\nevent: session_end\ndata: {"session_id":"x","state":"finished","exit_code":0}\n\n`,
  );
}
