import {
  composeStatement,
  HostTree,
  readStatement,
  type StatedHost,
  statementDigest,
} from '#libs/protocol/index';
import { type Context } from '../connect.js';
import { CliError, UsageError } from '../errors.js';
import { amount } from '../query/standing.js';
import { line, printable } from '../terminal/io.js';
import { ask } from '../terminal/prompt.js';
import { type SigningKey } from './key-store.js';
import { type SigningOptions } from './options.js';
import { type Signable, statedRun, tellSignable } from './signable.js';

/*
 * Nobody signs what only the server has said. What was typed here needs no second look; everything else is shown, and a person says yes to it, or a
 * script says what it expects.
 */

/** Where that comes from which is to be signed. */
export interface Origin {
  /** Hosts as they were typed, each for one: hostnames, uuids, ids. */
  readonly names: readonly string[];
  /** Whom to run it on was said in other ways, too (labels, selectors): what those stand for the server alone says. */
  readonly open: boolean;
  /** Whether its content was typed, or comes from a file here. */
  readonly ownContent: boolean;
}

/** All of it comes from elsewhere: a server's answer, a file of somebody else. */
export const FOREIGN: Origin = { names: [], open: true, ownContent: false };

/** What somebody is asked to sign, and by what. */
export interface Proposal {
  readonly what: Signable;
  readonly origin: Origin;
  /** The statement's text, where others have signed it already. */
  readonly before: string | null;
  readonly key: SigningKey;
  /** Seconds that a new statement is good for. */
  readonly validSeconds: number;
}

/**
 * Comes back when it may be signed.
 * @throws CliError when the hosts are others than those that were typed or expected, or a person says no; UsageError when there is nobody to ask
 */
export async function consent(
  context: Context,
  options: SigningOptions,
  { what, origin, before, key, validSeconds }: Proposal,
): Promise<void> {
  const { io } = context;
  const { hosts } = what;
  const strangers = strangersAmong(hosts, origin);
  const digest = signableDigest(what, before);
  const isExpected = checkExpected(options, hosts, digest, origin);
  const isTerminal = io.stdin.isTTY === true && io.stderr.isTTY === true;
  const isOwn = origin.ownContent && strangers.length === 0;
  const isAsked = !isExpected && (isTerminal || !isOwn);
  if (isAsked || !origin.ownContent) {
    tellSignable(io, what);
    const until = before === null ? undefined : new Date(readStatement(before).expires).toISOString();
    const facts = [
      ['good', until === undefined ? `for ${amount(validSeconds)} s from now on` : `until ${until}`],
      ['statement', digest],
      ['key', `${key.name} (${key.id})`],
    ] as const;
    for (const [name, value] of facts) line(io.stderr, `${name.padEnd(11)}  ${printable(value)}`);
  }
  if (!isAsked) return;
  if (!isTerminal) throw new UsageError(nobodyToAsk(origin, digest));
  const count = hosts.length === 1 ? '1 host' : `${amount(hosts.length)} hosts`;
  const answer = await ask(io, `sign this for ${count}? [y/N]`, '--statement-digest');
  if (!/^\s*y(es)?\s*$/i.test(answer)) throw new CliError('not signed');
}

/** Names all that is to be signed but for when: it is the same for the same run on the same hosts. Of what others have signed it is the text's own. */
export function signableDigest(what: Signable, before: string | null): string {
  if (before !== null) return statementDigest(before);
  const scope = { hosts: HostTree.over(what.hosts), notBefore: 0, expires: 1, nonce: '0'.repeat(32) };
  return statementDigest(composeStatement(statedRun(what), scope));
}

/**
 * Hosts that nobody has named: each name stands for one, and for the one that knows itself by it.
 * @throws CliError when there must be none
 */
function strangersAmong(hosts: readonly StatedHost[], { names, open }: Origin): readonly StatedHost[] {
  if (hosts.length === 0) throw new CliError('not signed: there is no host that it could run on');
  if (hosts.some(({ uuid, hostname }) => uuid === '' || hostname.trim() === ''))
    throw new CliError('not signed: the server names a host without a name, and by it a host knows itself');
  const { strangers } = match(names.filter(isOwnWord), hosts);
  // Ids are the server's alone: whom they stand for has to be looked at.
  const ids = names.filter((name) => !isOwnWord(name));
  if (open || strangers.length <= ids.length) return strangers;
  const others = strangers.map(({ hostname }) => printable(hostname)).sort();
  throw new CliError(`not signed: the server takes ${names.join(', ')} for ${others.join(', ')}`);
}

function isOwnWord(name: string): boolean {
  return !/^\d+$/.test(name);
}

/** Who is left over when each name has got one host. */
function match(
  names: readonly string[],
  hosts: readonly StatedHost[],
): { readonly strangers: readonly StatedHost[]; readonly missing: readonly string[] } {
  const missing = new Map(names.map((name) => [name.toLowerCase(), name]));
  const strangers = hosts.filter(
    ({ hostname, uuid }) => ![hostname, uuid].some((name) => missing.delete(name.toLowerCase())),
  );
  return { strangers, missing: [...missing.values()] };
}

/** Whether a script, or a person who has looked before, says so. @throws CliError when it is something else that they expect */
function checkExpected(
  { expectHosts, statementDigest: expected }: SigningOptions,
  hosts: readonly StatedHost[],
  digest: string,
  { ownContent }: Origin,
): boolean {
  if (expectHosts !== undefined) {
    const wrong = unexpected(expectHosts, hosts);
    if (wrong !== null) throw new CliError(`not signed: ${wrong}`);
  }
  if (expected !== undefined && expected.toLowerCase() !== digest)
    throw new CliError(`not signed: it is another statement than was expected, ${digest}`);
  return expected !== undefined || (expectHosts !== undefined && ownContent);
}

function unexpected(
  expected: NonNullable<SigningOptions['expectHosts']>,
  hosts: readonly StatedHost[],
): string | null {
  if (typeof expected === 'number')
    return hosts.length === expected
      ? null
      : `${amount(expected)} hosts were expected, and the server names ${amount(hosts.length)}`;
  const { strangers, missing } = match(expected, hosts);
  const more = strangers.map(({ hostname }) => printable(hostname)).sort();
  if (more.length > 0) return `the server names hosts that were not expected: ${more.join(', ')}`;
  return missing.length > 0 ? `the server does not name ${missing.join(', ')}` : null;
}

function nobodyToAsk({ ownContent }: Origin, digest: string): string {
  const hosts = ownContent
    ? 'say which hosts you expect with --expect-hosts (their names, or how many), or '
    : '';
  return `not signed: this is the server's word, or somebody else's, and there is no terminal to ask on: ${hosts}take what is shown above with --statement-digest ${digest}`;
}
