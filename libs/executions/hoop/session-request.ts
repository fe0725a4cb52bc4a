import { createHash } from 'node:crypto';
import { type ConnectionForRun } from '#libs/connections/index';
import { DomainError } from '#libs/platform/errors/index';
import { type ExecRequestDto } from './exec-sessions.dto.js';

/** What stands beside a session's work. */
export interface Beside {
  readonly metadata: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly correlationId: string | null;
  readonly batchId: string | null;
}

/** What a session is to do, as its connection admits it. */
export interface Work {
  readonly stdin: Buffer;
  readonly clientArgs: readonly string[];
  /** The connection's command with the arguments. */
  readonly argv: readonly string[];
  /** Variables that the request brings. */
  readonly env: Readonly<Record<string, string>>;
  /** Files that the request brings: variable → base64. */
  readonly files: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
}

const MAX_METADATA = 20;
const MAX_METADATA_LENGTH = 2_500;
const MAX_ID_LENGTH = 255;
const MAX_WAIT_SECONDS = 300;
/** More than this no system starts a process with (Linux: a quarter of the stack, 2 MiB). */
const MAX_ARGUMENT_BYTES = 2 * 1024 * 1024;

/** Seconds that an answer waits. @throws DomainError invalid */
export function waitSeconds(text: string | undefined, byDefault: number): number {
  if (text === undefined || text === '') return byDefault;
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : Infinity;
  if (seconds <= MAX_WAIT_SECONDS) return seconds;
  throw invalid('wait', `wait must be a whole number of seconds from 0 to ${MAX_WAIT_SECONDS}`);
}

/** @throws DomainError invalid, as hoop checks it before it looks for the connection */
export function readBeside(dto: ExecRequestDto): Beside {
  return {
    metadata: readMetadata(dto.metadata ?? {}),
    labels: readTexts('labels', dto.labels ?? {}),
    correlationId: readCorrelationId(dto.correlation_id),
    batchId: readBatchId(dto.session_batch_id),
  };
}

/** Values become text. @throws DomainError invalid */
export function readMetadata(given: Readonly<Record<string, unknown>>): Record<string, string> {
  const texts = Object.entries(given).map(([key, value]): [string, string] => [key, textOf(value)]);
  if (texts.length > MAX_METADATA)
    throw invalid('metadata', `metadata must have at most ${MAX_METADATA} keys`);
  for (const [key, text] of texts) {
    if (key.length >= MAX_METADATA_LENGTH || text.length >= MAX_METADATA_LENGTH)
      throw invalid(
        'metadata',
        `metadata must have keys and values of fewer than ${MAX_METADATA_LENGTH} characters`,
      );
    refuseUnstorable('metadata', key);
    refuseUnstorable('metadata', text);
  }
  return Object.fromEntries(texts);
}

/**
 * What the request asks for, within what the connection allows.
 * @param connection its command as it will be run
 * @throws DomainError refused (the connection runs nothing, or a field of metadata is missing); invalid (a field); too_large
 */
export function readWork(dto: ExecRequestDto, connection: ConnectionForRun, beside: Beside): Work {
  const { name, command, execEnabled, timeoutSeconds } = connection;
  if (!execEnabled) throw new DomainError('refused', `sessions are switched off for connection ${name}`);
  if (command.length === 0)
    throw new DomainError('refused', `connection ${name} has no command, and there is none for its subtype`);
  for (const field of connection.mandatoryMetadata)
    if (!beside.metadata[field])
      throw new DomainError('refused', `missing required metadata field: ${field}`);
  const clientArgs = readArguments(dto.client_args ?? [], connection);
  const script = dto.script ?? '';
  if (!script.isWellFormed()) throw invalid('script', 'script must not hold halves of characters');
  const { env, files } = readVariables(dto.env_vars ?? {}, connection);
  const argv = [...command, ...clientArgs];
  refuseTooLarge([...argv, ...Object.entries(env).flat()]);
  return {
    stdin: Buffer.from(script),
    clientArgs,
    argv,
    env,
    files,
    timeoutSeconds: readTimeout(dto.timeout, timeoutSeconds),
  };
}

/** What an approval is bound to: the connection as it is, and everything of the request that decides what is run. */
export function digestOfSession(connection: Pick<ConnectionForRun, 'id' | 'version'>, work: Work): Buffer {
  const stdin = createHash('sha256').update(work.stdin).digest('hex');
  const parts = [connection.id, connection.version, work.argv, stdin, sorted(work.env), sorted(work.files)];
  return createHash('sha256').update(JSON.stringify(parts)).digest();
}

/** What an Idempotency-Key stands for: the request as it was made. */
export function identityOf(dto: ExecRequestDto, beside: Beside): unknown {
  const script = createHash('sha256')
    .update(dto.script ?? '')
    .digest('hex');
  return [
    'session',
    dto.connection,
    script,
    dto.client_args ?? [],
    dto.env_vars ?? {},
    dto.timeout ?? null,
    beside,
  ];
}

function readTimeout(given: number | null | undefined, most: number): number {
  if (given === undefined || given === null) return most;
  if (given >= 1 && given <= most) return given;
  throw invalid(
    'timeout',
    `timeout must be between 1 and ${most} seconds, which is what the connection allows`,
  );
}

function readArguments(args: readonly string[], connection: ConnectionForRun): readonly string[] {
  const { allowedClientArgs: allowed, name } = connection;
  for (const [i, argument] of args.entries()) {
    const which = `client_args: argument ${i + 1}`;
    if (argument.includes('\0') || !argument.isWellFormed())
      throw invalid('client_args', `${which} must not hold a NUL or halves of characters`);
    if (allowed !== null && !allowed.includes(argument))
      throw invalid('client_args', `${which} is not among those that connection ${name} allows`);
  }
  return args;
}

function readVariables(
  given: Readonly<Record<string, unknown>>,
  { allowedEnv, name }: ConnectionForRun,
): Pick<Work, 'env' | 'files'> {
  const env: Record<string, string> = {};
  const files: Record<string, string> = {};
  for (const [key, value] of Object.entries(given)) {
    const [, kind, variable] = /^(envvar|filesystem):([A-Za-z_][A-Za-z0-9_]{0,127})$/.exec(key) ?? [];
    const which = `env_vars: ${key.length > 150 ? 'a name' : key}`;
    if (variable === undefined)
      throw invalid(
        'env_vars',
        `${which} must be envvar:NAME or filesystem:NAME (letters, digits, underscores)`,
      );
    if (variable.startsWith('MUSTER_') || !(allowedEnv.includes('*') || allowedEnv.includes(variable)))
      throw invalid('env_vars', `${which} is not among the variables that connection ${name} allows`);
    const bytes = typeof value === 'string' ? fromBase64(value) : null;
    if (bytes === null) throw invalid('env_vars', `${which} must be base64`);
    if (kind === 'filesystem') {
      files[variable] = bytes.toString('base64');
      continue;
    }
    const text = bytes.toString('utf8');
    if (text.includes('\0') || !Buffer.from(text).equals(bytes))
      throw invalid('env_vars', `${which} must be text without NUL: no variable can hold anything else`);
    env[variable] = text;
  }
  return { env, files };
}

/** null: it is none. */
function fromBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}

function readCorrelationId(id: string | null | undefined): string | null {
  if (id === undefined || id === null || id === '') return null;
  if (id.length <= MAX_ID_LENGTH && /^[\x20-\x7e]*$/.test(id)) return id;
  throw invalid(
    'correlation_id',
    `correlation_id must have at most ${MAX_ID_LENGTH} printable ASCII characters`,
  );
}

function readBatchId(id: string | null | undefined): string | null {
  if (id === undefined || id === null || id === '') return null;
  refuseUnstorable('session_batch_id', id);
  if (id.length <= MAX_ID_LENGTH) return id;
  throw invalid('session_batch_id', `session_batch_id must have at most ${MAX_ID_LENGTH} characters`);
}

function readTexts(name: string, given: Readonly<Record<string, unknown>>): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [key, value] of Object.entries(given)) {
    if (typeof value !== 'string') throw invalid(name, `${name} must be an object of strings`);
    texts[key] = value;
  }
  return readMetadata(texts);
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === null || value === undefined ? '' : JSON.stringify(value);
}

/** What PostgreSQL's text cannot hold. */
function refuseUnstorable(name: string, text: string): void {
  if (text.includes('\0') || !text.isWellFormed())
    throw invalid(name, `${name} must not hold a NUL or halves of characters`);
}

function refuseTooLarge(words: readonly string[]): void {
  const bytes = words.reduce((sum, word) => sum + Buffer.byteLength(word) + 1, 0);
  if (bytes <= MAX_ARGUMENT_BYTES) return;
  throw new DomainError('too_large', {
    name: 'client_args',
    reason: `command, client_args and env_vars have ${bytes} bytes; at most ${MAX_ARGUMENT_BYTES} can be handed to a process. Send more as script.`,
  });
}

function sorted(record: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}

function invalid(name: string, reason: string): DomainError {
  return new DomainError('invalid', { name, reason });
}
