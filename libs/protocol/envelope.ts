import { createHash, randomBytes, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from './canonical-json.js';
import { Limits, ServerEvent } from './constants.js';
import { verifySignature } from './ed25519.js';
import { Bytes } from './messages.js';
import { EditedPartError, fillParts, type Lifted } from './parts.js';
import { ReasonCode } from './reasons.js';
import { publicKeyOf, ServerKey } from './server-key.js';
import { isSharedRun, runOfShare } from './shared-run.js';

/*
 * Everything that the server tells agents to do, and its answer to a hello, is a text that is signed with Ed25519. Who holds the line, or the
 * server's name and its TLS key, but not that key, can tell an agent nothing. docs/protocol.md tells the story.
 */

export const ENVELOPE_VERSION = 1;
/** Before the text, in what is signed: no other signature of the key can be taken for one of an envelope. */
const PREFIX = 'muster-envelope-v1\n';

/** From when to when an envelope is good, around the moment in which it is signed, milliseconds: 120 s in all. */
export const ENVELOPE_BEFORE_MS = 10_000;
export const ENVELOPE_AFTER_MS = 110_000;

/** The type of the signed answers to `hello` and `time`, which are no events of their own. */
export const HELLO_ANSWER = 'hello';
export const TIME_ANSWER = 'time';

/** What travels. */
export const Envelope = z.object({
  v: z.literal(ENVELOPE_VERSION),
  /** Id of the key that has signed. */
  key: z.string().max(64),
  /** Canonical JSON of an `EnvelopeBody`. It is verified as it came, and parsed then. */
  body: z.string().max(16 * Limits.messageBytes),
  /** Over the bytes of `muster-envelope-v1\n` and the body: base64url. */
  signature: z.string().max(128),
  /** See `parts.ts`. */
  parts: z.record(z.string().regex(/^[0-9a-f]{64}$/), Bytes).optional(),
});
export type Envelope = z.infer<typeof Envelope>;

/** What is signed. */
export const EnvelopeBody = z.object({
  v: z.literal(ENVELOPE_VERSION),
  /** Name of the event, or of what it answers. */
  type: z.string(),
  /** Uuids of the hosts that it is for. */
  hosts: z.array(z.string()),
  /** Once on each host. */
  nonce: z.string().min(16).max(64),
  /** By the server's clock, milliseconds since the epoch. */
  not_before: z.number().int().nonnegative(),
  expires: z.number().int().nonnegative(),
  message: z.unknown(),
});
export type EnvelopeBody = z.infer<typeof EnvelopeBody>;

/** Whoever can sign: the id of its key, and Ed25519 over bytes. */
export interface EnvelopeSigner {
  readonly keyId: string;
  sign(bytes: Buffer): Buffer;
}

/** A message that is ready to be put into envelopes: its canonical form is made once, for however many. */
export interface Sealable {
  readonly type: string;
  readonly text: string;
  readonly parts: Lifted['parts'];
}

/** Makes a message ready. */
export function sealable(type: string, { message, parts }: Lifted): Sealable {
  return { type, text: canonicalJson(message), parts };
}

/**
 * One envelope.
 * @param hosts uuids of those that it is for
 * @param now the server's clock
 */
export function seal(
  { type, text, parts }: Sealable,
  hosts: readonly string[],
  signer: EnvelopeSigner,
  now = Date.now(),
): Envelope {
  const nonce = randomBytes(16).toString('base64url');
  const [from, until] = [now - ENVELOPE_BEFORE_MS, now + ENVELOPE_AFTER_MS];
  // The canonical form of an `EnvelopeBody`, around the message's, which is not made again.
  const body = `{"expires":${until},"hosts":${JSON.stringify(hosts)},"message":${text},"nonce":"${nonce}","not_before":${from},"type":${JSON.stringify(type)},"v":${ENVELOPE_VERSION}}`;
  const signature = signer.sign(Buffer.from(PREFIX + body)).toString('base64url');
  const bare = { v: ENVELOPE_VERSION, key: signer.keyId, body, signature } as const;
  for (const _ in parts) return { parts, ...bare };
  return bare;
}

/** By what an envelope is judged. */
export interface OpeningContext {
  /** The event that it came as. */
  readonly type: string;
  /** This host's uuid. */
  readonly host: string;
  /** The server's clock, as far as it is known; null: times are not judged (the answer that tells it); -Infinity: nothing is due. */
  readonly now: number | null;
  /** The key with this id, when it is trusted. */
  readonly key: (id: string) => KeyObject | undefined;
  /** Whether an envelope with this nonce was taken before. */
  readonly known: (nonce: string) => boolean;
}

/** Why an envelope is refused. */
export interface EnvelopeRefusal {
  readonly code: ReasonCode;
  /** For people. */
  readonly message: string;
  /** SHA-256, hex, of the body; null: there is none. */
  readonly digest: string | null;
  /** The key that it names. */
  readonly key: string | null;
  /** What can be read of it, for the report: nothing of it is to be believed. */
  readonly claims: unknown;
}

/** What an envelope holds, or why it is refused. */
export type Opening =
  | { readonly ok: true; readonly body: EnvelopeBody; readonly key: string }
  | { readonly ok: false; readonly refusal: EnvelopeRefusal };

/**
 * Judges an envelope as it came, and opens it: the message as this host gets it, with its parts in their places, not yet checked against its
 * schema. Never throws.
 */
export function openEnvelope(data: unknown, context: OpeningContext): Opening {
  const opened = openForAll(data, context);
  if (!opened.ok || !isSharedRun(opened.body.message)) return opened;
  const { body, key } = opened;
  const own = runOfShare(opened.body.message, body.hosts.indexOf(context.host));
  if (own === null) return refused(ReasonCode.wrongHost, 'nothing in it is for this host', data);
  return { ok: true, body: { ...body, message: own }, key };
}

/** The same, with the message as all hosts of the envelope get it: for whoever stands for many of them. */
export function openForAll(data: unknown, context: OpeningContext): Opening {
  const version = member(data, 'v');
  if (typeof member(data, 'body') !== 'string' || version === undefined)
    return refused(ReasonCode.unsigned, `"${context.type}" came without a signature`, null, data);
  if (version !== ENVELOPE_VERSION)
    return refused(ReasonCode.unknownVersion, `an envelope of version ${shown(version)}`, data);
  const envelope = Envelope.safeParse(data);
  if (!envelope.success) return refused(ReasonCode.badSignature, 'the envelope makes no sense', data);
  const { key: keyId, body: text, signature, parts = {} } = envelope.data;
  const key = context.key(keyId);
  if (key === undefined)
    return refused(ReasonCode.unknownKey, `signed with key ${keyId}, which this agent does not trust`, data);
  if (!verifySignature(key, Buffer.from(PREFIX + text), Buffer.from(signature, 'base64url')))
    return refused(ReasonCode.badSignature, 'the signature is not that of what came', data);
  const claims = parse(text);
  if (member(claims, 'v') !== ENVELOPE_VERSION)
    return refused(ReasonCode.unknownVersion, `an order of version ${shown(member(claims, 'v'))}`, data);
  const body = EnvelopeBody.safeParse(claims);
  if (!body.success) return refused(ReasonCode.badSignature, 'what was signed makes no sense', data);
  const wrong = judge(body.data, context);
  if (wrong !== null) return refused(...wrong, data);
  try {
    const message = fillParts(body.data.type, body.data.message, parts);
    return { ok: true, body: { ...body.data, message }, key: keyId };
  } catch (error) {
    if (!(error instanceof EditedPartError)) throw error;
    return refused(ReasonCode.editedPart, error.message, data);
  }
}

function judge(body: EnvelopeBody, context: OpeningContext): [ReasonCode, string] | null {
  if (body.type !== context.type)
    return [ReasonCode.wrongType, `signed as "${body.type.slice(0, 64)}", sent as "${context.type}"`];
  if (!body.hosts.includes(context.host)) return [ReasonCode.wrongHost, 'signed for another host'];
  const { now } = context;
  if (now !== null && now < body.not_before)
    return [
      ReasonCode.notYetValid,
      now === -Infinity ? 'nothing is due yet' : `good in ${body.not_before - now} ms, by the server's clock`,
    ];
  if (now !== null && now > body.expires)
    return [ReasonCode.orderExpired, `good until ${now - body.expires} ms ago, by the server's clock`];
  if (context.known(body.nonce)) return [ReasonCode.replayed, 'this very envelope came before'];
  return null;
}

/**
 * The keys that an answer to a hello names, of which its own is one: for an agent that trusts none yet. Nothing else of it is verified here.
 */
export function keysNamedBy(data: unknown): ServerKey[] {
  const keys = member(member(parse(member(data, 'body')), 'message'), 'server_keys');
  const parsed = z.array(ServerKey).max(8).safeParse(keys);
  return parsed.success ? parsed.data.filter((key) => publicKeyOf(key) !== null) : [];
}

/**
 * Uuids of attempts that this message orders of a host, when it is one of orders that can be read: for the answer that none of them is taken.
 * @param host uuid; of orders for many hosts only its own counts
 */
export function attemptsNamedBy(type: string, claims: unknown, host: string): string[] {
  const text = member(claims, 'body');
  const body = typeof text === 'string' ? parse(text) : undefined;
  const message = typeof text === 'string' ? member(body, 'message') : claims;
  const hosts = member(body, 'hosts');
  const run =
    isSharedRun(message) && Array.isArray(hosts) ? runOfShare(message, hosts.indexOf(host)) : message;
  const orders = type === ServerEvent.run ? member(run, 'orders') : undefined;
  if (!Array.isArray(orders)) return [];
  const ids = orders
    .slice(0, Limits.ordersPerMessage)
    .map((order) => z.uuid().safeParse(member(order, 'attempt_id')));
  return ids.flatMap(({ data }) => data ?? []);
}

/** Whether a refused envelope says that it is for this host. */
export function namesHost(claims: unknown, host: string): boolean {
  const hosts = member(parse(member(claims, 'body')), 'hosts');
  return Array.isArray(hosts) && hosts.includes(host);
}

function refused(code: ReasonCode, message: string, data: unknown, claims: unknown = data): Opening {
  const body = member(data, 'body');
  const key = member(data, 'key');
  const digest = typeof body === 'string' ? createHash('sha256').update(body).digest('hex') : null;
  return {
    ok: false,
    refusal: { code, message, digest, key: typeof key === 'string' ? key.slice(0, 64) : null, claims },
  };
}

function parse(text: unknown): unknown {
  try {
    return typeof text === 'string' ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

function shown(value: unknown): string {
  return typeof value === 'number' || typeof value === 'string' ? String(value).slice(0, 32) : 'unknown';
}
