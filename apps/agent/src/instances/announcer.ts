import { type Triggered, type TriggeredAck } from '#libs/protocol/index';
import { type Attempt } from '../attempts/attempt.js';
import { type AttemptsService } from '../attempts/attempts.service.js';
import { errorMessage } from '../platform/files.js';
import { type AgentLogger } from '../platform/logger.js';

const RETRY_MS = 1000;

/** One connection whose hello has been answered. */
export interface TriggeredChannel {
  /** Tells of a run and waits for the answer; rejects when none comes. */
  triggered(run: Triggered): Promise<TriggeredAck>;
}

/** Tells the server of runs that triggers have started: one after the other, in the order of the starts, each until it is acknowledged. */
export class Announcer {
  private readonly queue: Attempt[] = [];
  private channel: TriggeredChannel | null = null;
  private pumping = false;
  private idle: (() => void)[] = [];

  constructor(
    private readonly attempts: AttemptsService,
    private readonly log: AgentLogger,
  ) {
    attempts.announceBy((attempt) => {
      this.queue.push(attempt);
      this.pump();
    });
  }

  /** A new connection, or none. */
  use(channel: TriggeredChannel | null): void {
    this.channel = channel;
    this.pump();
  }

  /** Resolves when the server knows of every run, or after `ms`. */
  flush(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.idle.push(() => {
        clearTimeout(timer);
        resolve();
      });
      this.pump();
    });
  }

  private pump(): void {
    if (this.queue.length === 0) for (const wake of this.idle.splice(0)) wake();
    if (this.pumping || this.channel === null || this.queue.length === 0) return;
    this.pumping = true;
    void this.next(this.channel).finally(() => {
      this.pumping = false;
      this.pump();
    });
  }

  private async next(channel: TriggeredChannel): Promise<void> {
    const [attempt] = this.queue;
    const run = attempt === undefined ? null : messageOf(attempt);
    if (attempt === undefined || run === null || attempt.forgotten) {
      this.queue.shift();
      return;
    }
    let ack: TriggeredAck;
    try {
      ack = await channel.triggered(run);
    } catch (error) {
      if (channel === this.channel) {
        this.log.warn(
          { attempt_id: attempt.id, err: errorMessage(error) },
          'a triggered run was not answered',
        );
      }
      ack = { ok: false, error: '', retry_after_ms: RETRY_MS };
    }
    // Whoever answered may be gone, but the answer stands: it was said after the commit.
    if ('ok' in ack) {
      if (channel !== this.channel) return;
      await new Promise((resolve) => setTimeout(resolve, ack.retry_after_ms).unref());
      return;
    }
    this.queue.shift();
    if (ack.status === 'ok') this.attempts.announced(attempt);
    else this.attempts.disown(attempt);
  }
}

function messageOf({ id, instance }: Attempt): Triggered | null {
  if (instance?.triggered === undefined) return null;
  const { trigger, at, contentSha256, arguments: args } = instance.triggered;
  return {
    attempt_id: id,
    instance_id: instance.id,
    content_sha256: contentSha256,
    arguments: [...args],
    trigger,
    started_at: at,
  };
}
