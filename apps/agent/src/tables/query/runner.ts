import { fork, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type QueryLimits as EngineLimits } from '../engine/engine.js';
import { type FromChild, type ToChild } from './messages.js';

/** Bounds of one query. */
export interface QueryLimits extends EngineLimits {
  /** Bytes that its process may need beyond what it began with. */
  readonly memoryBytes: number;
}

export const DEFAULT_LIMITS: QueryLimits = {
  milliseconds: 60_000,
  memoryBytes: 256 * 1024 * 1024,
  rows: 100_000,
};

/** How a query ended. */
export interface QueryOutcome {
  /** null when it succeeded; else SQLite's or osquery's own words, or `killed: time`, `killed: memory`. */
  readonly error: string | null;
  readonly stats: {
    readonly rows: number;
    readonly milliseconds: number;
    /** Most memory that the process had, bytes. */
    readonly peakBytes: number;
    /** What could not be read, each once. */
    readonly warnings: readonly string[];
  };
}

/** Takes what a query answers. The next rows are computed when the promise has resolved. */
export interface QuerySink {
  columns(columns: readonly string[]): void;
  rows(rows: readonly (readonly (string | null)[])[]): Promise<void> | void;
}

/** Whoever answers queries: our own tables, or osquery. */
export interface Runner {
  /** Never rejects: whatever goes wrong is the outcome. The sink has been given everything when this resolves. */
  run(sql: string, sink: QuerySink, limits: QueryLimits): Promise<QueryOutcome>;
  close(): void;
}

/** Queries beside each other; more wait. */
const PROCESSES = 4;
/** An idle process is kept this long for the next query: starting one takes a fifth of a second. */
const IDLE_MS = 10_000;
/** A query that does not stop by itself at its limit is stopped by ending its process, this much later. */
const GRACE_MS = 200;
const MEMORY_LOOK_MS = 50;
const CHILD = fileURLToPath(new URL('./child.js', import.meta.url));

/** Runs queries over this host's tables, each in a process that can be killed, and never in the agent's own. */
export class QueryRunner implements Runner {
  private readonly idle: QueryProcess[] = [];
  private readonly waiting: (() => void)[] = [];
  private busy = 0;
  private closed = false;

  /** Never rejects: whatever goes wrong is the outcome. The sink has been given everything when this resolves. */
  async run(sql: string, sink: QuerySink, limits: QueryLimits = DEFAULT_LIMITS): Promise<QueryOutcome> {
    await this.turn();
    try {
      const process = this.takeIdle(limits.memoryBytes) ?? new QueryProcess(limits.memoryBytes);
      const outcome = await process.query(sql, sink, limits);
      if (process.usable && !this.closed) this.keep(process);
      else process.kill();
      return outcome;
    } finally {
      this.busy -= 1;
      this.waiting.shift()?.();
    }
  }

  /** Ends every process; queries under way end as killed. */
  close(): void {
    this.closed = true;
    for (const process of this.idle.splice(0)) process.kill();
  }

  private async turn(): Promise<void> {
    while (this.busy >= PROCESSES) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.busy += 1;
  }

  private takeIdle(memoryBytes: number): QueryProcess | undefined {
    const index = this.idle.findIndex((process) => process.memoryBytes === memoryBytes);
    return index < 0 ? undefined : this.idle.splice(index, 1)[0];
  }

  private keep(process: QueryProcess): void {
    this.idle.push(process);
    setTimeout(() => {
      const index = this.idle.indexOf(process);
      if (index < 0) return;
      this.idle.splice(index, 1);
      process.kill();
    }, IDLE_MS).unref();
  }
}

/** One process, one query at a time. */
class QueryProcess {
  private readonly child: ChildProcess;
  private readonly ready: Promise<void>;
  private readonly baseBytes: Promise<number>;
  private ended = false;
  usable = true;

  constructor(readonly memoryBytes: number) {
    const megabytes = Math.ceil(memoryBytes / 1024 / 1024) + 64;
    this.child = fork(CHILD, [String(memoryBytes)], {
      execArgv: [`--max-old-space-size=${megabytes}`],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      cwd: '/',
    });
    // The host's own work comes first.
    if (this.child.pid !== undefined) setPriority(this.child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    this.ready = new Promise((resolve) => {
      this.child.once('message', () => resolve());
      this.child.once('exit', () => resolve());
      this.child.once('error', () => resolve());
    });
    this.child.once('exit', () => (this.ended = true));
    this.child.once('error', () => (this.ended = true));
    this.baseBytes = this.ready.then(() => this.residentBytes());
  }

  async query(sql: string, sink: QuerySink, limits: QueryLimits): Promise<QueryOutcome> {
    const base = await this.baseBytes;
    const begun = performance.now();
    let rows = 0;
    let peak = base;
    const outcome = (error: string | null, warnings: readonly string[] = []): QueryOutcome => ({
      error,
      stats: { rows, milliseconds: Math.round(performance.now() - begun), peakBytes: peak, warnings },
    });
    if (this.ended) return this.spoil(outcome('the query process could not be started'));
    return new Promise((resolve) => {
      const finish = (result: QueryOutcome): void => {
        clearTimeout(deadline);
        clearInterval(watch);
        this.child.off('message', hear);
        this.child.off('exit', lost);
        resolve(result);
      };
      const stop = (why: string): void => {
        this.kill();
        finish(this.spoil(outcome(`killed: ${why}`)));
      };
      const lost = (): void => finish(this.spoil(outcome('the query process died')));
      const hear = (message: FromChild): void => {
        switch (message.t) {
          case 'ready':
            return;
          case 'columns':
            return sink.columns(message.columns);
          case 'rows':
            rows += message.rows.length;
            Promise.resolve(sink.rows(message.rows)).then(
              () => this.say({ t: 'more' }),
              (error: unknown) => {
                this.kill();
                finish(this.spoil(outcome(`the rows were not taken: ${String(error)}`)));
              },
            );
            return;
          case 'end':
            return finish(outcome(null, message.warnings));
          case 'failed':
            // What SQLite held when it ran out of memory is not worth keeping.
            if (message.kind === 'memory') this.usable = false;
            return finish(outcome(message.message, message.warnings));
        }
      };
      const deadline = setTimeout(() => stop('time'), limits.milliseconds + GRACE_MS);
      const watch = setInterval(() => {
        peak = Math.max(peak, this.residentBytes());
        if (peak - base > limits.memoryBytes) stop('memory');
      }, MEMORY_LOOK_MS);
      this.child.on('message', hear);
      this.child.once('exit', lost);
      this.say({ t: 'query', sql, limits: { milliseconds: limits.milliseconds, rows: limits.rows } });
    });
  }

  kill(): void {
    this.usable = false;
    this.child.kill('SIGKILL');
  }

  private say(message: ToChild): void {
    if (this.child.connected) this.child.send(message);
  }

  private spoil(outcome: QueryOutcome): QueryOutcome {
    this.usable = false;
    return outcome;
  }

  /** 0 where there is no /proc: then SQLite's own limit and that of the heap have to do. */
  private residentBytes(): number {
    try {
      const pages = readFileSync(`/proc/${this.child.pid}/statm`, 'utf8').split(' ')[1];
      return Number(pages) * 4096;
    } catch {
      return 0;
    }
  }
}
