import * as fs from 'node:fs';
import * as path from 'node:path';
import { startTimeOf } from '../exec/processes.js';
import { errorCode } from '../platform/files.js';

/** Another agent lives in this state directory. */
export class StateDirInUseError extends Error {}

/** Keeps a second agent off the same state directory. A lock whose process is gone counts for nothing. */
export class StateLock {
  private constructor(private readonly file: string) {}

  /** Takes the lock; throws StateDirInUseError when a living agent holds it. */
  static acquire(stateDir: string): StateLock {
    const file = path.join(stateDir, 'lock');
    const own = `${file}.${process.pid}`;
    fs.writeFileSync(own, JSON.stringify({ pid: process.pid, start_time: startTimeOf(process.pid) }), {
      mode: 0o600,
    });
    try {
      for (let attempt = 0; attempt < 3; attempt += 1) {
        try {
          // Linking a finished file: whoever reads the lock never finds it half written.
          fs.linkSync(own, file);
          return new StateLock(file);
        } catch (error) {
          if (errorCode(error) !== 'EEXIST') throw error;
        }
        const holder = holderOf(file);
        if (holder !== null) {
          throw new StateDirInUseError(
            `another agent (process ${holder}) uses the state directory ${stateDir}`,
          );
        }
        fs.rmSync(file, { force: true });
      }
      throw new StateDirInUseError(`the state directory ${stateDir} could not be locked`);
    } finally {
      fs.rmSync(own, { force: true });
    }
  }

  /** Gives the directory free. */
  release(): void {
    fs.rmSync(this.file, { force: true });
  }
}

/** The living process that holds a lock; null when it is stale. */
function holderOf(file: string): number | null {
  try {
    const { pid, start_time: startTime } = JSON.parse(fs.readFileSync(file, 'utf8')) as {
      pid: number;
      start_time: number;
    };
    const current = startTimeOf(pid);
    return current !== 0 && current === startTime ? pid : null;
  } catch {
    return null;
  }
}
