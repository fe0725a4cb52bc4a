import { readFileSync } from 'node:fs';
import { statFields } from '../../platform/proc-stat.js';

/** What a process has and has used. */
export interface Usage {
  /** Memory that it has now, bytes. */
  readonly residentBytes: number;
  /** Processor time since it began, milliseconds. */
  readonly userMs: number;
  readonly systemMs: number;
}

const PAGE_BYTES = 4096;
/** Linux tells every program that a second has 100 ticks. */
const TICK_MS = 10;

/** Looks at a process from outside; all zero when it has gone, or where there is no /proc. */
export function usageOf(pid: number | undefined): Usage {
  try {
    const fields = statFields(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
    return {
      residentBytes: Number(fields[21]) * PAGE_BYTES,
      userMs: Number(fields[11]) * TICK_MS,
      systemMs: Number(fields[12]) * TICK_MS,
    };
  } catch {
    return { residentBytes: 0, userMs: 0, systemMs: 0 };
  }
}

/** A process that is looked at from outside, again and again. */
export class Watch {
  private seen: Usage;

  /** @param peak the most memory that it is known to have had, bytes */
  constructor(
    private readonly pid: number | undefined,
    private peak = 0,
  ) {
    this.seen = usageOf(pid);
  }

  /** What it had used when it was there last. */
  get last(): Usage {
    return this.seen;
  }

  /** The most memory that it had whenever it was looked at, bytes. */
  get peakBytes(): number {
    return this.peak;
  }

  /** Looks at it; returns the memory that it has, bytes: 0 when it has gone. */
  look(): number {
    const now = usageOf(this.pid);
    if (now.residentBytes > 0) this.seen = now;
    this.peak = Math.max(this.peak, now.residentBytes);
    return now.residentBytes;
  }
}
