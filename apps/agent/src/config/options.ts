import { Command } from 'commander';
import { readFileSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { AgentLabels } from '#libs/protocol/index';
import { errorCode } from '../platform/files.js';
import { LOG_LEVELS, type LogLevel } from '../platform/logger.js';
import { parseCommandLine, UsageError } from './command-line.js';
import { type AgentEnvironment } from './environment.js';

/** Everything the agent is told at start, checked. */
export interface AgentOptions {
  /** Without a trailing slash. */
  readonly server: string;
  /** Null when none was given: enough for an agent that is enrolled already. */
  readonly enrollSecret: string | null;
  readonly stateDir: string;
  readonly hostname: string;
  readonly labels: AgentLabels;
  readonly scriptsEnabled: boolean;
  readonly queriesEnabled: boolean;
  /** osqueryi or osqueryd, to be asked instead of our own tables: a path, or a name to be found in PATH. */
  readonly osquery: string | null;
  readonly parallelSlots: number;
  readonly interpreters: readonly string[] | null;
  readonly logLevel: LogLevel;
  readonly exitWithParent: boolean;
  readonly environment: Readonly<Record<string, string>>;
}

interface Flags {
  server?: string;
  enrollSecret?: string;
  enrollSecretFile?: string;
  stateDir?: string;
  hostname?: string;
  label?: string[];
  disableScripts?: boolean;
  disableQueries?: boolean;
  osquery?: string;
  parallel?: string;
  logLevel?: string;
}

const EXAMPLE = `
Environment: MUSTER_SERVER, MUSTER_ENROLL_SECRET, MUSTER_AGENT_STATE_DIR, MUSTER_LOG_LEVEL,
MUSTER_SCRIPT_INTERPRETERS (comma list: scripts may ask for these interpreters only)

Example:
  muster agent --server https://muster.example.com --enroll-secret-file /etc/muster/secret --label env=prod`;

/** Parses the command line (without node, muster and agent) and the environment; throws UsageError. */
export function parseOptions(args: readonly string[], env: AgentEnvironment): AgentOptions {
  const flags = parseFlags(args);
  const hostname = flags.hostname ?? os.hostname();
  if (hostname === '' || hostname.length > 255)
    throw new UsageError('--hostname must have 1 to 255 characters');
  return {
    server: serverUrl(flags.server ?? env.server),
    enrollSecret: enrollSecret(flags, env),
    stateDir: path.resolve(flags.stateDir ?? env.stateDir ?? defaultStateDir()),
    hostname,
    labels: labelsOf(flags.label ?? []),
    scriptsEnabled: flags.disableScripts !== true,
    queriesEnabled: flags.disableQueries !== true,
    osquery: osqueryOf(flags.osquery),
    parallelSlots: slots(flags.parallel),
    interpreters: interpretersOf(env.scriptInterpreters),
    logLevel: logLevelOf(flags.logLevel ?? env.logLevel ?? 'info'),
    exitWithParent: env.exitWithParent,
    environment: env.passedOn,
  };
}

function parseFlags(args: readonly string[]): Flags {
  const collect = (value: string, all: string[] = []): string[] => [...all, value];
  const command = new Command('muster agent')
    .description('Runs on a managed host: dials the server, takes orders, reports what became of them.')
    .option('--server <url>', 'where the Muster server is (http or https)')
    .option('--enroll-secret <secret>', 'needed until this host is enrolled')
    .option('--enroll-secret-file <file>', 'the same from a file, out of sight of other users')
    .option('--state-dir <dir>', `identity and journal (default: ${defaultStateDir()})`)
    .option('--hostname <name>', "shown name of this host (default: the system's)")
    .option('--label <key=value>', 'address this host as key:value; may be repeated', collect)
    .option('--disable-scripts', 'refuse everything that would run something')
    .option('--disable-queries', 'run no SQL: no live queries, labels, policies, schedules')
    .option('--osquery <path>', 'ask this osqueryi or osqueryd, not our own tables')
    .option('--parallel <n>', `commands at once, 1 to 1024 (default: ${defaultSlots()})`)
    .option('--log-level <level>', 'error, warn, info or debug (default: info)')
    .addHelpText('after', EXAMPLE);
  parseCommandLine(command, args);
  const [extra] = command.args;
  if (extra !== undefined) throw new UsageError(`unexpected argument "${extra}"`);
  return command.opts<Flags>();
}

function serverUrl(text: string | undefined): string {
  if (text === undefined) throw new UsageError('--server (or MUSTER_SERVER) is missing');
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new UsageError(`--server "${text}" is no http or https address`);
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

function enrollSecret(flags: Flags, env: AgentEnvironment): string | null {
  const secret =
    flags.enrollSecret ??
    (flags.enrollSecretFile === undefined ? env.enrollSecret : fromFile(flags.enrollSecretFile));
  if (secret === undefined) return null;
  if (secret === '' || secret.length > 255)
    throw new UsageError('the enroll secret must have 1 to 255 characters');
  return secret;
}

function fromFile(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new UsageError(`--enroll-secret-file ${file} cannot be read (${errorCode(error)})`);
  }
}

function labelsOf(given: readonly string[]): AgentLabels {
  const labels: Record<string, string> = {};
  for (const text of given) {
    const at = text.indexOf('=');
    const [key, value] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
    if (at < 1 || !AgentLabels.safeParse({ [key]: value }).success) {
      throw new UsageError(
        `--label "${text}" must be key=value (letters, digits, _ and -; in the value also .)`,
      );
    }
    labels[key] = value;
  }
  return labels;
}

function slots(text: string | undefined): number {
  if (text === undefined) return defaultSlots();
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 1024)
    throw new UsageError('--parallel must be 1 to 1024');
  return count;
}

function osqueryOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  if (text === '') throw new UsageError('--osquery must be the path of osqueryi or osqueryd');
  // Queries do not run in the directory where the agent was started.
  return text.includes(path.sep) ? path.resolve(text) : text;
}

function interpretersOf(text: string | undefined): readonly string[] | null {
  if (text === undefined) return null;
  const names = text.split(',').map((name) => name.trim());
  if (names.some((name) => name === ''))
    throw new UsageError('MUSTER_SCRIPT_INTERPRETERS has an empty entry');
  return names;
}

function logLevelOf(text: string): LogLevel {
  const level = LOG_LEVELS.find((name) => name === text);
  if (level === undefined) throw new UsageError(`log level "${text}" is none of ${LOG_LEVELS.join(', ')}`);
  return level;
}

function defaultStateDir(): string {
  return process.getuid?.() === 0
    ? '/var/lib/muster-agent'
    : path.join(os.homedir(), '.local/state/muster-agent');
}

function defaultSlots(): number {
  return Math.max(4, 2 * os.availableParallelism());
}
