import { readFileSync } from 'node:fs';

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
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name of the program, in brackets, may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return {
      residentBytes: Number(fields[21]) * PAGE_BYTES,
      userMs: Number(fields[11]) * TICK_MS,
      systemMs: Number(fields[12]) * TICK_MS,
    };
  } catch {
    return { residentBytes: 0, userMs: 0, systemMs: 0 };
  }
}
