import * as os from 'node:os';
import { ReasonCode, RunLimits } from '#libs/protocol/index';

export type LimitName = keyof RunLimits;

/** The names of all limits, as policy file, command line and protocol have them. */
export const LIMIT_NAMES = Object.keys(RunLimits.shape) as LimitName[];

const GIB = 2 ** 30;

/**
 * What holds where nobody said anything else: generous, and finite where no honest run is hurt. Processor time, files and
 * disk are left to the timeout and to the free space of the disks (`disk-floor.ts`): builds and backups need what they need.
 */
export function defaultLimits(): RunLimits {
  // Of a container it is less than what the machine has; where there is no such bound, it is 0 or absurd.
  const bound = (process as { constrainedMemory?: () => number }).constrainedMemory?.() ?? 0;
  const memory = bound > 0 ? Math.min(bound, os.totalmem()) : os.totalmem();
  return {
    memory_bytes: Math.floor((memory / 4) * 3),
    processes: 4096,
    open_files: 65_536,
    output_bytes: 4 * GIB,
  };
}

/** Of every limit the least that anybody asks for. */
export function strictest(...all: readonly (RunLimits | undefined)[]): RunLimits {
  const least: RunLimits = {};
  for (const limits of all)
    for (const name of LIMIT_NAMES) {
      const value = limits?.[name];
      if (value !== undefined) least[name] = Math.min(value, least[name] ?? Infinity);
    }
  return least;
}

/** A limit that was broken, in the words of the contract. */
export interface Breach {
  readonly reason: ReasonCode;
  readonly message: string;
}

const REASONS: Readonly<Record<LimitName, ReasonCode>> = {
  cpu_seconds: ReasonCode.cpuLimit,
  memory_bytes: ReasonCode.memoryLimit,
  processes: ReasonCode.processLimit,
  open_files: ReasonCode.openFilesLimit,
  file_bytes: ReasonCode.fileSizeLimit,
  disk_bytes: ReasonCode.diskLimit,
  output_bytes: ReasonCode.outputLimit,
};

const TEXTS: Readonly<Record<LimitName, (most: string) => string>> = {
  cpu_seconds: (most) => `it used its ${most} s of processor time`,
  memory_bytes: (most) => `it used more than ${most} of memory`,
  processes: (most) => `it had more than ${most} processes and threads`,
  open_files: (most) => `one of its processes had all its ${most} files open`,
  file_bytes: (most) => `it wrote a file larger than ${most}`,
  disk_bytes: (most) => `it wrote more than ${most} to disks`,
  output_bytes: (most) => `it brought more than ${most} of output`,
};

/** The breach of a limit, for people: what happened, and the name of the limit to be raised. */
export function breachOf(name: LimitName, limits: RunLimits): Breach {
  const most = limits[name] ?? 0;
  const text = TEXTS[name](name.endsWith('_bytes') ? sizeOf(most) : String(most));
  return { reason: REASONS[name], message: `ended by this host's limit ${name}: ${text}` };
}

/** Bytes for people: `512 MiB`. */
export function sizeOf(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  for (; bytes >= 1024 && unit < units.length - 1; unit += 1) bytes /= 1024;
  return `${Number.isInteger(bytes) ? bytes : bytes.toFixed(1)} ${units[unit]}`;
}
