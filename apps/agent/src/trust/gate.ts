import { randomBytes } from 'node:crypto';
import {
  attemptsNamedBy,
  ENVELOPE_BEFORE_MS,
  type EnvelopeBody,
  HELLO_ANSWER,
  HelloAck,
  keysNamedBy,
  namesHost,
  openEnvelope,
  type EnvelopeRefusal,
  type OrderAnswer,
  publicKeyOf,
  ReasonCode,
  type RefusedAnswer,
  type RunAck,
  ServerEvent,
  TIME_ANSWER,
  TimeAnswer,
} from '#libs/protocol/index';
import { type AgentLogger } from '../platform/logger.js';
import { type ServerClock } from '../platform/server-clock.js';
import { type Nonces } from './nonces.js';
import { type Refusals } from './refusals.js';
import { DistrustError, type ServerTrust } from './server-trust.js';

/** Of an order that was refused, and whose server was told so, it is remembered that it never may start; no longer than it could. */
const REFUSED_MS = 10 * 60_000;
const MOST_REFUSED = 4_096;
/** The server is asked for its time when an envelope's does not fit, but no more often than this. */
const ASK_TIME_MS = 60_000;

/** What says how things are from now on: the last word counts, and no earlier one after it. */
const SETS: ReadonlySet<string> = new Set([ServerEvent.instances, ServerEvent.standing]);

/** How far this host's count of the server's time may be behind by the time that it asks again. */
const DRIFT_MS = 1_000;

/** What is known of an envelope that was taken. */
export interface Provenance {
  readonly nonce: string;
  /** By the server's clock, milliseconds since the epoch. */
  readonly expires: number;
  /** Id of the key that has signed. */
  readonly key: string;
}

/** What the server's answer has to repeat, and since when it could have been given, by `performance.now()`. */
export interface Question {
  readonly challenge: string;
  readonly askedAt: number;
}

/** A new question. */
export function newQuestion(): Question {
  return { challenge: randomBytes(18).toString('base64url'), askedAt: performance.now() };
}

/** A message that may be handled, or what is answered in its place. */
export type Passage =
  | {
      readonly ok: true;
      readonly message: unknown;
      readonly provenance: Provenance;
      /** Orders of the message that were refused before and are no longer in it: to be added to its answers. */
      readonly refused: readonly OrderAnswer[];
    }
  | { readonly ok: false; readonly answer: RunAck | RefusedAnswer };

/** What the gate judges by. */
export interface GateParts {
  readonly trust: ServerTrust;
  readonly nonces: Nonces;
  readonly clock: ServerClock;
  readonly refusals: Refusals;
  /** Whether the journal has this attempt: what became of it is not for a refusal to say. */
  readonly hasAttempt: (attemptId: string) => boolean;
  readonly log: AgentLogger;
}

type Opened =
  | { readonly ok: true; readonly body: EnvelopeBody; readonly key: string }
  | { readonly ok: false; readonly refusal: EnvelopeRefusal };

/** Stands before every handler: nothing that the server's key has not signed, for this host, now and once, gets by. */
export class TrustGate {
  /** Asks the server for its time; false: no. Set by whoever has the connection. */
  askTime: () => Promise<boolean> = () => Promise.resolve(false);
  private readonly refused = new Map<string, { answer: OrderAnswer; until: number }>();
  private host = '';
  /** The hello of this connection was answered: nothing is due before. */
  private greeted = false;
  private timeAskedAt = -Infinity;
  /** When the newest of each of `SETS` was signed, as its `not_before` says. */
  private readonly latest = new Map<string, number>();

  constructor(private readonly parts: GateParts) {}

  /** A connection begins. */
  begin(hostUuid: string): void {
    this.host = hostUuid;
    this.greeted = false;
  }

  /** Judges what came as an event. */
  async pass(type: string, data: unknown): Promise<Passage> {
    let opened = this.open(type, data);
    if (!opened.ok && isAboutTime(opened.refusal.code) && (await this.timeIsNew()))
      opened = this.open(type, data);
    if (!opened.ok) return { ok: false, answer: this.refuse(type, opened.refusal) };
    const { body, key } = opened;
    // The server's clock may have been set back since.
    if (this.isOutdated(body) && (!(await this.timeIsNew()) || this.isOutdated(body)))
      return { ok: false, answer: this.refuse(type, outdated(key)) };
    const { nonce, expires } = body;
    if (SETS.has(type)) this.latest.set(type, body.not_before);
    const provenance = { nonce, expires, key };
    if (type !== ServerEvent.run || this.refused.size === 0)
      return { ok: true, message: body.message, provenance, refused: [] };
    const [message, refused] = this.withoutRefused(body.message);
    return { ok: true, message, provenance, refused };
  }

  /**
   * Judges the answer to a hello, and takes its word about keys and time.
   * @throws DistrustError when it is not this agent's server that speaks; anything else when it makes no sense
   */
  greet(data: unknown, { challenge, askedAt }: Question): HelloAck {
    const { trust, clock } = this.parts;
    // A server may say without a signature that it cannot answer now: whoever holds the line could as well say nothing.
    const plain = HelloAck.safeParse(data);
    if (plain.success && !plain.data.ok) return plain.data;
    const body = this.openAnswer(HELLO_ANSWER, data, challenge);
    const ack = HelloAck.parse(body.message);
    if (!ack.ok) return ack;
    if (ack.host_uuid !== this.host)
      throw new DistrustError(`the server takes this host for another one, ${ack.host_uuid}`);
    trust.greeted(ack.server_keys, body.key, ack.host_uuid);
    clock.set(ack.server_time, askedAt);
    this.greeted = true;
    return ack;
  }

  /** Takes the server's word about the time. @throws DistrustError */
  timed(data: unknown, { challenge, askedAt }: Question): void {
    const body = this.openAnswer(TIME_ANSWER, data, challenge);
    this.parts.clock.set(TimeAnswer.parse(body.message).server_time, askedAt);
  }

  /** An answer is fresh when it repeats the challenge: its times need not be judged, and cannot be yet. */
  private openAnswer(type: string, data: unknown, challenge: string): EnvelopeBody & { key: string } {
    const { trust } = this.parts;
    const named = type === HELLO_ANSWER ? keysNamedBy(data) : [];
    const candidates = trust.candidates(named);
    const opened = openEnvelope(data, {
      type,
      host: this.host,
      now: null,
      key: (id) => {
        const candidate = candidates.find((key) => key.id === id);
        return trust.key(id) ?? (candidate && publicKeyOf(candidate)) ?? undefined;
      },
      known: () => false,
    });
    const refusal = opened.ok ? this.staleness(opened.body, challenge) : opened.refusal;
    if (refusal === null && opened.ok) return { ...opened.body, key: opened.key };
    this.parts.refusals.add(type, refusal as EnvelopeRefusal, null);
    const code = refusal?.code;
    if (code === ReasonCode.unknownKey)
      throw new DistrustError(trust.complaint([{ id: refusal?.key ?? 'none' }]));
    if (code === ReasonCode.unsigned)
      throw new DistrustError(
        'the server signs nothing: it is older than this agent, and has to be upgraded first',
      );
    throw new DistrustError(`the server is not to be trusted: ${refusal?.message}`);
  }

  private staleness(body: EnvelopeBody, challenge: string): EnvelopeRefusal | null {
    const repeated = (body.message as { challenge?: unknown } | null)?.challenge;
    if (repeated === challenge) return null;
    const message = 'an answer to another question';
    return { code: ReasonCode.replayed, message, digest: null, key: null, claims: null };
  }

  private open(type: string, data: unknown): Opened {
    const { trust, nonces, clock } = this.parts;
    const now = this.greeted ? clock.steady() : null;
    const opened = openEnvelope(data, {
      type,
      host: this.host,
      now: now ?? -Infinity,
      key: (id) => trust.key(id),
      known: (nonce) => nonces.has(nonce),
    });
    if (opened.ok && now !== null) nonces.add(opened.body.nonce, opened.body.expires, now);
    return opened;
  }

  private refuse(type: string, refusal: EnvelopeRefusal): RunAck | RefusedAnswer {
    const { code, message, claims, digest } = refusal;
    const named = attemptsNamedBy(type, claims, this.host);
    this.parts.refusals.add(type, refusal, named[0] ?? null);
    // Of attempts that were signed for other hosts nothing can be said, nor of those that are known here.
    const own = digest === null || namesHost(claims, this.host);
    const attempts = own ? named.filter((id) => !this.parts.hasAttempt(id)) : [];
    const answers = attempts.flatMap((attempt_id) => {
      const answer: OrderAnswer = {
        attempt_id,
        accepted: false,
        reason: code,
        message: message.slice(0, 4096),
      };
      return this.remember(answer) ? [answer] : [];
    });
    return answers.length > 0 ? { answers } : { refused: code, message };
  }

  /** Who says that it never starts must see to it, in case that the order itself comes late. False: there is no room, so nothing may be said. */
  private remember(answer: OrderAnswer): boolean {
    const now = performance.now();
    for (const [id, { until }] of this.refused) {
      if (until > now) break;
      this.refused.delete(id);
    }
    if (this.refused.size >= MOST_REFUSED) return false;
    this.refused.set(answer.attempt_id, { answer, until: now + REFUSED_MS });
    return true;
  }

  private withoutRefused(message: unknown): [unknown, OrderAnswer[]] {
    const { orders } = message as { orders?: unknown };
    if (!Array.isArray(orders)) return [message, []];
    const refusalOf = (order: unknown): OrderAnswer | undefined =>
      this.refused.get(String((order as { attempt_id?: unknown } | null)?.attempt_id))?.answer;
    const refused = orders.flatMap((order) => refusalOf(order) ?? []);
    return [
      { ...(message as object), orders: orders.filter((order) => refusalOf(order) === undefined) },
      refused,
    ];
  }

  /** Whether one of its kind that was signed later has been taken: held up until now, it would undo that. */
  private isOutdated({ type, not_before }: EnvelopeBody): boolean {
    const latest = this.latest.get(type);
    if (latest === undefined || not_before >= latest) return false;
    // Nothing was signed in the future: when it seems so, the server's clock has been set back, and what comes now is new.
    const now = this.parts.clock.steady() ?? -Infinity;
    return latest <= now - ENVELOPE_BEFORE_MS + DRIFT_MS;
  }

  private async timeIsNew(): Promise<boolean> {
    if (!this.greeted) return false;
    const now = performance.now();
    if (now - this.timeAskedAt < ASK_TIME_MS) return false;
    this.timeAskedAt = now;
    return this.askTime();
  }
}

function outdated(key: string): EnvelopeRefusal {
  const message = 'one that was signed later came before';
  return { code: ReasonCode.replayed, message, digest: null, key, claims: null };
}

function isAboutTime(code: ReasonCode): boolean {
  return code === ReasonCode.orderExpired || code === ReasonCode.notYetValid;
}
