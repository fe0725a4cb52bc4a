import {
  type Chunk,
  type Ending,
  type KnownAttempt,
  Limits,
  type Order,
  type Report,
} from '#libs/protocol/index';
import { type SimulatedOutput } from './output.js';

/** SIGTERM, which ends a simulated process at once. */
const TERMINATED = 15;

/** One attempt while a simulated host holds it: where it stands, and how much of it the server has. */
export class Attempt {
  state: 'queued' | 'running' | 'ended' = 'queued';
  /** A message with a report of it is on its way. */
  inFlight = false;
  private startedAt = 0;
  private began = 0;
  private ending: Ending | null = null;
  private startTold = false;
  private nextSeq = 0;
  /** What of the order matters here. */
  readonly terms: {
    readonly lane: Order['lane'];
    readonly expiresAt: number | null;
    readonly timeoutSeconds: number;
  };

  /** @param receivedAt when the order arrived, by performance.now() */
  constructor(
    readonly id: string,
    order: Order,
    private readonly output: SimulatedOutput,
    readonly receivedAt: number,
  ) {
    this.terms = { lane: order.lane, expiresAt: order.expires_at, timeoutSeconds: order.timeout_seconds };
  }

  /** As the hello tells it. */
  get known(): KnownAttempt {
    return { attempt_id: this.id, state: this.state === 'queued' ? 'accepted' : this.state };
  }

  start(): void {
    this.state = 'running';
    this.startedAt = Date.now();
    this.began = performance.now();
  }

  /** It exits by itself. */
  finish(exitCode: number): void {
    this.end({ outcome: 'finished', reason: null, message: '', exit_code: exitCode, signal: null });
  }

  /** It is ended by us. */
  kill(outcome: 'killed' | 'timed_out', reason: Ending['reason'], message: string): void {
    this.end({ outcome, reason, message: message.slice(0, 4096), exit_code: null, signal: TERMINATED });
  }

  /** It did not get to its start. */
  failToStart(reason: Ending['reason'], message: string): void {
    this.end({ outcome: 'failed_to_start', reason, message, exit_code: null, signal: null });
  }

  /** Whether there is something to tell. */
  get hasNews(): boolean {
    return !this.inFlight && (this.ending !== null || (this.state === 'running' && !this.startTold));
  }

  /** The next report: all that is left to tell, as far as it fits into one window. */
  report(): Report {
    const report: Report = { attempt_id: this.id };
    if (this.state === 'queued' || this.startedAt === 0)
      return { ...report, ...(this.ending && { ending: this.ending }) };
    if (!this.startTold) report.started_at = this.startedAt;
    const chunks: Chunk[] = [];
    const all = this.output.chunks;
    for (let bytes = 0, seq = this.nextSeq; seq < all.length; seq++) {
      const data = all[seq] ?? '';
      bytes += data.length;
      if (bytes > Limits.windowBytes) break;
      chunks.push({ seq, stream: 'stdout', at: this.startedAt, data });
    }
    if (chunks.length > 0) report.chunks = chunks;
    if (this.ending !== null && this.nextSeq + chunks.length === all.length) report.ending = this.ending;
    return report;
  }

  /** The server has stored this report; true when that was the last one. */
  confirm(report: Report): boolean {
    if (report.started_at !== undefined) this.startTold = true;
    this.nextSeq += report.chunks?.length ?? 0;
    return report.ending !== undefined;
  }

  private end(how: Pick<Ending, 'outcome' | 'reason' | 'message' | 'exit_code' | 'signal'>): void {
    const started = this.startedAt !== 0;
    const none: SimulatedOutput = { chunks: [], bytes: 0, droppedBytes: 0, gapSeq: null };
    const { bytes, droppedBytes, gapSeq, chunks } = started ? this.output : none;
    this.state = 'ended';
    this.ending = {
      started_at: started ? this.startedAt : null,
      finished_at: Date.now(),
      duration_ms: started ? Math.round(performance.now() - this.began) : 0,
      stdout_bytes: bytes,
      stderr_bytes: 0,
      dropped_bytes: droppedBytes,
      gap_seq: gapSeq,
      chunks: chunks.length,
      ...how,
    };
  }
}
