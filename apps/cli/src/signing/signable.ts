import { createHash } from 'node:crypto';
import {
  HostTree,
  misfitOf,
  readStatement,
  type StatedHost,
  type StatedRun,
  timeOf,
  UnreadableStatement,
} from '#libs/protocol/index';
import { CliError } from '../errors.js';
import { amount } from '../query/standing.js';
import { type Io, line, printable } from '../terminal/io.js';

/** What is to be signed: all of it, so that what is signed is what can be shown. */
export interface Signable {
  readonly run: Omit<StatedRun, 'contentSha256' | 'stdinSha256'>;
  /** A script, the JSON of argv or of a shell's line, or SQL. */
  readonly content: Buffer;
  readonly stdin: Buffer | null;
  readonly hosts: readonly StatedHost[];
}

/** In the words of statements. */
export function statedRun({ run, content, stdin }: Signable): StatedRun {
  return { ...run, contentSha256: sha256(content), stdinSha256: stdin && sha256(stdin) };
}

/**
 * Whether a statement is of what is shown.
 * @throws CliError
 */
export function checkStatement(text: string, what: Signable): void {
  try {
    const statement = readStatement(text);
    const tree = HostTree.over(what.hosts);
    const sameHosts = tree.root === statement.hosts.root && tree.count === statement.hosts.count;
    const field = misfitOf(statement, statedRun(what)) ?? (sameHosts ? null : 'hosts');
    if (field !== null)
      throw new CliError(`the ${field} of its statement is another one than what would run`);
    if (timeOf(statement, Date.now()) === 'expired')
      throw new CliError(
        `the statement was good until ${new Date(statement.expires).toISOString()}: sign it again`,
      );
  } catch (error) {
    if (error instanceof UnreadableStatement) throw new CliError(error.message);
    throw error;
  }
}

/** Shows all of it, on stderr: what would run, and then on which hosts and how, so that no text however long pushes those out of view. */
export function tellSignable(io: Io, { run, hosts, content, stdin }: Signable): void {
  const { kind, user, cwd, env = {}, arguments: args = [], cleanEnv, timeoutSeconds } = run;
  const names = hosts.map(({ hostname }) => hostname).sort();
  tellText(io, content);
  if (stdin !== null && stdin.length > 0) {
    line(io.stderr, 'standard input');
    tellText(io, stdin);
  }
  const facts: [string, string | undefined][] = [
    ['kind', kind],
    ['content', sha256(content)],
    ['arguments', args.length > 0 ? JSON.stringify(args) : undefined],
    ['variables', Object.keys(env).length > 0 ? JSON.stringify(env) : undefined],
    ['environment', cleanEnv === true ? 'clean' : undefined],
    ['directory', cwd],
    ['user', user],
    ['timeout', `${timeoutSeconds} s`],
    ['hosts', names.length === 1 ? names[0] : `${amount(names.length)}: ${names.join(', ')}`],
  ];
  for (const [name, value] of facts) if (value) line(io.stderr, `${name.padEnd(11)}  ${printable(value)}`);
}

function tellText(io: Io, bytes: Buffer): void {
  for (const each of bytes.toString('utf8').trimEnd().split('\n')) line(io.stderr, `  ${printable(each)}`);
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
