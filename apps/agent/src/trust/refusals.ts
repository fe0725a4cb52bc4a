import {
  type EnvelopeRefusal,
  type Refused,
  type RefusedAck,
  type RefusedMessage,
} from '#libs/protocol/index';
import { errorMessage } from '../platform/files.js';
import { type AgentLogger } from '../platform/logger.js';

/** At most one message in this time. */
const EVERY_MS = 1_000;
/** Told one by one in a message; of those beyond it is told how many there were of each code. */
const ONE_BY_ONE = 20;

/** One connection on which they can be told. */
export interface RefusedChannel {
  refused(message: Refused): Promise<RefusedAck>;
}

/** Tells the server what was refused, with bounds: whoever makes an agent refuse much makes it say little. */
export class Refusals {
  private pending: RefusedMessage[] = [];
  private readonly beyond = new Map<string, RefusedMessage>();
  private channel: RefusedChannel | null = null;
  private timer: NodeJS.Timeout | null = null;
  private sending = false;

  constructor(private readonly log: AgentLogger) {}

  /** A new connection, or none. */
  use(channel: RefusedChannel | null): void {
    this.channel = channel;
    if (channel !== null) this.flush();
  }

  /** Something was refused. */
  add(type: string, refusal: EnvelopeRefusal, attemptId: string | null): void {
    const { code, message, digest, key } = refusal;
    if (this.pending.length < ONE_BY_ONE) {
      this.log.warn({ code, type, attempt_id: attemptId, digest, server_key: key }, `refused: ${message}`);
      const entry = { code, type, message, attempt_id: attemptId, digest, key, at: Date.now(), count: 1 };
      this.pending.push({ ...entry, type: type.slice(0, 64), message: message.slice(0, 1024) });
    } else {
      const known = this.beyond.get(code);
      const more = {
        code,
        type: type.slice(0, 64),
        message: 'more of these',
        attempt_id: null,
        digest: null,
        key: null,
      };
      this.beyond.set(code, { ...more, at: Date.now(), count: (known?.count ?? 0) + 1 });
    }
    this.flush();
  }

  /** Nothing is told any more. */
  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.channel = null;
  }

  private flush(): void {
    const { channel } = this;
    if (channel === null || this.timer !== null || this.sending || this.pending.length === 0) return;
    const refusals = [...this.pending, ...this.beyond.values()];
    if (this.beyond.size > 0) this.log.warn({ codes: [...this.beyond.keys()] }, 'refused more of these');
    this.pending = [];
    this.beyond.clear();
    this.sending = true;
    void this.send(channel, refusals).finally(() => {
      this.sending = false;
      this.timer = setTimeout(() => {
        this.timer = null;
        this.flush();
      }, EVERY_MS).unref();
    });
  }

  private async send(channel: RefusedChannel, refusals: RefusedMessage[]): Promise<void> {
    try {
      const ack = await channel.refused({ refusals });
      if (ack.ok) return;
      this.log.warn({ err: ack.error }, 'the server could not take what was refused; saying it again');
    } catch (error) {
      this.log.debug({ err: errorMessage(error) }, 'what was refused could not be told');
    }
    // First what is older; what has no room is counted.
    const later = this.pending;
    this.pending = refusals.slice(0, ONE_BY_ONE);
    for (const entry of [...refusals.slice(this.pending.length), ...later]) {
      const known = this.beyond.get(entry.code);
      this.beyond.set(entry.code, { ...entry, count: (known?.count ?? 0) + entry.count });
    }
  }
}
