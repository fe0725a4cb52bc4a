import { Command, CommanderError } from 'commander';
import { AgentLabels, Limits } from '#libs/protocol/index';
import { type Range } from '../platform/random.js';
import { type SwarmEnvironment } from './environment.js';

/** How the simulated hosts behave. Shares are 0 to 1. */
export interface Behaviour {
  /** Rows of every answer, and bytes of values in each. */
  readonly rows: number;
  readonly rowBytes: number;
  /** Milliseconds between a query and its answer. */
  readonly answerDelay: Range;
  readonly answerFailures: number;
  /** Seconds that a run takes. */
  readonly scriptSeconds: number;
  readonly scriptOutputBytes: number;
  readonly scriptFailures: number;
}

/** Everything the swarm is told at start, checked. */
export interface SwarmOptions {
  /** Without a trailing slash. */
  readonly server: string;
  /** Null when none was given: enough when the state file holds every host's key. */
  readonly enrollSecret: string | null;
  readonly hosts: number;
  readonly stateFile: string | null;
  readonly prefix: string;
  /** First connections per second. */
  readonly connectRate: number;
  readonly labels: AgentLabels;
  readonly platform: string;
  readonly seed: number;
  readonly json: boolean;
  readonly behaviour: Behaviour;
  readonly exitWithParent: boolean;
}

/** Says in one line why the swarm cannot start, or that it only had to print something. */
export class UsageError extends Error {
  constructor(
    message: string,
    readonly exitCode = 2,
  ) {
    super(message);
  }
}

interface Flags {
  server?: string;
  enrollSecret?: string;
  hosts?: string;
  stateFile?: string;
  prefix: string;
  connectRate: string;
  rows: string;
  rowBytes: string;
  answerDelay: string;
  answerFailures: string;
  scriptSeconds: string;
  scriptOutputBytes: string;
  scriptFailures: string;
  label?: string[];
  platform: string;
  seed: string;
  json?: boolean;
}

const NOTES = `
Ctrl-C ends it and tells what happened. Exit code 1: some never got connected.
Environment: MUSTER_SERVER, MUSTER_ENROLL_SECRET

Example:
  muster swarm --server http://127.0.0.1:8420 --enroll-secret S --hosts 10000`;

/** Parses the command line (without node, muster and swarm) and the environment; throws UsageError. */
export function parseOptions(args: readonly string[], env: SwarmEnvironment): SwarmOptions {
  const flags = parseFlags(args);
  if (flags.hosts === undefined)
    throw new UsageError('--hosts is missing: how many hosts are to be simulated');
  return {
    server: serverUrl(flags.server ?? env.server),
    enrollSecret: flags.enrollSecret ?? env.enrollSecret ?? null,
    hosts: integer('--hosts', flags.hosts, 1, 1_000_000),
    stateFile: flags.stateFile ?? null,
    prefix: prefixOf(flags.prefix),
    connectRate: rateOf(flags.connectRate),
    labels: labelsOf(flags.label ?? []),
    platform: flags.platform,
    seed: integer('--seed', flags.seed, 0, 0xffff_ffff),
    json: flags.json === true,
    behaviour: {
      rows: integer('--rows', flags.rows, 0, 1_000_000),
      rowBytes: integer('--row-bytes', flags.rowBytes, 0, Limits.answerRowBytes - 64),
      answerDelay: delayOf(flags.answerDelay),
      answerFailures: share('--answer-failures', flags.answerFailures),
      scriptSeconds: seconds(flags.scriptSeconds),
      scriptOutputBytes: integer('--script-output-bytes', flags.scriptOutputBytes, 0, 1024 ** 3),
      scriptFailures: share('--script-failures', flags.scriptFailures),
    },
    exitWithParent: env.exitWithParent,
  };
}

function parseFlags(args: readonly string[]): Flags {
  const collect = (value: string, all: string[] = []): string[] => [...all, value];
  const command = new Command('muster swarm')
    .description('Simulates thousands of hosts in one process, for load tests. They run nothing.')
    .option('--server <url>', 'where the Muster server is (http or https)')
    .option('--enroll-secret <secret>', 'needed until all are enrolled')
    .option('--hosts <n>', 'how many')
    .option('--state-file <file>', 'node keys, so that the next run need not enroll')
    .option('--prefix <text>', 'hostnames are this and a number', 'swarm-')
    .option('--connect-rate <n>/s', 'first connections per second', '1000/s')
    .option('--rows <n>', 'rows of an answer to a query', '1')
    .option('--row-bytes <n>', 'bytes of values in a row', '60')
    .option('--answer-delay <ms>', 'time to an answer', '0..50ms')
    .option('--answer-failures <share>', 'answers that are errors, 0 to 1', '0.01')
    .option('--script-seconds <s>', 'how long a run takes', '0')
    .option('--script-output-bytes <n>', 'output of a run', '10')
    .option('--script-failures <share>', 'runs that exit with 1, 0 to 1', '0')
    .option('--label <key=value>', 'as of an agent; may be repeated', collect)
    .option('--platform <name>', "the hosts' platform", 'debian')
    .option('--seed <n>', 'the same seed makes the same hosts', '1')
    .option('--json', 'events as JSON lines on stdout, commands on stdin')
    .helpOption('-h, --help', 'print this')
    .addHelpText('after', NOTES)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  try {
    command.parse([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const printed = error.exitCode === 0;
    throw new UsageError(printed ? '' : error.message.replace(/^error: /, ''), printed ? 0 : 2);
  }
  return command.opts<Flags>();
}

function serverUrl(text: string | undefined): string {
  if (text === undefined) throw new UsageError('--server (or MUSTER_SERVER) is missing');
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new UsageError(`--server "${text}" is no http or https address`);
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

function prefixOf(text: string): string {
  if (text.length > 200) throw new UsageError('--prefix may have 200 characters');
  return text;
}

function labelsOf(given: readonly string[]): AgentLabels {
  const labels: Record<string, string> = {};
  for (const text of given) {
    const at = text.indexOf('=');
    const [key, value] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
    if (at < 1 || !AgentLabels.safeParse({ [key]: value }).success)
      throw new UsageError(
        `--label "${text}" must be key=value (letters, digits, _ and -; in the value also .)`,
      );
    labels[key] = value;
  }
  return labels;
}

function rateOf(text: string): number {
  const match = /^(\d+)(\/s)?$/.exec(text);
  if (match === null)
    throw new UsageError(`--connect-rate "${text}" must be a number per second, like 1000/s`);
  return integer('--connect-rate', match[1] ?? '', 1, 100_000);
}

function delayOf(text: string): Range {
  const match = /^(\d+)(?:\.\.(\d+))?(ms|s)?$/.exec(text);
  if (match === null)
    throw new UsageError(`--answer-delay "${text}" must be a time or a range of it, like 20ms or 0..50ms`);
  const unit = match[3] === 's' ? 1000 : 1;
  const from = Number(match[1]) * unit;
  const to = match[2] === undefined ? from : Number(match[2]) * unit;
  if (to < from) throw new UsageError(`--answer-delay "${text}" ends before it begins`);
  return { from, to };
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 604_800))
    throw new UsageError(`--script-seconds "${text}" must be 0 to 604800 seconds`);
  return value;
}

function share(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1))
    throw new UsageError(`${flag} "${text}" must be a share of 0 to 1`);
  return value;
}

function integer(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < least || value > most)
    throw new UsageError(`${flag} "${text}" must be a whole number of ${least} to ${most}`);
  return value;
}
