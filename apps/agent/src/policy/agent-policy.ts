import { z } from 'zod';
import { publicKeyOf } from './signer-key.js';
import { DAYS, daysOf, minutesOf } from './windows.js';

/*
 * What the operator of a host allows on it, whatever the server says. The file's own keys are those of `AgentPolicy`; what is absent is
 * not limited. docs/agent-policy.md tells the story. Values are what people write: sizes like `512MiB`, times like `22:00`, days like `mon-fri`.
 */

/** What an agent can be asked for. */
export const POLICY_KINDS = ['scripts', 'commands', 'shells', 'sessions', 'queries', 'instances'] as const;
export type PolicyKind = (typeof POLICY_KINDS)[number];

/** Kinds that start something. */
export type RunKind = Exclude<PolicyKind, 'queries'>;

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** A size as people write it, in bytes; NaN: it is none. */
function bytesOf(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  return digits === '' ? Number.NaN : Math.round(Number(digits) * (UNITS[unit.toLowerCase()] ?? Number.NaN));
}

const line = (max: number): z.ZodString =>
  z.string({ error: 'must be text' }).min(1, 'is empty').max(max, `has more than ${max} characters`);

const list = <T extends z.ZodType>(item: T): z.ZodArray<T> =>
  z.array(item, { error: 'must be a list' }).max(1000, 'has more than 1000 entries');

const oneOf = <const T extends readonly string[]>(names: T): z.ZodType<T[number]> =>
  z.enum(names as readonly string[] as [string, ...string[]], {
    error: `must be one of ${names.join(', ')}`,
  });

const whole = (least: number, most: number): z.ZodType<number> =>
  z
    .number({ error: `must be a whole number from ${least} to ${most}` })
    .refine(
      (value) => Number.isInteger(value) && value >= least && value <= most,
      `must be a whole number from ${least} to ${most}`,
    );

const size = (least: number): z.ZodType<number> =>
  z
    .union([z.number(), z.string()], { error: 'must be a size, like 512MiB' })
    .transform((value) => (typeof value === 'number' ? value : bytesOf(value)))
    .refine((value) => Number.isSafeInteger(value), 'must be a size, like 512MiB')
    .refine((value) => value >= least, `must be at least ${least} bytes`);

const section = <T extends z.ZodRawShape>(
  shape: T,
): z.ZodObject<{ -readonly [K in keyof T]: T[K] }, z.core.$strict> =>
  z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? undefined : 'must have keys and values'),
  });

const account = line(255).regex(/^[A-Za-z0-9_.@\\-]+$/, 'is no user name');
const variable = line(255).regex(
  /^[A-Za-z0-9_*]+$/,
  'is no name of a variable (`*` stands for letters, digits and `_`)',
);

const Window = section({
  /** `mon` … `sun`, or `mon-fri`; absent: every day. The day on which the window begins. */
  days: list(
    line(16).refine(
      (text) => daysOf(text) !== null,
      `must be one of ${DAYS.join(', ')}, or two like mon-fri`,
    ),
  )
    .min(1, 'is empty: then nothing would ever run')
    .optional(),
  /** `HH:MM`; absent: the whole day. Before `from`, `to` is on the day after. */
  from: z
    .string({ error: 'must be a time like 22:00' })
    .refine((text) => minutesOf(text) !== null, 'must be a time like 22:00')
    .optional(),
  to: z
    .string({ error: 'must be a time like 06:00' })
    .refine((text) => minutesOf(text) !== null, 'must be a time like 06:00')
    .optional(),
  /** IANA name; absent: the host's. */
  timezone: line(64).refine(isTimezone, 'is no time zone, like Europe/Prague or UTC').optional(),
}).refine(({ from = '00:00', to = '24:00' }) => minutesOf(from) !== minutesOf(to), {
  message: 'is the same as from: leave both out for the whole day',
  path: ['to'],
});
/** When runs may start; by the host's own clock. */
export type PolicyWindow = z.infer<typeof Window>;

const Limits = section({
  /** Processor seconds of all processes of a run together. */
  cpu_seconds: whole(1, 31_536_000).optional(),
  /** Memory of all its processes, bytes. */
  memory_bytes: size(1_048_576).optional(),
  /** Processes (and threads) at once. */
  processes: whole(1, 4_194_304).optional(),
  /** Open files of one process. */
  open_files: whole(16, 1_048_576).optional(),
  /** Largest file, bytes. */
  file_bytes: size(1024).optional(),
  /** Bytes written to disks. */
  disk_bytes: size(1024).optional(),
  /** Bytes of output, kept or not, with which a run is ended. */
  output_bytes: size(1024).optional(),
});
/** Most of what one run may use up; what is absent is as the agent's command line says. */
export type PolicyLimits = z.infer<typeof Limits>;

const Signer = section({
  name: line(255),
  /** Ed25519, the 32 bytes of the public key as base64. */
  key: line(255).refine(
    (text) => publicKeyOf(text) !== null,
    'is no Ed25519 public key: 32 bytes as base64, as `muster keys list` shows them',
  ),
});

const Signatures = section({
  signers: list(Signer).min(1, 'names nobody: then nothing could be run'),
  /** Of how many different signers an order needs the signature. */
  required: whole(1, 100).default(1),
  /** The same for a shell or a session as root; absent: as `required`. */
  root_shell: whole(1, 100).optional(),
  /** true: live queries, too, need signatures, and standing queries are refused unless `unsigned` names them. */
  queries: z.boolean({ error: 'must be true or false' }).default(false),
  /** What cannot be signed, and is done nonetheless: script instances, standing queries. */
  unsigned: list(oneOf(['instances', 'standing'] as const)).optional(),
  /** Variables that the server may add to what was signed, secrets among them; `*` stands for letters, digits and `_`. */
  extra_env: list(variable).optional(),
}).superRefine(({ signers, required, root_shell }, context) => {
  const refuse = (path: (string | number)[], message: string): void =>
    context.addIssue({ code: 'custom', path, message });
  const keys = signers.map(({ key }) => publicKeyOf(key)?.toString('hex'));
  const names = signers.map(({ name }) => name);
  for (const [i, key] of keys.entries()) {
    if (keys.indexOf(key) < i)
      refuse(['signers', i, 'key'], 'stands here twice: one person would count as two');
    if (names.indexOf(names[i] ?? '') < i) refuse(['signers', i, 'name'], 'stands here twice');
  }
  if (required > signers.length) refuse(['required'], `is more than there are signers (${signers.length})`);
  if (root_shell === undefined) return;
  if (root_shell > signers.length)
    refuse(['root_shell'], `is more than there are signers (${signers.length})`);
  if (root_shell < required) refuse(['root_shell'], `is less than required (${required})`);
});
/** Whose signatures orders need. */
export type PolicySignatures = z.infer<typeof Signatures>;

/** The whole file. */
export const AgentPolicy = section({
  kinds: list(oneOf(POLICY_KINDS)).optional(),
  /** Of scripts: by name (`python3`) or by path (`/bin/sh`); scripts without a shebang are for /bin/sh. */
  interpreters: list(line(255)).optional(),
  /** Accounts that something may run as; without a user in the request that is the agent's own. */
  users: list(account).optional(),
  /** Of commands, shell lines and sessions: patterns in which `*` stands for any characters. */
  commands: section({
    allow: list(line(4096)).optional(),
    deny: list(line(4096)).optional(),
    /** With `allow`: variables that requests may set; none when absent, because many change which program runs. */
    env: list(variable).optional(),
  }).optional(),
  tables: section({ deny: list(line(255).regex(/^[A-Za-z0-9_]+$/, 'is no name of a table')) }).optional(),
  windows: list(Window).min(1, 'is empty: then nothing would ever run').optional(),
  max_timeout_seconds: whole(1, 604_800).optional(),
  max_output_bytes: size(1024).optional(),
  limits: Limits.optional(),
  signatures: Signatures.optional(),
});
export type AgentPolicy = z.infer<typeof AgentPolicy>;

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
