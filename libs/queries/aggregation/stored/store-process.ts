import { fork, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { DomainError } from '#libs/platform/errors/index';
import {
  type AggregateResult,
  type AggregateHost,
  type AggregateRow,
  type AggregationLimits,
} from '../aggregation-types.js';
import { programFile } from '../../program-file.js';
import { type Placement } from '../results-table.js';
import { type FromStore, type StoreReady, type ToStore } from './messages.js';

/** SQLite stops by itself at the limit of time; if it does not, its process is ended this much later. */
const GRACE_MS = 1_000;
const MEMORY_LOOK_MS = 50;
/** Beside SQLite's memory: rows on their way in and out, and JavaScript itself. */
const HEAP_MEGABYTES = 128;

/** The process that keeps the rows of one aggregation. Whatever goes wrong ends it, and is the answer to everything from then on. */
export class StoreProcess {
  private readonly child: ChildProcess;
  /** Starting is not what the limit of time is about. */
  private readonly begun: Promise<void>;
  /** One request at a time. */
  private last: Promise<unknown> = Promise.resolve();
  private answered: ((said: FromStore) => void) | null = null;
  private ended: Extract<FromStore, { t: 'failed' }> | null = null;

  constructor(
    private readonly sql: string,
    private readonly limits: AggregationLimits,
  ) {
    this.child = fork(
      programFile('results-store'),
      [String(limits.memoryBytes), String(limits.milliseconds)],
      {
        execArgv: [`--max-old-space-size=${HEAP_MEGABYTES + Math.ceil(limits.memoryBytes / 1024 / 1024)}`],
        serialization: 'advanced',
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
        cwd: '/',
        // The server's environment has secrets that are none of its business.
        env: {},
      },
    );
    // What answers hosts comes first.
    if (this.child.pid !== undefined) setPriority(this.child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    this.begun = new Promise((resolve) => {
      this.child.once('error', () => resolve());
      this.child.once('exit', () => resolve());
      this.child.on('message', (said: FromStore | StoreReady) => {
        if (said.t === 'ready') resolve();
        else this.answered?.(said);
      });
    });
    this.child.once('error', (error) => this.end('error', `SQLite could not be started: ${error.message}`));
    this.child.once('exit', (_, signal) => {
      // Node aborts when its heap is full; Linux kills when the machine's memory is.
      if (signal === 'SIGABRT' || signal === 'SIGKILL') this.end('memory', 'killed: memory');
      else this.end('error', 'the process of the aggregation ended');
    });
  }

  /** @returns the names of the result's columns @throws DomainError invalid; unavailable when there is no process for it */
  async check(): Promise<readonly string[]> {
    const said = await this.ask({ t: 'check', sql: this.sql });
    if (said.t === 'checked') return said.columns;
    const reason = said.t === 'failed' ? said.message : 'unexpected answer';
    if (said === this.ended && said.kind === 'error') throw new DomainError('unavailable', reason);
    throw new DomainError('invalid', {
      name: 'aggregate',
      reason: `aggregate must be one SELECT over the table results: ${reason}`,
    });
  }

  /** Resolves when the rows are stored, or never will be. */
  async add(placement: Placement, rows: readonly AggregateRow[], host: AggregateHost): Promise<void> {
    const said = await this.ask({ t: 'add', added: placement.added, places: placement.places, rows, host });
    if (said.t === 'failed') this.end(said.kind, said.message);
  }

  /** The SELECT over all rows before. */
  async evaluate(): Promise<AggregateResult> {
    const said = await this.ask({ t: 'evaluate', rows: this.limits.rows });
    if (said.t === 'result') return { columns: said.columns, rows: said.rows };
    return { error: said.t === 'failed' ? said.message : 'unexpected answer' };
  }

  /** Ends it at once. */
  kill(): void {
    this.end('error', 'the aggregation is closed');
  }

  private ask(message: ToStore): Promise<FromStore> {
    const answer = this.last.then(async () => {
      await this.begun;
      return this.exchange(message);
    });
    this.last = answer;
    return answer;
  }

  private exchange(message: ToStore): Promise<FromStore> {
    if (this.ended) return Promise.resolve(this.ended);
    return new Promise((resolve) => {
      const deadline = setTimeout(
        () => this.end('time', 'killed: time'),
        this.limits.milliseconds + GRACE_MS,
      );
      const most = this.limits.memoryBytes + HEAP_MEGABYTES * 1024 * 1024;
      const watch = setInterval(() => {
        if (this.residentBytes() > most) this.end('memory', 'killed: memory');
      }, MEMORY_LOOK_MS);
      this.answered = (said) => {
        clearTimeout(deadline);
        clearInterval(watch);
        this.answered = null;
        // What was stopped halfway is of no use, and would be stopped again.
        if (said.t === 'failed' && said.kind !== 'error') this.end(said.kind, said.message);
        resolve(said);
      };
      this.child.send(message, (error) => {
        if (error) this.end('error', `the process of the aggregation takes no more: ${error.message}`);
      });
    });
  }

  /** The first reason stays. */
  private end(kind: 'error' | 'time' | 'memory', message: string): void {
    if (this.ended) return;
    this.ended = { t: 'failed', kind, message };
    this.child.kill('SIGKILL');
    this.answered?.(this.ended);
  }

  /** 0 where there is no /proc: then SQLite's own limit and that of the heap have to do. */
  private residentBytes(): number {
    try {
      return Number(readFileSync(`/proc/${this.child.pid}/statm`, 'utf8').split(' ')[1]) * 4096;
    } catch {
      return 0;
    }
  }
}
