import { type Session, type SessionEvent } from '../api/session-shapes.js';
import { type SessionsApi } from '../api/sessions-api.js';
import { isFinal } from '../api/shapes.js';
import { type Context } from '../connect.js';
import { ExitCode } from '../errors.js';
import { cancelOnInterrupt } from '../output/cancel-on-interrupt.js';
import { CollectedOutput } from '../output/collected-output.js';
import { describeDuration, exitCodeOf } from '../output/outcome.js';
import { OutputWriter } from '../output/output-writer.js';
import { type Io, line } from '../terminal/io.js';
import { Progress } from '../terminal/progress.js';
import { describeState } from './describe.js';
import { followSession } from './follow-session.js';
import { chunkOf, wordsOf } from './session-output.js';

export interface SessionRunOptions {
  /** Seconds to watch it; what has not ended by then goes on. Absent: until its end. */
  readonly wait?: number;
  readonly json?: boolean;
}

/** One session at a terminal, from the moment at which it may begin to its end. */
export class SessionRun {
  private readonly io: Io;
  private readonly progress: Progress;
  private readonly collected = new CollectedOutput();
  private readonly writer: OutputWriter;
  /** Aborts when nobody watches any more. */
  private readonly left = new AbortController();
  private waited = false;
  private written = false;

  constructor(
    { io }: Context,
    private readonly api: SessionsApi,
    private readonly id: string,
    private readonly options: SessionRunOptions,
  ) {
    this.io = io;
    this.progress = new Progress(io, options.json === true);
    this.writer = new OutputWriter(io, undefined);
  }

  /** @returns the exit code */
  async run(): Promise<number> {
    const { api, id, left } = this;
    const watched = {
      cancel: async () => void (await api.kill(id)),
      command: `muster sessions replay ${id}`,
    };
    const interrupted = cancelOnInterrupt(this.io, watched, left);
    const looking = this.lookAgainAndAgain();
    const timer = this.leaveInTime();
    try {
      const events = followSession(api, id, {
        signal: left.signal,
        onDrop: () => this.progress.warn(`lost contact with ${api.url}, trying again…`),
        onResume: () => this.progress.note('in contact again'),
      });
      for await (const event of events) await this.take(event);
    } catch (error) {
      if (!left.signal.aborted) throw error;
      if (!this.waited) return ExitCode.cancelled;
    } finally {
      clearTimeout(timer);
      looking.stop();
      this.progress.clear();
      interrupted.stop();
    }
    return this.tell(await api.get(id));
  }

  private async take(event: SessionEvent): Promise<void> {
    if (event.type === 'input') return;
    this.written = true;
    this.progress.clear();
    if (event.type === 'closing') this.progress.warn(wordsOf(event));
    else if (this.options.json) this.collected.add(chunkOf(event));
    else await this.writer.write(chunkOf(event));
  }

  private tell(session: Session): number {
    const over = isFinal(session.state);
    if (this.options.json) {
      line(this.io.stdout, JSON.stringify({ ...session.raw, output: this.collected.all() }, null, 2));
    } else if (!over) {
      line(this.io.stderr, `it goes on: \`muster sessions replay ${this.id}\` shows it`);
    } else if (session.exitCode !== undefined && session.durationMs !== undefined) {
      this.progress.note(`exit code ${session.exitCode} after ${describeDuration(session.durationMs)}`);
    }
    return over ? exitCodeOf({ ...session, signal: undefined }) : ExitCode.notYet;
  }

  private leaveInTime(): NodeJS.Timeout | undefined {
    const { wait } = this.options;
    if (wait === undefined) return undefined;
    return setTimeout(() => {
      this.waited = true;
      this.left.abort();
    }, wait * 1000);
  }

  /** Says what is going on until it writes something: that may stand in the middle of a line. */
  private lookAgainAndAgain(): { stop: () => void } {
    if (!this.progress.visible) return { stop: () => undefined };
    const began = Date.now();
    let timer: NodeJS.Timeout | undefined;
    let stopped = false;
    const look = async (): Promise<void> => {
      try {
        const session = await this.api.get(this.id, this.left.signal);
        if (stopped || this.written || isFinal(session.state)) return;
        this.progress.show(describeState(session, Date.now() - began));
      } catch {
        // Only a comfort; the stream notices what is wrong.
      }
      if (!stopped && !this.written) again();
    };
    const again = (): void => {
      timer = setTimeout(() => void look(), 1000);
    };
    again();
    return {
      stop: () => {
        stopped = true;
        clearTimeout(timer);
      },
    };
  }
}
