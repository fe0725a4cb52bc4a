import { AGENTS_NAMESPACE } from '#libs/protocol/index';

/*
 * Engine.IO 4 and Socket.IO 5 as text, as far as an agent needs them. A frame is one digit of Engine.IO (`4` message), one of
 * Socket.IO, the namespace, a comma, maybe the number of an acknowledgement, and JSON: `42/agents,7["hello",{…}]`.
 */

/** First byte of a frame. */
export const Engine = { open: 0x30, close: 0x31, ping: 0x32, message: 0x34 } as const;

/** Second byte of a message. */
export const Packet = {
  connect: 0x30,
  disconnect: 0x31,
  event: 0x32,
  ack: 0x33,
  connectError: 0x34,
  binaryEvent: 0x35,
} as const;

export const PONG = '3';

const NAMESPACE = `${AGENTS_NAMESPACE},`;
/** Engine.IO's digit, Socket.IO's, and the namespace. */
const HEADER = 2 + NAMESPACE.length;

/** An event of the server. */
export interface IncomingEvent {
  readonly name: string;
  /** Of the acknowledgement that is wanted; null: none is. */
  readonly id: number | null;
  readonly body: unknown;
}

/** @param auth JSON */
export function connectPacket(auth: string): string {
  return `40${NAMESPACE}${auth}`;
}

/**
 * @param id of the acknowledgement that is wanted; null: none is
 * @param body JSON
 */
export function eventPacket(name: string, id: number | null, body: string): string {
  return `42${NAMESPACE}${id ?? ''}["${name}",${body}]`;
}

/** @param body JSON */
export function ackPacket(id: number, body: string): string {
  return `43${NAMESPACE}${id}[${body}]`;
}

/** An acknowledgement's number and its arguments as JSON text, brackets included: `[{"ok":true}]`. */
export function readAck(text: string): { id: number; args: string } | null {
  const at = text.indexOf('[', HEADER);
  if (!text.startsWith(NAMESPACE, 2) || at <= HEADER) return null;
  return { id: Number(text.slice(HEADER, at)), args: text.slice(at) };
}

/** What stands behind the namespace, or null. */
export function readData(text: string): unknown {
  try {
    return JSON.parse(text.slice(HEADER));
  } catch {
    return null;
  }
}

/** How long a server that opened with this packet may be silent, milliseconds; Infinity when it does not say. */
export function readPatience(open: string): number {
  try {
    const { pingInterval, pingTimeout } = JSON.parse(open.slice(1)) as Record<string, unknown>;
    return Number(pingInterval) + Number(pingTimeout) || Infinity;
  } catch {
    return Infinity;
  }
}

/**
 * Reads events. One that came in the very same bytes as the last one is not read again, but is the same object: a query, or an
 * order for many, goes to hosts of the swarm in the same bytes, and comparing them costs a hundredth of parsing and checking them.
 */
export class EventReader {
  private bytes: Buffer | null = null;
  private event: IncomingEvent | null = null;

  /** @returns null when it makes no sense */
  read(frame: Buffer): IncomingEvent | null {
    if (this.bytes?.equals(frame)) return this.event;
    const event = parse(frame.toString());
    if (event === null) return null;
    // The frame itself is a part of something larger, which must not live as long.
    this.bytes = Buffer.from(frame);
    this.event = event;
    return event;
  }
}

function parse(text: string): IncomingEvent | null {
  const at = text.indexOf('[', HEADER);
  if (!text.startsWith(NAMESPACE, 2) || at < 0) return null;
  try {
    const [name, body] = JSON.parse(text.slice(at)) as unknown[];
    return typeof name === 'string'
      ? { name, id: at === HEADER ? null : Number(text.slice(HEADER, at)), body }
      : null;
  } catch {
    return null;
  }
}
