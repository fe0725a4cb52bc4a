import { Injectable, Logger } from '@nestjs/common';
import { type AgentSocket } from './agent-connections.js';
import { type Source } from './output-intake.js';

/** Messages of one connection that are being handled; what comes beyond waits in the agent's own buffers. */
const MESSAGES = 32;
/** Bytes of them; a larger one is handled alone. As objects they take several times as much: with 4 MiB three agents made the server grow by 300 MB. */
const BYTES = 1024 * 1024;
/** Open connections of one host: the newest counts, a few may not have noticed yet that they are over. */
const CONNECTIONS = 4;
/** Messages that make no sense, of one host, before it is not listened to any more for a while. */
const STRIKES = 20;
/** One is forgiven in this time. */
const FORGIVEN_MS = 3_000;
/** Messages in vain (nobody waits for what they say), of one host, that are more than a mishap; and one is forgiven in this time. */
const IN_VAIN = 100;
const FORGOTTEN_MS = 200;
/** A host that was not listened to is heard again after this long. */
const SILENCE_MS = 30_000;

/** How a host has behaved lately. */
interface Conduct {
  /** Senseless messages, as far as they are not forgiven. */
  strikes: number;
  /** The same of those in vain. */
  vain: number;
  /** When they were counted last. */
  at: number;
  /** Not listened to until then. */
  silentUntil: number;
}

/** The part of a connection's WebSocket that can hold it up. */
interface Pausable extends Source {
  terminate(): void;
}

/**
 * What one agent may take of the server, however it behaves. Whoever sends faster than its messages are handled is read from no further; whoever
 * sends what makes no sense is not listened to for a while; and nobody holds many connections.
 */
@Injectable()
export class AgentTraffic {
  private readonly logger = new Logger(AgentTraffic.name);
  private readonly open = new Map<number, Set<AgentSocket>>();
  private readonly conduct = new Map<number, Conduct>();

  /** Whether this host is heard at the moment: asked in its handshake. */
  isHeard(hostId: number): boolean {
    return (this.conduct.get(hostId)?.silentUntil ?? 0) <= Date.now();
  }

  /** A connection begins; the oldest one makes room when there are too many of its host. */
  opened(socket: AgentSocket): Flow {
    const { hostId } = socket.data;
    const sockets = this.open.get(hostId) ?? new Set();
    this.open.set(hostId, sockets);
    sockets.add(socket);
    const [oldest] = sockets;
    if (sockets.size > CONNECTIONS && oldest) {
      sockets.delete(oldest);
      cut(oldest);
    }
    return new Flow(socket);
  }

  closed(socket: AgentSocket): void {
    const sockets = this.open.get(socket.data.hostId);
    sockets?.delete(socket);
    if (sockets?.size === 0) this.open.delete(socket.data.hostId);
  }

  /** A message made no sense. With too many of them all connections of the host are ended. */
  refused(socket: AgentSocket, why: string): void {
    const conduct = this.conductOf(socket);
    conduct.strikes += 1;
    if (conduct.strikes > STRIKES) this.silence(socket, conduct, why);
    else this.logger.warn('a message of an agent was refused', aboutRefusal(socket, why));
  }

  /**
   * A message said what nobody waits for. An agent does so now and then; one that does nothing else keeps the others waiting.
   * @param weight of what an agent may well say more often
   */
  inVain(socket: AgentSocket, weight = 1): void {
    const conduct = this.conductOf(socket);
    conduct.vain += weight;
    if (conduct.vain > IN_VAIN) this.silence(socket, conduct, 'nobody waits for what it says');
  }

  private silence(socket: AgentSocket, conduct: Conduct, why: string): void {
    const { hostId } = socket.data;
    this.conduct.set(hostId, { ...conduct, strikes: 0, vain: 0, silentUntil: Date.now() + SILENCE_MS });
    this.logger.warn('an agent is not listened to for a while', {
      ...aboutRefusal(socket, why),
      seconds: SILENCE_MS / 1000,
    });
    for (const each of this.open.get(hostId) ?? []) cut(each);
  }

  /** As of now: with time everything is forgiven. */
  private conductOf({ data: { hostId } }: AgentSocket): Conduct {
    const now = Date.now();
    this.forget(now);
    const { strikes, vain, at, silentUntil } = this.conduct.get(hostId) ?? {
      strikes: 0,
      vain: 0,
      at: now,
      silentUntil: 0,
    };
    const conduct = {
      strikes: Math.max(0, strikes - (now - at) / FORGIVEN_MS),
      vain: Math.max(0, vain - (now - at) / FORGOTTEN_MS),
      at: now,
      silentUntil,
    };
    this.conduct.set(hostId, conduct);
    return conduct;
  }

  /** Nothing is kept of hosts that have behaved for long enough. */
  private forget(now: number): void {
    if (this.conduct.size < 1000) return;
    for (const [hostId, { at, silentUntil }] of this.conduct)
      if (now - at > STRIKES * FORGIVEN_MS && silentUntil <= now) this.conduct.delete(hostId);
  }
}

function aboutRefusal({ data: { hostId } }: AgentSocket, why: string): { host_id: number; reason: string } {
  return { host_id: hostId, reason: why.slice(0, 300) };
}

/** What of one connection is being handled. It is read from while nobody holds it up. */
export class Flow implements Source {
  private messages = 0;
  private bytes = 0;
  /** Received since the last message was handed over: what that was made of. */
  private received = 0;
  private full = false;
  private holds = 0;

  constructor(private readonly socket: AgentSocket) {
    socket.conn.on('packet', ({ data }: { data?: unknown }) => {
      if (typeof data === 'string' || data instanceof Uint8Array) this.received += data.length;
    });
  }

  /** Nothing more is read until each that said so has said `resume`. */
  pause(): void {
    if (++this.holds === 1) connectionOf(this.socket)?.pause();
  }

  resume(): void {
    if (--this.holds === 0) connectionOf(this.socket)?.resume();
  }

  /** A message is handled; its bytes count until it is. Never rejects where the work does not. */
  async through<T>(work: () => Promise<T>): Promise<T> {
    const bytes = this.received;
    this.received = 0;
    this.messages += 1;
    this.bytes += bytes;
    this.look();
    try {
      return await work();
    } finally {
      this.messages -= 1;
      this.bytes -= bytes;
      this.look();
    }
  }

  private look(): void {
    const full = this.messages >= MESSAGES || this.bytes >= BYTES;
    const roomy = this.messages <= MESSAGES / 2 && this.bytes <= BYTES / 2;
    if (this.full ? !roomy : !full) return;
    this.full = !this.full;
    if (this.full) this.pause();
    else this.resume();
  }
}

/** Ends a connection now: one that is not read from would not hear that it is to end. */
function cut(socket: AgentSocket): void {
  const connection = connectionOf(socket);
  socket.disconnect(true);
  connection?.terminate();
}

/** Agents speak WebSocket only; nothing else can be held up, and nothing else comes. */
function connectionOf(socket: AgentSocket): Pausable | null {
  const { socket: connection } = socket.conn.transport as unknown as { socket?: Partial<Pausable> };
  return typeof connection?.pause === 'function' ? (connection as Pausable) : null;
}
