import { createHash, randomBytes } from 'node:crypto';
import { ServerEvent } from './constants.js';
import { type InstanceSet } from './instances.js';
import { type Bytes, type Order, type Run } from './messages.js';
import { type CommonOrder, isSharedRun } from './shared-run.js';

/*
 * What is bulky or secret travels beside the signed text, which names it by its SHA-256: a script of 1 MB for 10,000 hosts is then neither
 * signed nor encoded 10,000 times. In the message `{ "part": "<hex>" }` stands where it belongs. Secrets and masks of an order are one part
 * with a random salt in it, so that the digest of a short one says nothing to whoever keeps the signed text.
 */

/** Parts by the SHA-256, hex, of their bytes (text: as UTF-8). */
export type Parts = Record<string, Bytes>;

/** A message without its parts: JSON has words for all of it. */
export interface Lifted {
  readonly message: unknown;
  readonly parts: Parts;
}

/** A part is missing, or is not what was signed. */
export class EditedPartError extends Error {}

/** Digests of bytes that go to many hosts, which are one object; and of the last text, which goes to the next host, too. */
const digests = new WeakMap<Uint8Array, string>();
const last = { text: '', digest: sha256('') };

/** Takes the parts out of a message of the server. */
export function liftParts(type: string, message: unknown): Lifted {
  const parts: Parts = {};
  switch (type) {
    case ServerEvent.run:
      if (isSharedRun(message))
        return { message: { ...message, order: liftOrder(message.order as CommonOrder, parts) }, parts };
      return { message: { orders: (message as Run).orders.map((order) => liftOrder(order, parts)) }, parts };
    case ServerEvent.instances: {
      const set = message as InstanceSet;
      const contents = Object.entries(set.contents).map(([sha, text]) => [sha, refer(parts, text)]);
      return { message: { ...set, contents: Object.fromEntries(contents) as unknown }, parts };
    }
    default:
      return { message, parts };
  }
}

/**
 * Puts the parts back where they belong.
 * @param message as it was signed; what makes no sense in it stays as it is, for the handler to refuse
 * @throws EditedPartError
 */
export function fillParts(type: string, message: unknown, parts: Parts): unknown {
  if (!isRecord(message)) return message;
  if (type === ServerEvent.run && isSharedRun(message))
    return { ...message, order: fillOrder(message.order, parts) };
  if (type === ServerEvent.run && Array.isArray(message['orders']))
    return { ...message, orders: message['orders'].map((order: unknown) => fillOrder(order, parts)) };
  if (type === ServerEvent.instances && isRecord(message['contents'])) {
    const contents = Object.entries(message['contents']);
    return {
      ...message,
      contents: Object.fromEntries(contents.map(([sha, value]) => [sha, resolved(value, parts)])),
    };
  }
  return message;
}

/** SHA-256, hex. */
function partDigest(part: Bytes): string {
  if (typeof part === 'string') {
    if (part !== last.text) Object.assign(last, { text: part, digest: sha256(part) });
    return last.digest;
  }
  let digest = digests.get(part);
  if (digest === undefined) digests.set(part, (digest = sha256(part)));
  return digest;
}

function liftOrder(order: CommonOrder, parts: Parts): unknown {
  const { payload, stdin, secrets, mask, ...rest } = order;
  return {
    payload: payload.type === 'script' ? { ...payload, contents: refer(parts, payload.contents) } : payload,
    ...(stdin !== undefined && { stdin: refer(parts, stdin) }),
    ...((secrets !== undefined || mask !== undefined) && { sealed: referSealed(parts, { secrets, mask }) }),
    ...rest,
  };
}

function fillOrder(order: unknown, parts: Parts): unknown {
  if (!isRecord(order)) return order;
  const { payload, stdin, sealed, ...rest } = order;
  const filled: Record<string, unknown> = {};
  if (payload !== undefined) {
    const bulky = isRecord(payload) && isReference(payload['contents']);
    filled['payload'] = bulky ? { ...payload, contents: resolved(payload['contents'], parts) } : payload;
  }
  if (stdin !== undefined) filled['stdin'] = resolved(stdin, parts);
  if (sealed !== undefined) Object.assign(filled, unsealed(resolved(sealed, parts)));
  // What was sealed wins over what stands beside it, and nothing else can.
  return Object.assign(rest, filled);
}

function refer(parts: Parts, part: Bytes, digest = partDigest(part)): { part: string } {
  parts[digest] = part;
  return { part: digest };
}

function referSealed(parts: Parts, hidden: Pick<Order, 'secrets' | 'mask'>): { part: string } {
  const text = JSON.stringify({ salt: randomBytes(16).toString('base64url'), ...hidden }, bytesAsBase64);
  return refer(parts, text, sha256(text));
}

function unsealed(part: unknown): Record<string, unknown> {
  try {
    const { secrets, mask } = JSON.parse(String(part), base64AsBytes) as Record<string, unknown>;
    return { ...(secrets !== undefined && { secrets }), ...(mask !== undefined && { mask }) };
  } catch {
    throw new EditedPartError('what is sealed makes no sense');
  }
}

// Buffers have said `toJSON` before a replacer sees them: what they were is asked of their holder.
function bytesAsBase64(this: unknown, key: string, value: unknown): unknown {
  const original = (this as Record<string, unknown>)[key];
  return original instanceof Uint8Array ? { $base64: Buffer.from(original).toString('base64') } : value;
}

function base64AsBytes(_key: string, value: unknown): unknown {
  return isRecord(value) && typeof value['$base64'] === 'string' && Object.keys(value).length === 1
    ? Buffer.from(value['$base64'], 'base64')
    : value;
}

function resolved(value: unknown, parts: Parts): unknown {
  if (!isReference(value)) return value;
  const part = Object.hasOwn(parts, value.part) ? parts[value.part] : undefined;
  if (part === undefined) throw new EditedPartError(`part ${value.part} is missing`);
  if (sha256(part) !== value.part) throw new EditedPartError(`part ${value.part} is another one`);
  return part;
}

function isReference(value: unknown): value is { part: string } {
  return isRecord(value) && typeof value['part'] === 'string';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}

function sha256(bytes: Bytes): string {
  return createHash('sha256').update(bytes).digest('hex');
}
