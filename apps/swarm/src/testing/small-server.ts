import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { createServer, type Server as HttpServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { Server, type Socket } from 'socket.io';
import {
  AGENTS_NAMESPACE,
  AgentEvent,
  Answer,
  decodePublicKey,
  EnrollRequest,
  type Envelope,
  type EnvelopeSigner,
  Findings,
  Handshake,
  Hello,
  HELLO_ANSWER,
  liftParts,
  Reports,
  RunAck,
  seal,
  sealable,
  type ServerKey,
  serverKeyOf,
} from '#libs/protocol/index';

type Ack = (answer: unknown) => void;

/** A server's key. */
export function newKey(): EnvelopeSigner & { told: ServerKey } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const decoded = decodePublicKey(publicKey.export({ type: 'spki', format: 'pem' }).toString());
  if (decoded === null) throw new Error('unreachable');
  return { keyId: decoded.id, told: serverKeyOf(decoded), sign: (bytes) => sign(null, bytes, privateKey) };
}

/** What a message of an agent was, and what it is answered. */
export interface Heard<T> {
  readonly hostname: string;
  readonly message: T;
  readonly answer: Ack;
}

/** The server's side of the protocol, with Socket.IO itself, in the hands of a test: it answers what nobody else does. */
export class SmallServer {
  readonly enrolments: EnrollRequest[] = [];
  readonly hellos: Hello[] = [];
  readonly sockets = new Map<string, Socket>();
  readonly nodeKeys = new Set<string>();
  /** Of each host that has said hello, by its name. */
  readonly uuids = new Map<string, string>();
  key = newKey();
  /** Status of the next enrolments. */
  enrolStatus = 200;
  onHello = ({ message, answer }: Heard<Hello>): void => answer(this.welcome(message));
  onAnswer = ({ answer }: Heard<Answer>): void => answer({ ok: true, status: 'ok' });
  onFindings = ({ answer }: Heard<Findings>): void => answer({ ok: true });
  onReport = ({ message, answer }: Heard<Reports>): void =>
    answer({ ok: true, answers: message.reports.map(({ attempt_id }) => ({ attempt_id, status: 'ok' })) });
  onTaken: (heard: Omit<Heard<RunAck>, 'answer'>) => void = () => undefined;
  private onNextHello: () => void = () => undefined;
  private http!: HttpServer;
  private io!: Server;

  /** @returns its address; again after `close` on the same port */
  async listen(port = 0): Promise<string> {
    this.http = createServer((request, response) => {
      let body = '';
      request.on('data', (part: Buffer) => (body += part.toString()));
      request.on('end', () => {
        this.enrolments.push(EnrollRequest.parse(JSON.parse(body)));
        const node_key = randomUUID();
        if (this.enrolStatus === 200) this.nodeKeys.add(node_key);
        response.writeHead(this.enrolStatus, { 'content-type': 'application/json' });
        const { length } = this.enrolments;
        response.end(
          JSON.stringify({
            node_key,
            host_id: length,
            host_uuid: randomUUID(),
            server_keys: [this.key.told],
          }),
        );
      });
    });
    this.io = new Server(this.http, { destroyUpgrade: false, serveClient: false });
    const agents = this.io.of(AGENTS_NAMESPACE);
    agents.use((socket, next) => {
      const known = this.nodeKeys.has(Handshake.parse(socket.handshake.auth).node_key);
      next(known ? undefined : new Error('unknown_node_key'));
    });
    agents.on('connection', (socket) => this.attend(socket));
    await new Promise<void>((resolve) => this.http.listen(port, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  welcome({ hostname, challenge }: Hello, stale: string[] = []): Envelope {
    const host_uuid = this.uuidOf(hostname);
    const keys = { challenge, server_keys: [this.key.told] };
    const message = { ok: true, host_id: 1, host_uuid, server_time: Date.now(), stale, ...keys };
    return seal(sealable(HELLO_ANSWER, { message, parts: {} }), [host_uuid], this.key);
  }

  /** One packet to all. */
  broadcast(event: string, message: unknown): void {
    const hosts = [...this.uuids.values()];
    this.io
      .of(AGENTS_NAMESPACE)
      .emit(event, seal(sealable(event, liftParts(event, message)), hosts, this.key));
  }

  /** A message to one host, as it should be. */
  sealed(hostname: string, event: string, message: unknown): Envelope {
    return seal(sealable(event, liftParts(event, message)), [this.uuidOf(hostname)], this.key);
  }

  /** An order to one host; its acknowledgement. */
  ask(hostname: string, event: string, message: unknown): Promise<unknown> {
    return this.askBare(hostname, event, this.sealed(hostname, event, message));
  }

  /** An order to one host that wants no acknowledgement. */
  tell(hostname: string, event: string, message: unknown): void {
    this.sockets.get(hostname)?.emit(event, this.sealed(hostname, event, message));
  }

  /** Resolves when there were so many hellos. */
  async helloed(count: number): Promise<void> {
    while (this.hellos.length < count) await new Promise<void>((resolve) => (this.onNextHello = resolve));
  }

  /** The same as it is. */
  askBare(hostname: string, event: string, message: unknown): Promise<unknown> {
    const socket = this.sockets.get(hostname);
    if (socket === undefined) throw new Error(`${hostname} is not connected`);
    return socket.emitWithAck(event, message) as Promise<unknown>;
  }

  uuidOf(hostname: string): string {
    const uuid: string = this.uuids.get(hostname) ?? randomUUID();
    this.uuids.set(hostname, uuid);
    return uuid;
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.sockets.values()) socket.conn.close();
    this.sockets.clear();
  }

  async close(): Promise<void> {
    await this.io.close();
  }

  private attend(socket: Socket): void {
    let hostname = '';
    socket.on(AgentEvent.hello, (body: unknown, answer: Ack) => {
      const message = Hello.parse(body);
      ({ hostname } = message);
      this.hellos.push(message);
      this.sockets.set(hostname, socket);
      this.onHello({ hostname, message, answer });
      this.onNextHello();
    });
    socket.on(AgentEvent.answer, (body: unknown, answer: Ack) =>
      this.onAnswer({ hostname, message: Answer.parse(body), answer }),
    );
    socket.on(AgentEvent.findings, (body: unknown, answer: Ack) =>
      this.onFindings({ hostname, message: Findings.parse(body), answer }),
    );
    socket.on(AgentEvent.taken, (body: unknown) => this.onTaken({ hostname, message: RunAck.parse(body) }));
    socket.on(AgentEvent.report, (body: unknown, answer: Ack) =>
      this.onReport({ hostname, message: Reports.parse(body), answer }),
    );
  }
}
