import { createHash } from 'node:crypto';
import {
  type HostProof,
  isHostProof,
  isSignatureOf,
  misfitOf,
  type Order,
  type QueryOrder,
  readStatement,
  ReasonCode,
  type SignedStatement,
  type StatedHost,
  type StatedRun,
  type Statement,
  timeOf,
  UnreadableStatement,
} from '#libs/protocol/index';
import { type Refusal } from '../attempts/admission.js';
import { contentDigest, toBuffer } from '../exec/run-spec.js';
import { startsShell } from './root-shell.js';

/*
 * Whether people have signed what the server orders. Nothing here believes the server: what was signed is compared with what would run, the host is
 * the one that knows its own name, and the clock is its own.
 */

/** What this host asks for; its operator has written it down where the server cannot. */
export interface SignatureRules {
  /** Who is believed; each name is one person, however many keys. */
  readonly signers: readonly { readonly name: string; /** Its 32 bytes. */ readonly key: Buffer }[];
  /** Of so many people. */
  readonly required: number;
  /** Of so many for a shell as root; absent: as `required`. */
  readonly rootShell?: number | undefined;
  /** Live queries need signatures, too: of `required` people. */
  readonly queries: boolean;
  /** Runs of script instances, which nobody can sign, are taken nonetheless. */
  readonly unsignedInstances: boolean;
  /** Whether the server may add this variable to what was signed. */
  readonly mayAdd: (variable: string) => boolean;
}

/** By what else a statement is judged. */
export interface StatementContext {
  readonly rules: SignatureRules;
  /** As this host knows itself; null: it has not enrolled, and nothing is signed for it. */
  readonly host: StatedHost | null;
  /** This host's own clock, milliseconds. */
  readonly now: number;
  /** Why this statement can no longer be used; null: it can. */
  readonly used: (statement: Statement) => string | null;
}

/** A statement that holds; null: none is needed. */
export type StatementVerdict =
  | { readonly ok: true; readonly statement: Statement | null }
  | { readonly ok: false; readonly refusal: Refusal };

const PAYLOAD_OF_KIND: Readonly<Record<Order['kind'], Order['payload']['type']>> = {
  script: 'script',
  command: 'command',
  shell: 'shell',
  exec_session: 'command',
  instance: 'script',
};

/**
 * Whether people have signed this order.
 * @param asRoot it would run as root
 */
export function checkOrder(order: Order, asRoot: boolean, context: StatementContext): StatementVerdict {
  const { rules } = context;
  const { kind } = order;
  if (kind === 'instance') {
    if (rules.unsignedInstances) return { ok: true, statement: null };
    return refused(ReasonCode.signatureMissing, 'runs of script instances are signed by nobody');
  }
  // The JSON of a command read as a script would be another program with the same digest.
  if (PAYLOAD_OF_KIND[kind] !== order.payload.type)
    return refused(ReasonCode.statementMismatch, `kind: a ${kind} comes with a ${order.payload.type}`);
  const needed =
    asRoot && startsShell(order) ? Math.max(rules.required, rules.rootShell ?? 0) : rules.required;
  return check(order.statement, order.host_proof, needed, context, (statement) =>
    misfitOfOrder(statement, order, rules),
  );
}

/** Whether people have signed this query. */
export function checkQuery(query: QueryOrder, context: StatementContext): StatementVerdict {
  const run: StatedRun = {
    kind: 'query',
    contentSha256: createHash('sha256').update(query.sql).digest('hex'),
    timeoutSeconds: Math.ceil(query.limits.milliseconds / 1000),
  };
  return check(query.statement, query.host_proof, context.rules.required, context, (statement) =>
    misfitOf(statement, run),
  );
}

function check(
  signed: SignedStatement | undefined,
  proof: HostProof | undefined,
  needed: number,
  context: StatementContext,
  misfit: (statement: Statement) => string | null,
): StatementVerdict {
  if (signed === undefined)
    return refused(ReasonCode.signatureMissing, `this host runs only what ${people(needed)} signed`);
  const names = signersOf(signed, context.rules);
  if (names.length === 0)
    return refused(
      ReasonCode.signerUnknown,
      "no signature of it is one of the people's whom this host's policy names",
    );
  if (names.length < needed)
    return refused(
      ReasonCode.signatureMissing,
      `this needs what ${people(needed)} signed, and only ${names.join(', ')} did`,
    );
  let statement: Statement;
  try {
    statement = readStatement(signed.statement);
  } catch (error) {
    if (!(error instanceof UnreadableStatement)) throw error;
    return refused(ReasonCode.statementMismatch, error.message);
  }
  if (context.host === null)
    return refused(ReasonCode.statementMismatch, 'hosts: this host does not know yet which one it is');
  if (proof === undefined || !isHostProof(statement.hosts, context.host, proof))
    return refused(ReasonCode.statementMismatch, 'hosts: this host is none of those that it was signed for');
  const time = timeOf(statement, context.now);
  if (time !== 'good') {
    const when =
      time === 'early' ? `from ${instant(statement.not_before)} on` : `until ${instant(statement.expires)}`;
    return refused(
      ReasonCode.statementExpired,
      `it was signed for ${when}; here it is ${instant(context.now)}`,
    );
  }
  const field = misfit(statement);
  if (field !== null)
    return refused(ReasonCode.statementMismatch, `${field}: what was ordered is not what was signed`);
  const used = context.used(statement);
  if (used !== null) return refused(ReasonCode.replayed, used);
  return { ok: true, statement };
}

/** The names of those whose signatures hold, each once. */
function signersOf({ statement, signatures }: SignedStatement, { signers }: SignatureRules): string[] {
  const names = new Set<string>();
  const keys = new Set<string>();
  for (const signature of signatures) {
    const signer = signers.find(({ key }) => isSignatureOf(statement, signature, key));
    if (signer === undefined || keys.has(signature.key)) continue;
    keys.add(signature.key);
    names.add(signer.name);
  }
  return [...names];
}

/** What a server tells every exec session about itself, where it is nothing that a program could take for more than a word. */
const TOLD: ReadonlySet<string> = new Set([
  'MUSTER_SESSION_ID',
  'MUSTER_CONNECTION_NAME',
  'MUSTER_CONNECTION_TYPE',
  'MUSTER_USER_EMAIL',
]);
const isTold = (kind: Order['kind'], name: string, value: string): boolean =>
  kind === 'exec_session' && TOLD.has(name) && /^[A-Za-z0-9 _.@+-]{0,255}$/.test(value);

/** What the order adds to what was signed must be allowed by its name, and take the place of nothing. */
function misfitOfOrder(statement: Statement, order: Order, { mayAdd }: SignatureRules): string | null {
  const { env = {}, secrets, limits } = order;
  // Nobody signs them, and they are no way to end a run only: what is over a limit fails, and the rest of a script goes on.
  if (limits !== undefined) return 'limits';
  const added = [...Object.keys(secrets?.env ?? {}), ...Object.keys(secrets?.files ?? {})];
  const smuggled = added.find((name) => !mayAdd(name) || Object.hasOwn(env, name));
  if (smuggled !== undefined) return `env_sha256 (the variable ${smuggled} was added)`;
  const field = misfitOf(statement, statedRun(order, env));
  if (field !== 'env_sha256') return field;
  const signed = Object.fromEntries(
    Object.entries(env).filter(([name, value]) => !mayAdd(name) && !isTold(order.kind, name, value)),
  );
  return misfitOf(statement, statedRun(order, signed));
}

/** An order in the words of statements. @param env what of its environment is to have been signed */
export function statedRun(order: Order, env: Readonly<Record<string, string>>): StatedRun {
  const { payload, stdin, cwd, user } = order;
  return {
    kind: order.kind as StatedRun['kind'],
    contentSha256: contentDigest(payload),
    arguments: payload.type === 'script' ? payload.arguments : [],
    stdinSha256: stdin === undefined ? null : createHash('sha256').update(toBuffer(stdin)).digest('hex'),
    env,
    cwd,
    user,
    cleanEnv: order.clean_env,
    lane: order.lane,
    timeoutSeconds: order.timeout_seconds,
  };
}

function refused(reason: ReasonCode, message: string): StatementVerdict {
  return { ok: false, refusal: { reason, message } };
}

function people(count: number): string {
  return count === 1 ? 'one person of its policy has' : `${count} people of its policy have`;
}

function instant(at: number): string {
  return new Date(at).toISOString();
}
