import * as fs from 'node:fs';
import * as path from 'node:path';
import { LogFile, type LogEntry } from '../journal/log-file.js';
import { errorMessage } from '../platform/files.js';
import { type AgentLogger } from '../platform/logger.js';

/** More than this within the life of an envelope is no server of ours: nothing is taken until the oldest have expired. */
const MOST = 100_000;
/** They are kept for longer than they could be used: how far the server's clock is told ahead of itself when an answer is held up, and some more. */
const KEPT_BEYOND_MS = 15_000;
/** The file is rewritten when it is this large, and most of it has expired. */
const WORTH_REWRITING = 256 * 1024;

interface Kept {
  readonly expires: number;
  readonly entry: LogEntry | null;
}

interface NonceRecord {
  readonly n: string;
  /** By the server's clock. */
  readonly e: number;
}

/**
 * Which envelopes were taken, until a while after they have expired: across restarts, in a file that is appended to. What is written survives the process
 * at once and a power cut a moment later; that no attempt starts twice is the journal's word, which is synced before.
 */
export class Nonces {
  /** In the order in which they came, which is about that in which they expire. */
  private readonly kept = new Map<string, Kept>();
  private rewriting: Promise<void> | null = null;
  private syncTimer: NodeJS.Timeout | null = null;

  private constructor(
    private readonly log: AgentLogger,
    private file: LogFile | null,
  ) {}

  /** Opens `nonces.log` in a directory; without a disk they are remembered in memory. */
  static open(directory: string, log: AgentLogger): Nonces {
    const nonces = new Nonces(log, null);
    const file = path.join(directory, 'nonces.log');
    try {
      fs.rmSync(`${file}.new`, { force: true });
      const { log: opened } = LogFile.open(file, ({ json }, entry) => {
        const { n, e } = json as NonceRecord;
        nonces.kept.set(n, { expires: e, entry });
      });
      nonces.file = opened;
    } catch (error) {
      log.error({ err: errorMessage(error) }, 'envelopes that were taken cannot be kept on disk');
    }
    return nonces;
  }

  /** Whether it was taken, or so many were that nobody can tell. */
  has(nonce: string): boolean {
    return this.kept.has(nonce) || this.kept.size >= MOST;
  }

  /**
   * It is taken.
   * @param expires and
   * @param now by the server's clock
   */
  add(nonce: string, expires: number, now: number): void {
    this.forgetExpired(now);
    this.kept.set(nonce, { expires, entry: this.write({ n: nonce, e: expires }) });
  }

  /** Forgets what has expired some time ago. */
  forgetExpired(now: number): void {
    for (const [nonce, { expires }] of this.kept) {
      if (expires + KEPT_BEYOND_MS >= now) break;
      this.kept.delete(nonce);
    }
    this.rewriteWhenWorthIt();
  }

  /** Syncs and closes. */
  async close(): Promise<void> {
    if (this.syncTimer !== null) clearTimeout(this.syncTimer);
    await this.rewriting;
    await this.file?.close();
  }

  private write(record: NonceRecord): LogEntry | null {
    if (this.file === null) return null;
    try {
      const entry = this.file.append(record);
      this.syncTimer ??= setTimeout(() => {
        this.syncTimer = null;
        this.file?.sync().catch(() => undefined);
      }, 100).unref();
      return entry;
    } catch (error) {
      this.log.warn({ err: errorMessage(error) }, 'that an envelope was taken is remembered in memory only');
      return null;
    }
  }

  private rewriteWhenWorthIt(): void {
    if (this.file === null || this.rewriting !== null || this.file.size < WORTH_REWRITING) return;
    const live = (): LogEntry[] => [...this.kept.values()].flatMap(({ entry }) => entry ?? []);
    if (!this.file.isWorthRewriting(live)) return;
    this.rewriting = this.file
      .rewrite(live)
      .catch((error: unknown) =>
        this.log.warn({ err: errorMessage(error) }, 'nonces.log cannot be rewritten'),
      )
      .finally(() => (this.rewriting = null));
  }
}
