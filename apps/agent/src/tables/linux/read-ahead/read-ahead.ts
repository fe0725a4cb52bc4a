import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { programFile } from '../../../platform/program-file.js';
import { type ScanContext } from '../../engine/table.js';
import { readProcLink, readRecord } from '../proc.js';
import {
  AREA_BYTES,
  AREAS,
  claimsFor,
  FINISHED,
  FREE,
  GROUP,
  LENGTH_BYTES,
  NOT_READ,
  OF_SCAN,
  OF_THREAD,
  type Part,
  placeOf,
  READ,
  stateOf,
} from './layout.js';

/** Fewer processes are read before the thread has woken up. */
const LEAST = 32;
/** Milliseconds that the thread may take for one process: reading one may hang, as when its memory is locked. */
const PATIENCE = 1_000;

/** What can be read of one process. */
export interface ProcFiles {
  readonly pid: number;
  /** Whether another thread has read it. */
  readonly ahead: boolean;
  /** @see readRecord */
  readonly record: (name: string) => string | null;
  /** @see readProcLink */
  readonly link: (name: string) => string | null;
}

/**
 * Reads the files of many processes on two threads. Nearly all the time of such a scan is the kernel's, for thousands of small files; a
 * second thread halves it. It is started when a first scan is over: before, its start would cost more than its help gives. One scan at a
 * time has that help; the others read alone, as all do on a host with one processor.
 */
export class ReadAhead {
  private thread: Worker | null = null;
  private areas: SharedArrayBuffer | null = null;
  /** Whether there may be a thread, and no scan has its help now. */
  private hasHelp = availableParallelism() > 1;

  /** Those of all these processes, in this order; of one that has gone all is null. @param parts what will be asked for, `stat` first */
  *filesOf(pids: readonly number[], parts: readonly Part[], context: ScanContext): Iterable<ProcFiles> {
    const isWorthIt = this.hasHelp && pids.length >= LEAST;
    if (isWorthIt && this.thread !== null) {
      yield* this.filesWithHelp(this.thread, pids, parts, context);
      return;
    }
    for (const pid of pids) yield filesOf(pid, NOTHING, context);
    if (isWorthIt) this.thread ??= this.start();
  }

  private *filesWithHelp(
    thread: Worker,
    pids: readonly number[],
    parts: readonly Part[],
    context: ScanContext,
  ): Iterable<ProcFiles> {
    this.hasHelp = false;
    this.areas ??= new SharedArrayBuffer(AREAS * AREA_BYTES);
    const scan = { pids, parts, claims: new SharedArrayBuffer(claimsFor(pids.length)), areas: this.areas };
    const claims = new Int32Array(scan.claims);
    const entries = Buffer.from(scan.areas);
    const read = (index: number): ReadonlyMap<string, string> =>
      claim(claims, index) ? NOTHING : entryAt(claims[placeOf(index)] ?? 0, entries, parts);
    thread.postMessage(scan);
    try {
      for (const [index, pid] of pids.entries()) {
        if (index > 0 && index % GROUP === 0) finish(claims, index / GROUP);
        yield filesOf(pid, read(index), context);
      }
    } finally {
      // More than there are groups: it may stop.
      finish(claims, pids.length);
      this.hasHelp = thread === this.thread;
    }
  }

  private start(): Worker {
    // It holds no rows, only a process at a time.
    const limits = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };
    const thread = new Worker(programFile('read-ahead'), { resourceLimits: limits, stdin: false });
    thread.unref();
    const end = (): void => {
      this.thread = null;
      this.hasHelp = false;
    };
    // Without it all is read as before, only slower.
    return thread.once('error', end).once('exit', end);
  }
}

const NOTHING: ReadonlyMap<string, string> = new Map();

function filesOf(pid: number, read: ReadonlyMap<string, string>, context: ScanContext): ProcFiles {
  const folder = `/proc/${pid}/`;
  return {
    pid,
    ahead: read !== NOTHING,
    record: (name) => read.get(name) ?? readRecord(folder + name, context),
    link: (name) => read.get(name) ?? readProcLink(folder + name, context),
  };
}

function finish(claims: Int32Array, groups: number): void {
  Atomics.store(claims, FINISHED, groups);
  Atomics.notify(claims, FINISHED);
}

/** Whether the process is the scan's to read; waits until it is read if it is the thread's. */
function claim(claims: Int32Array, index: number): boolean {
  const state = stateOf(index);
  if (Atomics.compareExchange(claims, state, FREE, OF_SCAN) === FREE) return true;
  Atomics.wait(claims, state, OF_THREAD, PATIENCE);
  return Atomics.load(claims, state) !== READ;
}

/** What the thread has read of a process. */
function entryAt(place: number, entries: Buffer, parts: readonly Part[]): ReadonlyMap<string, string> {
  const read = new Map<string, string>();
  let at = place;
  for (const { name } of parts) {
    const length = entries.readInt32LE(at);
    at += LENGTH_BYTES;
    if (length === NOT_READ) continue;
    read.set(name, entries.toString('utf8', at, at + length));
    at += length;
  }
  return read;
}
