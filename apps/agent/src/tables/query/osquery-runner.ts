import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { errorCode, errorMessage } from '../../platform/files.js';
import { type QueryLimits, type QueryOutcome, type QuerySink, type Runner } from './runner.js';

const MEMORY_LOOK_MS = 50;
const ERROR_BYTES = 64 * 1024;
const CHUNK_ROWS = 500;

/**
 * Asks osquery instead of our own tables, where the operator has it and says so: one process of `osqueryi`, or of
 * `osqueryd -S`, per query. Its rows, its errors; our limits.
 */
export class OsqueryRunner implements Runner {
  /** @param binary path of osqueryi or osqueryd */
  constructor(private readonly binary: string) {}

  run(sql: string, sink: QuerySink, limits: QueryLimits): Promise<QueryOutcome> {
    const begun = performance.now();
    const shell = path.basename(this.binary).startsWith('osqueryd') ? ['-S'] : [];
    // Behind `--` a query is a query, whatever it begins with.
    const child = spawn(this.binary, [...shell, '--json', '--disable_extensions', '--', sql], {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: '/',
    });
    let killed: 'time' | 'memory' | 'rows' | null = null;
    let rows = 0;
    let peak = 0;
    let said = '';
    const stop = (why: typeof killed): void => {
      killed ??= why;
      child.kill('SIGKILL');
    };
    const deadline = setTimeout(() => stop('time'), limits.milliseconds);
    const watch = setInterval(() => {
      peak = Math.max(peak, residentBytes(child.pid));
      if (peak > limits.memoryBytes) stop('memory');
    }, MEMORY_LOOK_MS);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < ERROR_BYTES) said += text;
    });
    const ended = new Promise<{ code: number | null } | { error: Error }>((resolve) => {
      child.once('error', (error) => resolve({ error }));
      child.once('close', (code) => resolve({ code }));
    });
    const read = (async (): Promise<void> => {
      let names: string[] | null = null;
      let chunk: (string | null)[][] = [];
      // One object per line, between the brackets of a list.
      for await (const line of createInterface({ input: child.stdout })) {
        const text = line.trim().replace(/,$/, '');
        if (!text.startsWith('{')) continue;
        const row = JSON.parse(text) as Record<string, string>;
        if (names === null) sink.columns((names = Object.keys(row)));
        if (rows === limits.rows) return stop('rows');
        rows += 1;
        chunk.push(names.map((name) => row[name] ?? null));
        if (chunk.length < CHUNK_ROWS) continue;
        await sink.rows(chunk);
        chunk = [];
      }
      if (chunk.length > 0) await sink.rows(chunk);
    })();
    return Promise.allSettled([read, ended]).then(([reading, ending]) => {
      clearTimeout(deadline);
      clearInterval(watch);
      const end = ending.status === 'fulfilled' ? ending.value : { code: null };
      const stats = {
        rows,
        milliseconds: Math.round(performance.now() - begun),
        peakBytes: peak,
        warnings: [],
      };
      return { error: this.errorOf(killed, limits, end, said, reading), stats };
    });
  }

  close(): void {
    // Nothing is kept between queries.
  }

  private errorOf(
    killed: 'time' | 'memory' | 'rows' | null,
    limits: QueryLimits,
    end: { code: number | null } | { error: Error },
    said: string,
    reading: PromiseSettledResult<void>,
  ): string | null {
    if (killed === 'rows') return `more than ${limits.rows} rows`;
    if (killed !== null) return `killed: ${killed}`;
    if ('error' in end) {
      const why = errorCode(end.error) === 'ENOENT' ? 'there is no such file' : errorMessage(end.error);
      return `osquery (${this.binary}) could not be started: ${why}`;
    }
    if (end.code !== 0)
      return said.trim().replace(/^Error: /, '') || `osquery ended with exit code ${end.code}`;
    return reading.status === 'rejected'
      ? `osquery answered what is no JSON: ${errorMessage(reading.reason)}`
      : null;
  }
}

/** 0 where there is no /proc. */
function residentBytes(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
  } catch {
    return 0;
  }
}
