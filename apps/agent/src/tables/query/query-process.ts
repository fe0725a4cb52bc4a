import { fork, type ChildProcess } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { programFile } from '../../platform/program-file.js';
import { Deadline } from './deadline.js';
import { type ChildUsage, type FromChild, type ToChild } from './messages.js';
import { type QueryEndKind, type QueryLimits, type QueryOutcome, type QuerySink } from './query.js';
import { Taking } from './taking.js';
import { usageOf, type Usage, Watch } from './usage.js';

/** A query that does not stop by itself at its limit is stopped by ending its process, this much later. */
const GRACE_MS = 200;
const MEMORY_LOOK_MS = 50;

/** One process, one query at a time. */
export class QueryProcess {
  private readonly child: ChildProcess;
  private readonly ready: Promise<void>;
  private readonly baseBytes: Promise<number>;
  private ended = false;
  private cancelled = false;
  private stop: (kind: QueryEndKind, error: string) => void = () => this.kill();
  /** Whether it can be asked again. */
  usable = true;

  /** @param memoryBytes bound of every query in it, beyond what the process begins with */
  constructor(readonly memoryBytes: number) {
    const megabytes = Math.ceil(memoryBytes / 1024 / 1024) + 64;
    this.child = fork(programFile('query'), [String(memoryBytes)], {
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
    const end = (): void => {
      this.ended = true;
      this.usable = false;
    };
    this.child.once('exit', end).once('error', end);
    this.baseBytes = this.ready.then(() => usageOf(this.child.pid).residentBytes);
  }

  /** Never rejects: whatever goes wrong is the outcome. */
  async query(sql: string, sink: QuerySink, limits: QueryLimits): Promise<QueryOutcome> {
    const base = await this.baseBytes;
    const measured = new Measurements(this.child.pid, base);
    if (this.ended || this.cancelled) {
      this.kill();
      const error = this.cancelled ? 'cancelled' : 'the query process could not be started';
      return measured.outcome(this.cancelled ? 'cancelled' : 'error', error, 0);
    }
    return new Promise((resolve) => {
      const finish = (kind: QueryEndKind, error: string | null, end?: Reading): void => {
        taking.close();
        deadline.pause();
        clearInterval(watch);
        this.child.off('message', hear);
        this.child.off('exit', lost);
        this.stop = () => this.kill();
        resolve(measured.outcome(kind, error, deadline.elapsed, end));
      };
      this.stop = (kind, error) => {
        measured.look();
        this.kill();
        finish(kind, error);
      };
      const lost = (): void => this.stop('error', 'the query process died');
      const hear = (message: FromChild): void => {
        switch (message.t) {
          case 'ready':
            return;
          case 'columns':
            return sink.columns(message.columns);
          case 'rows':
            measured.rows += message.rows.length;
            return taking.take(message.rows);
          case 'end':
            return taking.end(() => finish('answered', null, message));
          case 'failed':
            return taking.end(() => {
              // What SQLite held when it ran out of memory is not worth keeping.
              if (message.kind === 'memory') this.kill();
              finish(message.kind, message.message, message);
            });
        }
      };
      const taking = new Taking(sink, {
        more: () => this.say({ t: 'taken' }),
        heldUp: (isHeldUp) => (isHeldUp ? deadline.pause() : deadline.resume()),
        refused: (error) => this.stop('error', `the rows were not taken: ${String(error)}`),
      });
      const deadline = new Deadline(limits.milliseconds + GRACE_MS, () => this.stop('time', 'killed: time'));
      const watch = setInterval(() => {
        if (measured.look() - base > limits.memoryBytes) this.stop('memory', 'killed: memory');
      }, MEMORY_LOOK_MS);
      this.child.on('message', hear);
      this.child.once('exit', lost);
      const { milliseconds, rows, rowBytes, deniedTables } = limits;
      this.say({ t: 'query', sql, limits: { milliseconds, rows, rowBytes, deniedTables } });
    });
  }

  /** Ends the query that runs, as `cancelled`, and the process with it. */
  cancel(): void {
    this.cancelled = true;
    this.stop('cancelled', 'cancelled');
  }

  kill(): void {
    this.usable = false;
    this.child.kill('SIGKILL');
  }

  private say(message: ToChild): void {
    if (this.child.connected) this.child.send(message);
  }
}

/** What a process says at the end of a query. */
type Reading = { readonly warnings: readonly string[]; readonly usage: ChildUsage };

/** What one query costs: seen from outside while it runs, told by its process when it ends in peace. */
class Measurements {
  rows = 0;
  private readonly before: Usage;
  private readonly watch: Watch;

  constructor(pid: number | undefined, baseBytes: number) {
    this.watch = new Watch(pid, baseBytes);
    this.before = this.watch.last;
  }

  /** Looks at the process; returns the memory that it has, bytes. */
  look(): number {
    return this.watch.look();
  }

  outcome(kind: QueryEndKind, error: string | null, milliseconds: number, end?: Reading): QueryOutcome {
    const { last, peakBytes } = this.watch;
    const stats = {
      rows: this.rows,
      milliseconds: Math.round(milliseconds),
      userMs: end === undefined ? last.userMs - this.before.userMs : Math.round(end.usage.user / 1000),
      systemMs:
        end === undefined ? last.systemMs - this.before.systemMs : Math.round(end.usage.system / 1000),
      peakBytes: Math.max(peakBytes, end?.usage.residentBytes ?? 0),
      warnings: end?.warnings ?? [],
    };
    return { kind, error, stats };
  }
}
