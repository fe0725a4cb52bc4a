import { chownSync, constants, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { ReasonCode, type RunLimits } from '#libs/protocol/index';
import { errorCode, errorMessage } from '../platform/files.js';
import { type CgroupHome } from './limits/cgroup-home.js';
import { StartError } from './run-error.js';
import { foreignRunDirectory, removeRunFiles } from './run-files.js';
import { toBuffer, type RunSpec } from './run-spec.js';
import { SecretFiles, secretVariables } from './secret-files.js';
import { interpreterAllowed, parseShebang } from './shebang.js';
import { resolveAccount, type Account } from './user.js';

/** How this agent runs things; decided once, at start. */
export interface RunnerOptions {
  /** Where script files are put, each named for its attempt. */
  readonly runsDirectory: string;
  /** The agent's own environment; MUSTER_* variables are never passed on. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What the run is told as MUSTER_HOST. */
  readonly hostname: string;
  /** Interpreters that scripts may ask for; null allows all. */
  readonly interpreters: readonly string[] | null;
  /** What a run may use up at most on this host. */
  readonly limits?: () => RunLimits;
  /** Where runs get a cgroup each; null or absent: nowhere. */
  readonly cgroups?: CgroupHome | null;
}

/** Everything spawn needs, checked. */
export interface Launch {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Record<string, string>;
  readonly account: Account | null;
  /** Files and directories to be deleted after the run. */
  readonly leftovers: readonly string[];
}

/** Prepares a run; throws StartError with the reason when it cannot be started. */
export async function prepareLaunch(spec: RunSpec, options: RunnerOptions): Promise<Launch> {
  const account = spec.user === undefined ? null : await resolveAccount(spec.user);
  const foreign = account !== null && account.uid !== process.getuid?.() ? account : null;
  const secrets = SecretFiles.of(spec, options.runsDirectory, foreign);
  const env = environmentOf(spec, options, account, secrets);
  const isRoot = process.getuid?.() === 0 && foreign === null;
  const cwd = spec.cwd ?? (isRoot ? '/' : (env['HOME'] ?? '/'));
  await checkCwd(cwd, spec.cwd === undefined);
  const { file, args, leftovers } = await prepareProgram(spec, options, env, cwd, foreign);
  // Last of all: nothing that fails leaves them behind.
  const withSecrets = secrets === null ? leftovers : secrets.write(leftovers);
  return { file, args, cwd, env, account: foreign, leftovers: withSecrets };
}

async function prepareProgram(
  { payload, attempt_id }: RunSpec,
  { interpreters, runsDirectory }: RunnerOptions,
  env: Readonly<Record<string, string>>,
  cwd: string,
  foreign: Account | null,
): Promise<Pick<Launch, 'file' | 'args' | 'leftovers'>> {
  switch (payload.type) {
    case 'command': {
      const [name = '', ...args] = payload.argv;
      const file = await findExecutable(name, env['PATH'] ?? '', cwd, foreign !== null);
      return { file, args, leftovers: [] };
    }
    case 'shell':
      return { file: '/bin/sh', args: ['-c', payload.command], leftovers: [] };
    case 'script': {
      const contents = toBuffer(payload.contents);
      const shebang = parseShebang(contents);
      if (!interpreterAllowed(shebang, interpreters)) {
        const name = shebang?.interpreter ?? '/bin/sh';
        throw new StartError(
          ReasonCode.interpreterNotAllowed,
          `this host does not allow scripts for ${name}`,
        );
      }
      const interpreter = shebang?.interpreter ?? '/bin/sh';
      if (shebang !== null)
        await checkExecutable(interpreter, `interpreter ${interpreter}`, cwd, foreign !== null);
      const file = writeScript(attempt_id, contents, runsDirectory, foreign);
      const argument = shebang?.argument ?? null;
      const args = [...(argument === null ? [] : [argument]), file, ...payload.arguments];
      return { file: interpreter, args, leftovers: [foreign === null ? file : path.dirname(file)] };
    }
  }
}

/** A launch that is prepared before it is certain that it comes to it: taken by a run, or discarded with what it left. */
export class Preparation {
  private readonly launch: Promise<Launch>;

  constructor(spec: RunSpec, options: RunnerOptions) {
    this.launch = prepareLaunch(spec, options);
    // Whoever takes it is told what went wrong; when nobody does, nobody needs to know.
    this.launch.catch(() => undefined);
  }

  /** As `prepareLaunch`. */
  take(): Promise<Launch> {
    return this.launch;
  }

  /** Resolves when what it left is gone. */
  async discard(): Promise<void> {
    const launch = await this.launch.catch(() => null);
    await Promise.all(launch?.leftovers.map(removeRunFiles) ?? []);
  }
}

function environmentOf(
  spec: RunSpec,
  options: RunnerOptions,
  account: Account | null,
  secretFiles: SecretFiles | null,
): Record<string, string> {
  const own = options.environment;
  const env: Record<string, string> = {};
  if (spec.clean_env) {
    env['PATH'] = own['PATH'] ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    env['HOME'] = own['HOME'] ?? os.homedir();
  } else {
    for (const [name, value] of Object.entries(own)) {
      if (value !== undefined && !name.startsWith('MUSTER_')) env[name] = value;
    }
  }
  if (account !== null) Object.assign(env, { HOME: account.home, USER: account.name, LOGNAME: account.name });
  Object.assign(env, spec.env, secretVariables(spec), secretFiles?.paths);
  env['MUSTER_EXECUTION_ID'] = spec.execution_id;
  env['MUSTER_ATTEMPT_ID'] = spec.attempt_id;
  env['MUSTER_HOST'] = options.hostname;
  return env;
}

async function checkCwd(cwd: string, isDefault: boolean): Promise<void> {
  if (cwd === '/') return;
  if (!path.isAbsolute(cwd))
    throw new StartError(ReasonCode.badCwd, `the working directory ${cwd} is not absolute`);
  try {
    if (!(await stat(cwd)).isDirectory()) {
      throw new StartError(ReasonCode.badCwd, `the working directory ${cwd} is no directory`);
    }
    await access(cwd, constants.X_OK);
  } catch (error) {
    if (error instanceof StartError) throw error;
    const what = isDefault ? 'home directory' : 'working directory';
    const why = errorCode(error) === 'ENOENT' ? 'does not exist' : 'may not be entered';
    throw new StartError(ReasonCode.badCwd, `the ${what} ${cwd} ${why}`);
  }
}

/** The lookup that execvp does, with words for what went wrong. */
async function findExecutable(
  name: string,
  searchPath: string,
  cwd: string,
  foreign: boolean,
): Promise<string> {
  if (name === '') throw new StartError(ReasonCode.notFound, 'the command is empty');
  if (name.includes('/')) {
    await checkExecutable(name, name, cwd, foreign);
    return name;
  }
  let forbidden: StartError | null = null;
  for (const directory of searchPath.split(':')) {
    const file = path.join(directory === '' ? '.' : directory, name);
    // Most places of a search path do not have it: asking them in the thread pool would cost more than the spawn.
    if (statSync(path.resolve(cwd, file), { throwIfNoEntry: false }) === undefined) continue;
    try {
      await checkExecutable(file, name, cwd, foreign);
      return path.isAbsolute(file) ? file : `./${file}`;
    } catch (error) {
      if (error instanceof StartError && error.reason === ReasonCode.notExecutable) forbidden ??= error;
    }
  }
  throw forbidden ?? new StartError(ReasonCode.notFound, `${name}: command not found`);
}

async function checkExecutable(file: string, name: string, cwd: string, foreign: boolean): Promise<void> {
  const absolute = path.resolve(cwd, file);
  try {
    const found = await stat(absolute);
    if (found.isDirectory()) throw new StartError(ReasonCode.notExecutable, `${name} is a directory`);
    // Root may execute whatever anybody may; for another account the kernel will say.
    if (!foreign) await access(absolute, constants.X_OK);
  } catch (error) {
    if (error instanceof StartError) throw error;
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new StartError(ReasonCode.notFound, `${name}: not found`);
    throw new StartError(ReasonCode.notExecutable, `${name}: permission denied`);
  }
}

// Written without the thread pool: for a script's few bytes its round trips took longer than the work (1 ms against 0.1 ms).
function writeScript(
  attemptId: string,
  contents: Buffer,
  runsDirectory: string,
  account: Account | null,
): string {
  const file =
    account === null
      ? path.join(runsDirectory, attemptId)
      : path.join(foreignRunDirectory(attemptId), 'script');
  try {
    // The directory stays ours also when the file is another's: nobody can put links into what we will delete.
    if (account !== null) mkdirSync(path.dirname(file), { mode: 0o711 });
    writeFileSync(file, contents, { mode: 0o700, flag: 'wx' });
    if (account !== null) chownSync(file, account.uid, account.gid);
    return file;
  } catch (error) {
    void removeRunFiles(account === null ? file : path.dirname(file));
    throw new StartError(ReasonCode.startFailed, `the script could not be written: ${errorMessage(error)}`);
  }
}
