import { errorMessage } from '../../platform/files.js';
import {
  DEFAULT_LIMITS,
  neverRan,
  QUERIES_AT_ONCE,
  type QueryLimits,
  type QueryOutcome,
  type QuerySink,
  type Runner,
} from './query.js';
import { QueryProcess } from './query-process.js';
import { Turns } from './turns.js';

/** An idle process is kept this long for the next query: starting one takes a fifth of a second. */
const IDLE_MS = 10_000;

/**
 * Runs queries over this host's tables, each in a process that can be killed, and never in the agent's own: nothing of SQLite
 * or of the tables is loaded here.
 */
export class QueryRunner implements Runner {
  private readonly turns = new Turns(QUERIES_AT_ONCE);
  private readonly idle: QueryProcess[] = [];
  private readonly busy = new Set<QueryProcess>();
  private closed = false;

  /** See `Runner`. */
  async run(
    sql: string,
    sink: QuerySink,
    limits: QueryLimits = DEFAULT_LIMITS,
    signal?: AbortSignal,
  ): Promise<QueryOutcome> {
    if (!(await this.turns.take(signal))) return neverRan();
    try {
      // Its turn may have come at the moment when it was not wanted any more.
      if (this.closed || signal?.aborted === true) return neverRan();
      return await this.ask(sql, sink, limits, signal);
    } finally {
      this.turns.give();
    }
  }

  /** Ends every process; queries under way end as `cancelled`. */
  close(): void {
    this.closed = true;
    for (const process of this.idle.splice(0)) process.kill();
    for (const process of this.busy) process.cancel();
  }

  private async ask(
    sql: string,
    sink: QuerySink,
    limits: QueryLimits,
    signal?: AbortSignal,
  ): Promise<QueryOutcome> {
    let process: QueryProcess;
    try {
      process = this.takeIdle(limits.memoryBytes) ?? new QueryProcess(limits.memoryBytes);
    } catch (error) {
      return neverRan(`the query process could not be started: ${errorMessage(error)}`);
    }
    const cancel = (): void => process.cancel();
    signal?.addEventListener('abort', cancel);
    this.busy.add(process);
    const outcome = await process.query(sql, sink, limits);
    this.busy.delete(process);
    signal?.removeEventListener('abort', cancel);
    if (process.usable && !this.closed) this.keep(process);
    else process.kill();
    return outcome;
  }

  private takeIdle(memoryBytes: number): QueryProcess | undefined {
    const index = this.idle.findIndex((process) => process.usable && process.memoryBytes === memoryBytes);
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
