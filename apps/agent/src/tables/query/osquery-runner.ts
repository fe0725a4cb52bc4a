import { spawn, type ChildProcessByStdio } from 'node:child_process';
import path from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { type Readable } from 'node:stream';
import { errorCode, errorMessage } from '../../platform/files.js';
import { Deadline } from './deadline.js';
import {
  neverRan,
  QUERIES_AT_ONCE,
  rowTooLarge,
  type QueryEndKind,
  type QueryLimits,
  type QueryOutcome,
  type QuerySink,
  type Runner,
} from './query.js';
import { Turns } from './turns.js';
import { Watch } from './usage.js';

const LOOK_MS = 50;
const ERROR_BYTES = 64 * 1024;
const CHUNK_ROWS = 500;
const CHUNK_BYTES = 256 * 1024;

/** Why a query was stopped, and in which words. */
interface Stop {
  readonly kind: QueryEndKind;
  readonly error: string;
}

type End = { readonly code: number | null } | { readonly error: Error };

/**
 * Asks osquery instead of our own tables, where the operator has it and says so: one process of `osqueryi`, or of
 * `osqueryd -S`, per query. Its rows, its errors; our limits.
 */
export class OsqueryRunner implements Runner {
  private readonly turns = new Turns(QUERIES_AT_ONCE);
  private readonly busy = new Set<OsqueryProcess>();
  private closed = false;

  /** @param binary path of osqueryi or osqueryd */
  constructor(private readonly binary: string) {}

  /** See `Runner`. */
  async run(sql: string, sink: QuerySink, limits: QueryLimits, signal?: AbortSignal): Promise<QueryOutcome> {
    if (!(await this.turns.take(signal))) return neverRan();
    try {
      if (this.closed || signal?.aborted === true) return neverRan();
      return await this.ask(new OsqueryProcess(this.binary, sql, limits), sink, signal);
    } catch (error) {
      return neverRan(notStarted(this.binary, error));
    } finally {
      this.turns.give();
    }
  }

  /** Ends every process; queries under way end as `cancelled`. */
  close(): void {
    this.closed = true;
    for (const process of this.busy) process.cancel();
  }

  private async ask(process: OsqueryProcess, sink: QuerySink, signal?: AbortSignal): Promise<QueryOutcome> {
    const cancel = (): void => process.cancel();
    signal?.addEventListener('abort', cancel);
    this.busy.add(process);
    const outcome = await process.answer(sink);
    this.busy.delete(process);
    signal?.removeEventListener('abort', cancel);
    return outcome;
  }
}

/** One process for one query. */
class OsqueryProcess {
  private readonly child: ChildProcessByStdio<null, Readable, Readable>;
  private readonly lines: Interface;
  private readonly deadline: Deadline;
  private readonly ended: Promise<End>;
  private stopped: Stop | null = null;
  private rows = 0;
  private readonly seen: Watch;
  private said = '';

  constructor(
    private readonly binary: string,
    sql: string,
    private readonly limits: QueryLimits,
  ) {
    const shell = path.basename(binary).startsWith('osqueryd') ? ['-S'] : [];
    const { deniedTables = [] } = limits;
    const without = deniedTables.length === 0 ? [] : [`--disable_tables=${deniedTables.join(',')}`];
    // Behind `--` a query is a query, whatever it begins with.
    this.child = spawn(binary, [...shell, '--json', '--disable_extensions', ...without, '--', sql], {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: '/',
    });
    this.seen = new Watch(this.child.pid);
    this.lines = createInterface({ input: this.child.stdout });
    this.deadline = new Deadline(limits.milliseconds, () => this.stop('time', 'killed: time'));
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (this.said.length < ERROR_BYTES) this.said += text;
    });
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => resolve({ error }));
      this.child.once('close', (code) => resolve({ code }));
    });
  }

  /** Never rejects: whatever goes wrong is the outcome. */
  async answer(sink: QuerySink): Promise<QueryOutcome> {
    const watch = setInterval(() => this.look(), LOOK_MS);
    const [reading, ending] = await Promise.all([
      this.read(sink).then(
        () => null,
        (error: unknown) => this.unread(error),
      ),
      this.ended,
    ]);
    this.deadline.pause();
    clearInterval(watch);
    const { userMs, systemMs } = this.seen.last;
    const stats = {
      rows: this.rows,
      milliseconds: Math.round(this.deadline.elapsed),
      userMs,
      systemMs,
      peakBytes: this.seen.peakBytes,
      warnings: [],
    };
    const failure = this.stopped?.error ?? this.complaint(ending, reading);
    return { kind: this.stopped?.kind ?? (failure === null ? 'answered' : 'error'), error: failure, stats };
  }

  /** Ends it, as `cancelled`. */
  cancel(): void {
    this.stop('cancelled', 'cancelled');
  }

  private async read(sink: QuerySink): Promise<void> {
    let names: string[] | null = null;
    let chunk: (string | null)[][] = [];
    let bytes = 0;
    // One object per line, between the brackets of a list.
    for await (const line of this.lines) {
      if (this.stopped !== null) break;
      const text = line.trim().replace(/,$/, '');
      if (!text.startsWith('{')) continue;
      const row = parseRow(text);
      if (names === null) sink.columns((names = Object.keys(row)));
      if (this.rows === this.limits.rows) {
        this.stop('rows', `more than ${this.limits.rows} rows`);
        break;
      }
      const values = names.map((name) => row[name] ?? null);
      const tooLarge = rowTooLarge(values, this.limits, this.rows + 1);
      if (tooLarge !== null) {
        this.stop('error', tooLarge);
        break;
      }
      this.rows += 1;
      chunk.push(values);
      bytes += text.length;
      if (chunk.length < CHUNK_ROWS && bytes < CHUNK_BYTES) continue;
      await this.hand(sink, chunk);
      chunk = [];
      bytes = 0;
    }
    if (chunk.length > 0) await this.hand(sink, chunk);
  }

  /** Hands rows over; the time until they have been taken is not the query's. */
  private async hand(sink: QuerySink, rows: (string | null)[][]): Promise<void> {
    this.deadline.pause();
    await sink.rows(rows);
    if (this.stopped === null) this.deadline.resume();
  }

  private look(): void {
    this.seen.look();
    if (this.seen.peakBytes > this.limits.memoryBytes) this.stop('memory', 'killed: memory');
  }

  private stop(kind: QueryEndKind, error: string): void {
    this.stopped ??= { kind, error };
    this.close();
  }

  private close(): void {
    this.child.kill('SIGKILL');
    // Whatever it may have started can hold these open for longer than it lives.
    this.lines.close();
    this.child.stdout.destroy();
    this.child.stderr.destroy();
  }

  private unread(error: unknown): string {
    this.close();
    return errorMessage(error);
  }

  /** What osquery itself says counts for more than what could be read of it. */
  private complaint(end: End, reading: string | null): string | null {
    if ('error' in end) return notStarted(this.binary, end.error);
    if (end.code === 0) return reading;
    if (end.code === null) return reading ?? 'osquery was killed';
    return this.said.trim().replace(/^Error: /, '') || `osquery ended with exit code ${end.code}`;
  }
}

function parseRow(text: string): Record<string, string> {
  try {
    return JSON.parse(text) as Record<string, string>;
  } catch (error) {
    throw new Error(`osquery answered what is no JSON: ${errorMessage(error)}`, { cause: error });
  }
}

function notStarted(binary: string, error: unknown): string {
  const code = errorCode(error);
  const why =
    code === 'ENOENT'
      ? 'there is no such file'
      : code === 'E2BIG'
        ? 'the query is too long for a command line'
        : errorMessage(error);
  return `osquery (${binary}) could not be started: ${why}`;
}
