import { type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { z } from 'zod';
import { passwordProblem } from '../auth/password-criteria.js';
import { decodeSecretsKeys } from './secrets-keys.js';
import { decodeSigningKeys } from './signing-keys.js';

/** Injection token for the validated settings: `@Inject(SETTINGS) settings: Settings`. */
export const SETTINGS = Symbol('settings');

/** What the server is told from outside, validated; the only reader of the server's environment. */
export interface Settings {
  readonly host: string;
  readonly port: number;
  /** Absolute path: embedded database, keys, local agent state. */
  readonly dataDir: string;
  /** null: the server runs its own PostgreSQL under `dataDir`. */
  readonly databaseUrl: string | null;
  /** First admin, created while no user exists. `generate`: with a random password kept in `<dataDir>/admin.json`. */
  readonly firstAdmin: { email: string; password: string } | 'generate' | null;
  /** First global enroll secret, read at the first start only. null: one is generated. */
  readonly enrollSecret: string | null;
  /** Keys for the secrets of connections: the first one seals, all of them open. null: those in `<dataDir>/secrets.key`. */
  readonly secretsKeys: readonly Buffer[] | null;
  /** The server's own keys: the first one signs, a second one is that of before. null: those in `<dataDir>/signing.key` and `signing-previous.key`. */
  readonly signingKeys: readonly KeyObject[] | null;
  /** PEM texts. */
  readonly tls: { cert: string; key: string } | null;
  /** Requests per second that one token may make, as a mean over ten seconds; 0: any number. */
  readonly tokenRate: number;
  /** Requests per second of one address that may be refused for want of a known token, as a mean over ten seconds; 0: any number. */
  readonly refusedRate: number;
  readonly logLevel: 'error' | 'warn' | 'info' | 'debug';
  /** Seconds between two heartbeats of an agent; silent for two of them means offline. */
  readonly heartbeatSeconds: number;
  /** Seconds an agent may stay away before what it was running counts as lost. */
  readonly leaseSeconds: number;
  /** Hours a host has to be away before a machine may enroll in its place without its key; 0: as soon as it is offline. */
  readonly reenrollAfterHours: number;
  /** Output kept per target, bytes. */
  readonly outputCapBytes: number;
  /** Days that executions are kept; 0: by age for ever. */
  readonly historyDays: number;
  /** Executions that are kept; 0: any number. */
  readonly historyRuns: number;
  /** Of each host the newest so many are kept in any case. */
  readonly historyRunsPerHost: number;
  /** Days that rows of the audit record are kept; 0: for ever. */
  readonly auditDays: number;
  /** Seconds a script may run when nothing else says. */
  readonly scriptTimeoutSeconds: number;
  /** Seconds that the synchronous forms of a live query wait for hosts that are online. */
  readonly liveQueryRestSeconds: number;
  /** What becomes of a spec whose SQL SQLite cannot read. */
  readonly specSqlCheck: 'refuse' | 'warn' | 'off';
  /** File that results of scheduled queries are appended to, in osquery's format; null: none. */
  readonly resultsLog: string | null;
  /** Seconds after which a live query ends that nobody listens to any more. */
  readonly liveQueryIdleSeconds: number;
  /** Seconds of inactivity after which a login session ends; 0 never. */
  readonly sessionSeconds: number;
  /** Days that the output of exec sessions is kept; 0: always. */
  readonly sessionRetentionDays: number;
  /** Stop when standard input ends: set by `muster up`, so that nothing outlives it. */
  readonly exitWithParent: boolean;
}

/** A setting that makes no sense; `message` is the one clear line to print. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

const whole = (min: number, max: number): z.ZodType<number> =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .refine((n) => n >= min && n <= max, `must be between ${min} and ${max}`);

const postgresUrl = z.string().refine((text) => {
  try {
    return ['postgres:', 'postgresql:'].includes(new URL(text).protocol);
  } catch {
    return false;
  }
}, 'must be a postgres:// URL');

const secretsKeys = z.string().transform((text, context) => {
  const keys = decodeSecretsKeys(text);
  if (keys !== null) return keys;
  context.addIssue('must be a key of 32 bytes in base64 (openssl rand -base64 32), or several with commas');
  return z.NEVER;
});

const signingKeys = z.string().transform((text, context) => {
  const keys = decodeSigningKeys(text);
  if (keys !== null && keys.length <= 2) return keys;
  context.addIssue(
    'must be an Ed25519 private key (openssl genpkey -algorithm ed25519), as PEM or its PKCS8 in base64; a second one is the key of before',
  );
  return z.NEVER;
});

const Environment = z.object({
  MUSTER_HOST: z.string().default('127.0.0.1'),
  MUSTER_PORT: whole(0, 65_535).default(8420),
  MUSTER_DATA_DIR: z.string().default('.muster'),
  MUSTER_DATABASE_URL: postgresUrl.optional(),
  MUSTER_REDIS_URL: z
    .string()
    .refine(() => false, 'several server replicas are not supported by this version; leave it unset')
    .optional(),
  MUSTER_ADMIN_EMAIL: z.email('must be an e-mail address').optional(),
  MUSTER_ADMIN_PASSWORD: z
    .string()
    .superRefine((password, context) => {
      const problem = passwordProblem(password);
      if (problem) context.addIssue({ code: 'custom', message: problem });
    })
    .optional(),
  MUSTER_FIRST_ADMIN: z.literal('generate', "must be 'generate' or unset").optional(),
  MUSTER_ENROLL_SECRET: z.string().max(255, 'must have at most 255 characters').optional(),
  MUSTER_SECRETS_KEY: secretsKeys.optional(),
  MUSTER_SIGNING_KEY: signingKeys.optional(),
  MUSTER_TLS_CERT: z.string().optional(),
  MUSTER_TLS_KEY: z.string().optional(),
  MUSTER_TOKEN_RATE: whole(0, 1_000_000).default(1000),
  MUSTER_REFUSED_RATE: whole(0, 1_000_000).default(100),
  MUSTER_LOG_LEVEL: z
    .enum(['error', 'warn', 'info', 'debug'], 'must be error, warn, info or debug')
    .default('info'),
  MUSTER_HEARTBEAT_SECONDS: whole(1, 300).default(10),
  MUSTER_LEASE_SECONDS: whole(5, 2_592_000).default(3600),
  MUSTER_REENROLL_AFTER_HOURS: whole(0, 876_000).default(168),
  MUSTER_OUTPUT_CAP_BYTES: whole(1024, 4_294_967_296).default(64 * 1024 * 1024),
  MUSTER_HISTORY_DAYS: whole(0, 36_500).default(0),
  MUSTER_HISTORY_RUNS: whole(0, 2_000_000_000).default(0),
  MUSTER_HISTORY_RUNS_PER_HOST: whole(0, 1_000_000).default(100),
  MUSTER_AUDIT_DAYS: whole(0, 36_500).default(0),
  MUSTER_SCRIPT_TIMEOUT_SECONDS: whole(1, 604_800).default(300),
  MUSTER_LIVE_QUERY_REST_SECONDS: whole(1, 600).default(25),
  MUSTER_LIVE_QUERY_IDLE_SECONDS: whole(1, 86_400).default(60),
  MUSTER_SPEC_SQL_CHECK: z.enum(['refuse', 'warn', 'off'], 'must be refuse, warn or off').default('refuse'),
  MUSTER_RESULTS_LOG: z.string().optional(),
  MUSTER_SESSION_SECONDS: whole(0, 31_536_000).default(5 * 24 * 3600),
  MUSTER_SESSION_RETENTION: whole(0, 36_500).default(0),
  MUSTER_EXIT_WITH_PARENT: z.enum(['0', '1'], 'must be 0 or 1').default('0'),
});

/**
 * Reads and validates the settings.
 * @param env usually `process.env`; an empty value counts as unset
 * @throws SettingsError naming each variable that makes no sense
 */
export function loadSettings(env: NodeJS.ProcessEnv): Settings {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = Environment.safeParse(given);
  if (!parsed.success) {
    throw new SettingsError(parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`).join('; '));
  }
  const e = parsed.data;
  if ((e.MUSTER_ADMIN_EMAIL === undefined) !== (e.MUSTER_ADMIN_PASSWORD === undefined)) {
    throw new SettingsError('MUSTER_ADMIN_EMAIL and MUSTER_ADMIN_PASSWORD go together: set both or neither');
  }
  if ((e.MUSTER_TLS_CERT === undefined) !== (e.MUSTER_TLS_KEY === undefined)) {
    throw new SettingsError('MUSTER_TLS_CERT and MUSTER_TLS_KEY go together: set both or neither');
  }
  return {
    host: e.MUSTER_HOST,
    port: e.MUSTER_PORT,
    dataDir: resolve(e.MUSTER_DATA_DIR),
    databaseUrl: e.MUSTER_DATABASE_URL ?? null,
    firstAdmin:
      e.MUSTER_ADMIN_EMAIL !== undefined && e.MUSTER_ADMIN_PASSWORD !== undefined
        ? { email: e.MUSTER_ADMIN_EMAIL.toLowerCase(), password: e.MUSTER_ADMIN_PASSWORD }
        : (e.MUSTER_FIRST_ADMIN ?? null),
    enrollSecret: e.MUSTER_ENROLL_SECRET ?? null,
    secretsKeys: e.MUSTER_SECRETS_KEY ?? null,
    signingKeys: e.MUSTER_SIGNING_KEY ?? null,
    tls: readTls(e.MUSTER_TLS_CERT, e.MUSTER_TLS_KEY),
    tokenRate: e.MUSTER_TOKEN_RATE,
    refusedRate: e.MUSTER_REFUSED_RATE,
    logLevel: e.MUSTER_LOG_LEVEL,
    heartbeatSeconds: e.MUSTER_HEARTBEAT_SECONDS,
    leaseSeconds: e.MUSTER_LEASE_SECONDS,
    reenrollAfterHours: e.MUSTER_REENROLL_AFTER_HOURS,
    outputCapBytes: e.MUSTER_OUTPUT_CAP_BYTES,
    historyDays: e.MUSTER_HISTORY_DAYS,
    historyRuns: e.MUSTER_HISTORY_RUNS,
    historyRunsPerHost: e.MUSTER_HISTORY_RUNS_PER_HOST,
    auditDays: e.MUSTER_AUDIT_DAYS,
    scriptTimeoutSeconds: e.MUSTER_SCRIPT_TIMEOUT_SECONDS,
    liveQueryRestSeconds: e.MUSTER_LIVE_QUERY_REST_SECONDS,
    liveQueryIdleSeconds: e.MUSTER_LIVE_QUERY_IDLE_SECONDS,
    specSqlCheck: e.MUSTER_SPEC_SQL_CHECK,
    resultsLog: e.MUSTER_RESULTS_LOG === undefined ? null : resolve(e.MUSTER_RESULTS_LOG),
    sessionSeconds: e.MUSTER_SESSION_SECONDS,
    sessionRetentionDays: e.MUSTER_SESSION_RETENTION,
    exitWithParent: e.MUSTER_EXIT_WITH_PARENT === '1',
  };
}

/** Where clients on this machine reach a server with these settings. */
export function serverUrl(settings: Pick<Settings, 'host' | 'port' | 'tls'>): string {
  const host = ['0.0.0.0', '::'].includes(settings.host) ? '127.0.0.1' : settings.host;
  return `${settings.tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${settings.port}`;
}

function readTls(certPath: string | undefined, keyPath: string | undefined): Settings['tls'] {
  if (certPath === undefined || keyPath === undefined) return null;
  const cert = readPem('MUSTER_TLS_CERT', certPath);
  const key = readPem('MUSTER_TLS_KEY', keyPath);
  for (const [name, path, part] of [
    ['MUSTER_TLS_CERT', certPath, { cert }],
    ['MUSTER_TLS_KEY', keyPath, { key }],
  ] as const) {
    check(part, `${name}: ${path} cannot be used`);
  }
  check({ cert, key }, 'MUSTER_TLS_CERT and MUSTER_TLS_KEY do not belong together');
  return { cert, key };
}

function check(parts: { cert?: string; key?: string }, complaint: string): void {
  try {
    createSecureContext(parts);
  } catch (error) {
    throw new SettingsError(`${complaint} (${(error as Error).message})`);
  }
}

function readPem(name: string, path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new SettingsError(
      `${name}: cannot read ${path} (${(error as NodeJS.ErrnoException).code ?? 'error'})`,
    );
  }
  if (!text.includes('-----BEGIN ')) throw new SettingsError(`${name}: ${path} is not a PEM file`);
  return text;
}
