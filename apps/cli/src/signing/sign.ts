import { randomBytes } from 'node:crypto';
import {
  composeStatement,
  HostTree,
  type SignedStatement,
  signStatement,
  type StatedHost,
  statementDigest,
} from '#libs/protocol/index';
import { type Context } from '../connect.js';
import { CliError, ExitCode, UsageError } from '../errors.js';
import { amount } from '../query/standing.js';
import { line, printable } from '../terminal/io.js';
import { type Bundle, readBundle, writeBundle } from './bundle.js';
import { consent, FOREIGN, type Origin } from './consent.js';
import { KeyStore, type SigningKey } from './key-store.js';
import { type SigningOptions } from './options.js';
import { checkStatement, type Signable, statedRun } from './signable.js';

const VALID_SECONDS = 3600;

/**
 * Signs what is about to be asked for, or takes what was signed of it before; whose signature it is, and for which hosts, is told on stderr.
 * Whatever of it only the server has said needs somebody's consent (consent.ts).
 * @throws CliError also when it is kept in a file instead of being asked for: then with the exit code 0
 */
export async function signedFor(
  context: Context,
  options: SigningOptions,
  what: Signable,
  origin: Origin,
): Promise<SignedStatement> {
  const { sign, signTo, signed } = options;
  if (signed !== undefined) {
    if (sign !== undefined || signTo !== undefined)
      throw new UsageError('--signed brings what was signed: --sign and --sign-to make something new');
    const { statement } = await readBundle(signed);
    checkStatement(statement.statement, what);
    return statement;
  }
  const statement = await signNew(context, options, what, origin);
  if (signTo === undefined) return statement;
  await writeBundle(signTo, { ...what, statement });
  throw new CliError(
    `kept in ${signTo}, and not asked for: \`muster keys sign ${signTo}\` signs it, too (statement ${statementDigest(statement.statement)})`,
    ExitCode.ok,
  );
}

/**
 * Signs what somebody else has asked for: under their statement, where there is one.
 * @throws CliError when that statement is not of what would run, or not of these hosts
 */
export async function signedAlong(
  context: Context,
  options: SigningOptions,
  what: Signable,
  before: SignedStatement | null,
): Promise<SignedStatement> {
  if (before === null) return signNew(context, options, what, FOREIGN);
  checkStatement(before.statement, what);
  const key = await agreed(context, options, what, FOREIGN, before.statement);
  tell(context, key, what.hosts);
  return { statement: before.statement, signatures: [signStatement(before.statement, key.privateKey)] };
}

/** Adds a signature to a file that `--sign-to` has written. */
export async function signBundle(context: Context, options: SigningOptions, file: string): Promise<Bundle> {
  const bundle = await readBundle(file);
  const { statement, signatures } = bundle.statement;
  const key = await agreed(context, options, bundle, FOREIGN, statement);
  const others = signatures.filter((signature) => signature.key !== key.id);
  const all = [...others, signStatement(statement, key.privateKey)];
  const signed = { ...bundle, statement: { statement, signatures: all } };
  await writeBundle(file, signed);
  tell(context, key, bundle.hosts);
  return signed;
}

async function signNew(
  context: Context,
  options: SigningOptions,
  what: Signable,
  origin: Origin,
): Promise<SignedStatement> {
  const { hosts } = what;
  const key = await agreed(context, options, what, origin, null);
  const now = Date.now();
  const text = composeStatement(statedRun(what), {
    hosts: HostTree.over(hosts),
    notBefore: now,
    expires: now + (options.validFor ?? VALID_SECONDS) * 1000,
    nonce: randomBytes(16).toString('hex'),
  });
  tell(context, key, hosts);
  return { statement: text, signatures: [signStatement(text, key.privateKey)] };
}

/** The key to sign with, as soon as somebody has agreed to that. */
async function agreed(
  context: Context,
  options: SigningOptions,
  what: Signable,
  origin: Origin,
  before: string | null,
): Promise<SigningKey> {
  const { sign, validFor: validSeconds = VALID_SECONDS } = options;
  const key = await new KeyStore(context.environment).get(sign === true ? undefined : sign);
  await consent(context, options, { what, origin, before, key, validSeconds });
  return key;
}

function tell({ io }: Context, key: SigningKey, hosts: readonly StatedHost[]): void {
  const list = hosts
    .map(({ hostname }) => hostname)
    .sort()
    .join(', ');
  const count = hosts.length === 1 ? '' : `${amount(hosts.length)} hosts: `;
  line(io.stderr, printable(`signed with ${key.name} (${key.id}) for ${count}${list}`));
}
