import { createHash, type KeyObject, sign } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from './canonical-json.js';
import { publicKeyId, rawPublicKey, verifySignature } from './ed25519.js';

/*
 * Statements: what a person signs so that hosts run it, whoever the server belongs to by then. A statement says all that decides what a run does to a
 * host; what it leaves out has its default, and never "anything". docs/signing.md tells the story.
 */

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const epochMs = z.number().int().nonnegative();

/** The longest that a statement may be good for, milliseconds: a month. Hosts remember statements for so long. */
export const MAX_VALIDITY_MS = 31 * 24 * 3_600_000;

/** How far a host's clock may be behind the signer's, milliseconds. */
export const CLOCK_TOLERANCE_MS = 60_000;

/** Signatures under one statement. */
export const MAX_SIGNATURES = 16;

export const StatementKind = z.enum(['script', 'command', 'shell', 'exec_session', 'query']);
export type StatementKind = z.infer<typeof StatementKind>;

/** What is signed, as canonical JSON. */
export const Statement = z
  .strictObject({
    v: z.literal(1),
    kind: StatementKind,
    /** Of the script's bytes, of the JSON of argv or of the shell's line, or of the query's text. */
    content_sha256: sha256,
    /** Of a script. Absent: none. */
    arguments: z.array(z.string()).min(1).optional(),
    /** Absent: no standard input. */
    stdin_sha256: sha256.optional(),
    /** Of the canonical JSON of the variables that are added. Absent: none is. */
    env_sha256: sha256.optional(),
    /** Absent: the agent's default for the account. */
    cwd: z.string().min(1).optional(),
    /** Absent: the agent's own account. */
    user: z.string().min(1).optional(),
    /** Absent: the run has the agent's environment. */
    clean_env: z.literal(true).optional(),
    /** Absent: `serial` for a script, `parallel` for all others. */
    lane: z.enum(['serial', 'parallel']).optional(),
    /** At most so long. */
    timeout_seconds: z.number().int().min(1).max(604_800),
    /** See host-tree.ts. */
    hosts: z.strictObject({ root: sha256, count: z.number().int().min(1).max(1_000_000) }),
    /** Both by the clock of each host itself. */
    not_before: epochMs,
    expires: epochMs,
    /** 16 random bytes, hex: a host runs what it stands in once. */
    nonce: z.string().regex(/^[0-9a-f]{32}$/),
  })
  .refine(({ not_before, expires }) => not_before < expires && expires - not_before <= MAX_VALIDITY_MS, {
    path: ['expires'],
    message: 'a statement ends after it begins, and a month later at most',
  });
export type Statement = z.infer<typeof Statement>;

/** A statement's text and who signed it. The text is what counts: it is never written anew. */
export const SignedStatement = z.strictObject({
  statement: z
    .string()
    .min(2)
    .max(1024 * 1024),
  signatures: z
    .array(
      z.strictObject({
        /** The signing key's id. */
        key: z.string().regex(/^[0-9a-f]{16}$/),
        /** base64url, of the bytes that `signedBytes` makes. */
        signature: z.string().regex(/^[A-Za-z0-9_-]{86}$/),
      }),
    )
    .min(1)
    .max(MAX_SIGNATURES),
});
export type SignedStatement = z.infer<typeof SignedStatement>;
export type StatementSignature = SignedStatement['signatures'][number];

/** All that a statement says about a run. */
export interface StatedRun {
  readonly kind: StatementKind;
  readonly contentSha256: string;
  readonly arguments?: readonly string[];
  /** Hex; null or absent: there is none, or it is empty. */
  readonly stdinSha256?: string | null;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly user?: string;
  readonly cleanEnv?: boolean;
  /** Absent: the kind's own; queries have none. */
  readonly lane?: 'serial' | 'parallel';
  readonly timeoutSeconds: number;
}

/** For whom and when. */
export interface StatedScope {
  readonly hosts: { readonly root: string; readonly count: number };
  readonly notBefore: number;
  readonly expires: number;
  /** Hex, 16 bytes. */
  readonly nonce: string;
}

/** The text to be signed. */
export function composeStatement(run: StatedRun, scope: StatedScope): string {
  const statement: Statement = {
    v: 1,
    ...statedPart(run),
    timeout_seconds: run.timeoutSeconds,
    hosts: { root: scope.hosts.root, count: scope.hosts.count },
    not_before: scope.notBefore,
    expires: scope.expires,
    nonce: scope.nonce,
  };
  return canonicalJson(Statement.parse(statement));
}

/** A statement's text that cannot be read. `message` says why, for people. */
export class UnreadableStatement extends Error {
  override readonly name = 'UnreadableStatement';
}

/**
 * Reads a statement's text, which has to be in canonical form: then it has one meaning for every reader.
 * @throws UnreadableStatement
 */
export function readStatement(text: string): Statement {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UnreadableStatement('the statement is no JSON');
  }
  const parsed = Statement.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new UnreadableStatement(
      `the statement's ${issue?.path.join('.') || 'form'}: ${issue?.message ?? ''}`,
    );
  }
  if (canonicalJson(parsed.data) !== text)
    throw new UnreadableStatement('the statement is not in canonical form');
  return parsed.data;
}

/** The first field in which a run is another than the statement says; null: it is the one that was signed. */
export function misfitOf(statement: Statement, run: StatedRun): keyof Statement | null {
  const stated = statedPart(run);
  for (const field of FIELDS) {
    if (canonicalJson(statement[field] ?? null) !== canonicalJson(stated[field] ?? null)) return field;
  }
  return run.timeoutSeconds > statement.timeout_seconds ? 'timeout_seconds' : null;
}

/** Whether a statement is good at this time, by this clock, milliseconds. */
export function timeOf(
  statement: Pick<Statement, 'not_before' | 'expires'>,
  now: number,
): 'early' | 'good' | 'expired' {
  if (now >= statement.expires) return 'expired';
  return now + CLOCK_TOLERANCE_MS < statement.not_before ? 'early' : 'good';
}

/**
 * Signs a statement's text.
 * @throws TypeError for a key of another kind than Ed25519
 */
export function signStatement(text: string, privateKey: KeyObject): StatementSignature {
  const publicKey = rawPublicKey(privateKey);
  if (publicKey === null) throw new TypeError('statements are signed with Ed25519 keys');
  return {
    key: publicKeyId(publicKey),
    signature: sign(null, signedBytes(text), privateKey).toString('base64url'),
  };
}

/** Whether this public key (its 32 bytes) made this signature of this text. */
export function isSignatureOf(
  text: string,
  { key, signature }: StatementSignature,
  publicKey: Uint8Array,
): boolean {
  if (key !== publicKeyId(publicKey)) return false;
  return verifySignature(publicKey, signedBytes(text), Buffer.from(signature, 'base64url'));
}

/** A statement's digest, hex: names it in records. */
export function statementDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The bytes that are signed: nothing else that anybody signs with the same key begins so. */
function signedBytes(text: string): Buffer {
  return Buffer.from(`muster-statement-v1\n${text}`);
}

/** What a statement and a run have to agree in, letter by letter. */
const FIELDS = [
  'kind',
  'content_sha256',
  'arguments',
  'stdin_sha256',
  'env_sha256',
  'cwd',
  'user',
  'clean_env',
  'lane',
] as const;

const EMPTY_SHA256 = createHash('sha256').digest('hex');

function statedPart(run: StatedRun): Pick<Statement, (typeof FIELDS)[number]> {
  const env = Object.keys(run.env ?? {}).length === 0 ? null : canonicalJson(run.env);
  const stdin = run.stdinSha256 ?? EMPTY_SHA256;
  const usual = run.kind === 'script' ? 'serial' : 'parallel';
  return {
    kind: run.kind,
    content_sha256: run.contentSha256,
    ...((run.arguments ?? []).length > 0 && { arguments: [...(run.arguments ?? [])] }),
    ...(stdin !== EMPTY_SHA256 && { stdin_sha256: stdin }),
    ...(env !== null && { env_sha256: createHash('sha256').update(env).digest('hex') }),
    ...(run.cwd !== undefined && { cwd: run.cwd }),
    ...(run.user !== undefined && { user: run.user }),
    ...(run.cleanEnv === true && { clean_env: true }),
    ...(run.lane !== undefined && run.lane !== usual && { lane: run.lane }),
  };
}
