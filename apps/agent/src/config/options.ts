import { Command } from 'commander';
import { readFileSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { createSecureContext } from 'node:tls';
import { AgentLabels, decodePublicKey, KeyId, type RunLimits, serverKeyOf } from '#libs/protocol/index';
import { defaultLimits } from '../exec/limits/limits.js';
import { errorCode, errorMessage } from '../platform/files.js';
import { type PolicySource } from '../policy/policy-guard.js';
import { LOG_LEVELS, type LogLevel } from '../platform/logger.js';
import { type ExpectedKey } from '../trust/server-trust.js';
import { parseCommandLine, UsageError } from './command-line.js';
import { type AgentEnvironment } from './environment.js';
import { limitsOf } from './limit-options.js';

/** Everything the agent is told at start, checked. */
export interface AgentOptions {
  /** Without a trailing slash. */
  readonly server: string;
  /** PEM text of the authorities that may have signed the server's certificate; null: those that Node knows. */
  readonly ca: string | null;
  /** Null when none was given: enough for an agent that is enrolled already. */
  readonly enrollSecret: string | null;
  /** The key that the server has to sign with; null: the first one that is heard of. */
  readonly serverKey: ExpectedKey | null;
  readonly stateDir: string;
  readonly hostname: string;
  readonly labels: AgentLabels;
  readonly scriptsEnabled: boolean;
  readonly queriesEnabled: boolean;
  readonly policy: PolicySource;
  /** osqueryi or osqueryd, to be asked instead of our own tables: a path, or a name to be found in PATH. */
  readonly osquery: string | null;
  readonly parallelSlots: number;
  readonly interpreters: readonly string[] | null;
  /** What a run may use up at most; a policy file and an order may ask for less. */
  readonly limits: RunLimits;
  /** Whether runs get cgroups where that is possible. */
  readonly cgroups: boolean;
  readonly logLevel: LogLevel;
  readonly exitWithParent: boolean;
  readonly environment: Readonly<Record<string, string>>;
}

interface Flags {
  server?: string;
  ca?: string;
  allowPlainHttp?: boolean;
  enrollSecret?: string;
  enrollSecretFile?: string;
  serverKey?: string;
  stateDir?: string;
  hostname?: string;
  label?: string[];
  disableScripts?: boolean;
  disableQueries?: boolean;
  policy?: string;
  osquery?: string;
  parallel?: string;
  limit?: string[];
  cgroups: boolean;
  logLevel?: string;
}

/** Where the policy of a host's operator is when nobody says where. */
const DEFAULT_POLICY = '/etc/muster/agent-policy.yml';

const EXAMPLE = `
Environment: MUSTER_SERVER, MUSTER_CA, MUSTER_ALLOW_PLAIN_HTTP=1, MUSTER_ENROLL_SECRET, MUSTER_SERVER_KEY,
MUSTER_AGENT_STATE_DIR, MUSTER_LOG_LEVEL,
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
    server: serverUrl(flags.server ?? env.server, flags.allowPlainHttp === true || env.allowPlainHttp),
    ca: certificateAuthority(flags.ca ?? env.ca),
    enrollSecret: enrollSecret(flags, env),
    serverKey: serverKeyOption(flags.serverKey ?? env.serverKey),
    stateDir: path.resolve(flags.stateDir ?? env.stateDir ?? defaultStateDir()),
    hostname,
    labels: labelsOf(flags.label ?? []),
    scriptsEnabled: flags.disableScripts !== true,
    queriesEnabled: flags.disableQueries !== true,
    policy: policyOf(flags.policy),
    osquery: osqueryOf(flags.osquery),
    parallelSlots: slots(flags.parallel),
    interpreters: interpretersOf(env.scriptInterpreters),
    limits: limitsOf(flags.limit ?? [], defaultLimits()),
    cgroups: flags.cgroups,
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
    .option('--ca <file>', "PEM file of the server's certificate authority")
    .option('--allow-plain-http', 'talk to a server elsewhere without TLS: readable by the network')
    .option('--enroll-secret <secret>', 'needed until this host is enrolled')
    .option('--enroll-secret-file <file>', 'the same from a file, out of sight of other users')
    .option('--server-key <key>', 'trust this server key and no other (its id will do, and is weaker)')
    .option('--state-dir <dir>', `identity and journal (default: ${defaultStateDir()})`)
    .option('--hostname <name>', "shown name of this host (default: the system's)")
    .option('--label <key=value>', 'address this host as key:value; may be repeated', collect)
    .option('--disable-scripts', 'refuse everything that would run something')
    .option('--disable-queries', 'run no SQL: no live queries, labels, policies, schedules')
    .option('--policy <file>', `what is allowed here (default: ${DEFAULT_POLICY}, if it exists)`)
    .option('--osquery <path>', 'ask this osqueryi or osqueryd, not our own tables')
    .option('--parallel <n>', `commands at once, 1 to 1024 (default: ${defaultSlots()})`)
    .option(
      '--limit <name=value>',
      'what a run may use up, such as memory_bytes=2GiB or cpu_seconds=none; may be repeated',
      collect,
    )
    .option('--no-cgroups', 'do not put runs into cgroups')
    .option('--log-level <level>', 'error, warn, info or debug (default: info)')
    .addHelpText('after', EXAMPLE);
  parseCommandLine(command, args);
  const [extra] = command.args;
  if (extra !== undefined) throw new UsageError(`unexpected argument "${extra}"`);
  return command.opts<Flags>();
}

function serverUrl(text: string | undefined, allowPlainHttp: boolean): string {
  if (text === undefined) throw new UsageError('--server (or MUSTER_SERVER) is missing');
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new UsageError(`--server "${text}" is no http or https address`);
  }
  if (url.protocol === 'http:' && !allowPlainHttp && !isLoopback(url.hostname)) {
    throw new UsageError(
      `--server "${text}" is plain HTTP, which anybody on the way can read and change; use https:// (with --ca for a ` +
        'certificate of your own), or say --allow-plain-http where the network itself is safe',
    );
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

/** This machine, by whatever name: nobody is on the way. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

function certificateAuthority(file: string | undefined): string | null {
  if (file === undefined) return null;
  let pem: string;
  try {
    pem = readFileSync(file, 'utf8');
    createSecureContext({ ca: pem });
  } catch (error) {
    throw new UsageError(`--ca ${file} cannot be used (${errorCode(error) || errorMessage(error)})`);
  }
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new UsageError(`--ca ${file} holds no certificate`);
  return pem;
}

function serverKeyOption(text: string | undefined): ExpectedKey | null {
  if (text === undefined) return null;
  if (KeyId.safeParse(text).success) return { id: text };
  const key = decodePublicKey(text);
  if (key !== null) return serverKeyOf(key);
  throw new UsageError(
    '--server-key must be an Ed25519 public key in base64, or its id of 16 hexadecimal digits (muster server key shows both)',
  );
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

function policyOf(text: string | undefined): PolicySource {
  if (text === '') throw new UsageError('--policy must be the path of a file');
  return { file: path.resolve(text ?? DEFAULT_POLICY), required: text !== undefined };
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

/** Where an agent keeps its state when nobody says where. */
export function defaultStateDir(): string {
  return process.getuid?.() === 0
    ? '/var/lib/muster-agent'
    : path.join(os.homedir(), '.local/state/muster-agent');
}

function defaultSlots(): number {
  return Math.max(4, 2 * os.availableParallelism());
}
