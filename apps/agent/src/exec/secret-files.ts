import { closeSync, fchownSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { type Bytes, ReasonCode } from '#libs/protocol/index';
import { errorMessage } from '../platform/files.js';
import { StartError } from './run-error.js';
import { foreignRunDirectory, removeRunFiles } from './run-files.js';
import { toBuffer, type RunSpec } from './run-spec.js';
import { type Account } from './user.js';

/** The secrets that a run gets in its environment. @throws StartError for one that no environment can carry */
export function secretVariables({ secrets }: RunSpec): Readonly<Record<string, string>> {
  const env = secrets?.env ?? {};
  for (const [name, value] of Object.entries(env)) {
    // Node would say what the value is.
    if (value.includes('\0'))
      throw new StartError(
        ReasonCode.startFailed,
        `the secret ${name} holds a NUL, which no environment can`,
      );
  }
  return env;
}

/**
 * Files that only the run may read, in a directory of their own. Another account cannot look into the agent's directory;
 * for it they are where its script would be, each of them its own.
 */
export class SecretFiles {
  /** What the run's variables hold. */
  readonly paths: Readonly<Record<string, string>>;

  private constructor(
    private readonly files: readonly (readonly [string, Bytes])[],
    private readonly directory: string,
    private readonly account: Account | null,
  ) {
    this.paths = Object.fromEntries(files.map(([name]) => [name, path.join(directory, name)]));
  }

  /** null: it gets none. Nothing is written yet. */
  static of(
    { attempt_id, secrets }: RunSpec,
    runsDirectory: string,
    account: Account | null,
  ): SecretFiles | null {
    const files = Object.entries(secrets?.files ?? {});
    if (files.length === 0) return null;
    const directory =
      account === null
        ? path.join(runsDirectory, `${attempt_id}.secrets`)
        : path.join(foreignRunDirectory(attempt_id), 'secrets');
    return new SecretFiles(files, directory, account);
  }

  /**
   * Writes them.
   * @param leftovers what the run has on the disk already
   * @returns all that is to be deleted after the run
   * @throws StartError when they cannot be written; then nothing of the run is left
   */
  write(leftovers: readonly string[]): readonly string[] {
    const top = this.account === null ? this.directory : path.dirname(this.directory);
    const all = leftovers.includes(top) ? leftovers : [...leftovers, top];
    try {
      // The directories stay ours also when the files are another's: nobody can put links into what we will delete.
      const mode = this.account === null ? 0o700 : 0o711;
      if (all !== leftovers) mkdirSync(top, { mode });
      if (this.directory !== top) mkdirSync(this.directory, { mode });
      for (const [name, content] of this.files) this.writeFile(path.join(this.directory, name), content);
      return all;
    } catch (error) {
      for (const leftover of all) void removeRunFiles(leftover);
      const message = `its secret files could not be written: ${errorMessage(error)}`;
      throw new StartError(ReasonCode.startFailed, message);
    }
  }

  private writeFile(file: string, content: Bytes): void {
    const fd = openSync(file, 'wx', 0o600);
    try {
      if (this.account !== null) fchownSync(fd, this.account.uid, this.account.gid);
      writeFileSync(fd, toBuffer(content));
    } finally {
      closeSync(fd);
    }
  }
}
