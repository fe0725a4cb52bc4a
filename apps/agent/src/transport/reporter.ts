import { Limits, type Report, type ReportAck } from '#libs/protocol/index';
import { type Attempt } from '../attempts/attempt.js';
import { type AgentLogger } from '../platform/logger.js';
import { errorMessage } from '../platform/files.js';

const MESSAGES_IN_FLIGHT = 4;
const MESSAGE_BUDGET = Limits.messageBytes / 4;
/** Socket.IO's parser takes no more attachments in one packet; the connection breaks when there are. */
const ATTACHMENTS_PER_MESSAGE = 10;
const RETRY_MS = 1000;

/** One connection whose hello has been answered. */
export interface ReportChannel {
  /** Sends and waits for the answer; rejects when none comes. */
  send(reports: Report[]): Promise<ReportAck>;
}

/** What the server said about an attempt. */
export interface ReportVerdicts {
  /** All of it is stored. */
  readonly onSettled: (attempt: Attempt) => void;
  /** It does not count any more. */
  readonly onStale: (attempt: Attempt) => void;
}

/**
 * The one sender of all attempts. Each attempt is in at most one message at a time, so what an answer covers is never
 * in doubt; whatever stays without an answer is sent again with the same numbers.
 */
export class Reporter {
  private readonly attempts = new Set<Attempt>();
  private channel: ReportChannel | null = null;
  private verdicts: ReportVerdicts | null = null;
  private inFlight = 0;
  private inFlightBytes = 0;
  /** What the server takes of output at once, as it last said. */
  private windowBytes: number = Limits.firstWindowBytes;
  private answeredAt = 0;
  private pumping = false;
  private wanted = false;
  private pausedUntil = 0;
  private idleWaiters: (() => void)[] = [];

  constructor(private readonly log: AgentLogger) {}

  /** Who is told what the server said. */
  listen(verdicts: ReportVerdicts): void {
    this.verdicts = verdicts;
  }

  /** Whether reports can leave now. */
  get connected(): boolean {
    return this.channel !== null;
  }

  /** A new connection, or none. What was on its way through the old one is due again. */
  use(channel: ReportChannel | null): void {
    this.channel = channel;
    this.inFlight = 0;
    this.inFlightBytes = 0;
    this.windowBytes = Limits.firstWindowBytes;
    this.pausedUntil = 0;
    for (const attempt of this.attempts) attempt.inFlight = false;
    if (channel !== null) this.pump();
  }

  /** There is something to tell about this attempt, now or soon. */
  notify(attempt: Attempt): void {
    this.attempts.add(attempt);
    this.pump();
  }

  /** Nothing more will be told about it. */
  drop(attempt: Attempt): void {
    this.attempts.delete(attempt);
    this.wakeIdle();
  }

  /** Resolves when the server has everything that is to be told, or after `ms`. */
  flush(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.idleWaiters.push(() => {
        clearTimeout(timer);
        resolve();
      });
      this.wakeIdle();
    });
  }

  private wakeIdle(): void {
    if (this.attempts.size > 0) return;
    for (const wake of this.idleWaiters.splice(0)) wake();
  }

  private pump(): void {
    this.wanted = true;
    if (this.pumping) return;
    this.pumping = true;
    this.pumpAll()
      .catch((error: unknown) => this.log.error({ err: errorMessage(error) }, 'reporting failed'))
      .finally(() => {
        this.pumping = false;
        // News may have come after the last look.
        if (this.wanted) this.pump();
      });
  }

  private async pumpAll(): Promise<void> {
    this.wanted = false;
    while (this.channel !== null && this.inFlight < MESSAGES_IN_FLIGHT && Date.now() >= this.pausedUntil) {
      const { channel } = this;
      this.wanted = false;
      const { batch, bytes } = await this.collect();
      if (batch.size === 0) return;
      if (channel !== this.channel) {
        for (const attempt of batch.keys()) attempt.inFlight = false;
        continue;
      }
      this.inFlight += 1;
      this.inFlightBytes += bytes;
      void this.deliver(channel, batch, bytes);
    }
  }

  private async collect(): Promise<{ batch: Map<Attempt, Report>; bytes: number }> {
    const batch = new Map<Attempt, Report>();
    const room = this.room();
    let budget = room;
    let attachmentsLeft = ATTACHMENTS_PER_MESSAGE;
    for (const attempt of this.attempts) {
      if (budget <= 0 || attachmentsLeft <= 0 || batch.size >= Limits.reportsPerMessage) break;
      if (!attempt.hasNews()) continue;
      attempt.inFlight = true;
      try {
        const { report, bytes, attachments } = await attempt.prepare(
          budget,
          attachmentsLeft,
          batch.size === 0,
        );
        if (attempt.forgotten) continue;
        if (attempt.broken)
          this.log.error({ attempt_id: attempt.id }, 'output cannot be read back; the rest of it is lost');
        if (Object.keys(report).length === 1) {
          // There is no room for its next chunk beside what is in this message already.
          attempt.inFlight = false;
          continue;
        }
        budget -= bytes;
        attachmentsLeft -= attachments;
        batch.set(attempt, report);
      } catch (error) {
        attempt.inFlight = false;
        this.log.error({ attempt_id: attempt.id, err: errorMessage(error) }, 'a report cannot be prepared');
        this.pause(RETRY_MS);
      }
    }
    return { batch, bytes: room - budget };
  }

  /** For the next message: what the server's window and one message leave. */
  private room(): number {
    // A window is of its moment: after a silence others may have taken it.
    if (this.inFlight === 0 && Date.now() - this.answeredAt > Limits.windowIdleMs)
      this.windowBytes = Limits.firstWindowBytes;
    return Math.min(MESSAGE_BUDGET, this.windowBytes - this.inFlightBytes);
  }

  private async deliver(channel: ReportChannel, batch: Map<Attempt, Report>, bytes: number): Promise<void> {
    let ack: ReportAck;
    try {
      ack = await channel.send([...batch.values()]);
    } catch (error) {
      if (channel === this.channel)
        this.log.warn({ err: errorMessage(error) }, 'reports were not answered; sending them again');
      ack = { ok: false, error: '', retry_after_ms: RETRY_MS };
    }
    if (channel !== this.channel) return;
    this.inFlight -= 1;
    this.inFlightBytes -= bytes;
    this.answeredAt = Date.now();
    for (const attempt of batch.keys()) attempt.inFlight = false;
    if (ack.ok) {
      this.windowBytes = Math.max(ack.window_bytes ?? Infinity, Limits.firstWindowBytes);
      this.apply(batch, ack.answers);
    } else {
      if (ack.error !== '')
        this.log.warn({ err: ack.error }, 'the server could not take reports; sending them again');
      this.pause(ack.retry_after_ms);
    }
    this.pump();
  }

  private apply(
    batch: Map<Attempt, Report>,
    answers: readonly { attempt_id: string; status: 'ok' | 'stale' }[],
  ): void {
    const statuses = new Map(answers.map(({ attempt_id, status }) => [attempt_id, status]));
    for (const [attempt, report] of batch) {
      const status = statuses.get(attempt.id);
      if (status === 'stale') {
        this.drop(attempt);
        this.verdicts?.onStale(attempt);
      } else if (status === 'ok') {
        if (!attempt.confirm(report)) continue;
        this.drop(attempt);
        this.verdicts?.onSettled(attempt);
      } else {
        this.pause(RETRY_MS);
      }
    }
  }

  private pause(ms: number): void {
    const until = Date.now() + ms;
    if (until <= this.pausedUntil) return;
    this.pausedUntil = until;
    setTimeout(() => this.pump(), ms + 1).unref();
  }
}
