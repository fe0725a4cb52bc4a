import { z } from 'zod';
import { listOf, mapOf, Rows } from './bounded.js';
import { Limits } from './constants.js';
import { AgentKey, EnrolmentProof } from './enrolment.js';
import { HostProof } from './host-tree.js';
import { InstanceRef, StopFired } from './instances.js';
import { RunLimits } from './limits.js';
import { ReasonCode } from './reasons.js';
import { KeyId, ServerKey } from './server-key.js';
import { HeldBlocks } from './standing.js';
import { SignedStatement } from './statement.js';

/*
 * The contract between server and agent. Each schema and its type share one name; both sides parse what they
 * receive. Times are milliseconds since the Unix epoch; byte counts are numbers; keys are snake_case.
 * docs/protocol.md tells the story that these shapes only spell.
 */

const uuid = z.uuid();
/** Up to the year 9999: what lies beyond is no time that anybody could store. */
const epochMs = z.number().int().min(0).max(253_402_300_799_999);
const count = z.number().int().nonnegative();
/** What numbers chunks and parts, and what processes end with. */
const ordinal = z.number().int().min(0).max(2_147_483_647);
const exitCode = z.number().int().min(-2_147_483_648).max(2_147_483_647);
const reason = z.enum(ReasonCode);

/** Bytes, or the text that they are as UTF-8: which of both is cheaper depends on the size, and the sender decides. */
export const Bytes = z.union([z.string(), z.custom<Uint8Array>((value) => value instanceof Uint8Array)]);
export type Bytes = z.infer<typeof Bytes>;

export const Stream = z.enum(['stdout', 'stderr']);
export type Stream = z.infer<typeof Stream>;

export const Lane = z.enum(['serial', 'parallel']);
export type Lane = z.infer<typeof Lane>;

/** Text without NUL, which neither XML nor PostgreSQL can hold; firmware has been seen to say it. Halves of characters are none. */
const text = (max: number, min = 0): z.ZodType<string, string> =>
  z
    .string()
    .min(min)
    .max(max)
    .transform((value) => value.replaceAll('\0', '').toWellFormed());

const Address = z.object({
  interface: text(64),
  address: text(64),
  family: z.enum(['IPv4', 'IPv6']),
  mac: text(64),
  internal: z.boolean(),
});
const MOST_ADDRESSES = 1024;

/** What a host is, as its agent sees it. Everything but the first four may be unknown. */
export const HostFacts = z.object({
  hostname: text(255, 1),
  /** osquery's `os_version.platform`: debian, ubuntu, darwin, windows… */
  platform: text(64),
  os_version: text(255),
  arch: text(64),
  platform_like: text(255).default(''),
  code_name: text(64).default(''),
  build: text(255).default(''),
  kernel_version: text(255).default(''),
  computer_name: text(255).default(''),
  /** Bytes. */
  memory: count.default(0),
  cpu_type: text(64).default(''),
  cpu_subtype: text(64).default(''),
  cpu_brand: text(255).default(''),
  cpu_physical_cores: count.default(0),
  cpu_logical_cores: count.default(0),
  hardware_vendor: text(255).default(''),
  hardware_model: text(255).default(''),
  hardware_version: text(255).default(''),
  hardware_serial: text(255).default(''),
  primary_ip: text(64).default(''),
  primary_mac: text(64).default(''),
  addresses: listOf(Address, MOST_ADDRESSES).default([]),
  uptime_seconds: z.number().nonnegative().default(0),
  disk_total_bytes: count.default(0),
  disk_available_bytes: count.default(0),
});
export type HostFacts = z.infer<typeof HostFacts>;

/** The agent's own labels (`--label key=value`), addressed as `key:value`. */
export const AgentLabels = mapOf(
  z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  z.string().regex(/^[A-Za-z0-9_.-]{1,256}$/),
  Limits.agentLabels,
);
export type AgentLabels = z.infer<typeof AgentLabels>;

/** POST ENROLL_PATH. The pair (hardware_uuid, instance) is the machine: enrolling it again keeps the host's id. */
export const EnrollRequest = z.object({
  enroll_secret: text(255, 1),
  protocol: z.number().int(),
  agent_version: text(64),
  /** The machine's own id: DMI product uuid, else machine-id, as a uuid in lower case. */
  hardware_uuid: uuid,
  /** Tells several agents on one machine apart; a digest of the state directory's path. */
  instance: text(128, 1),
  /** `--hostname`, else the system's. */
  hostname: text(255, 1),
  /** The list as the description of the API can tell it; a request over HTTP is small. */
  facts: HostFacts.extend({ addresses: z.array(Address).max(MOST_ADDRESSES).default([]) }),
  /** With its private half the agent comes back as the same host. Absent: an agent that has none. */
  agent_key: AgentKey.optional(),
  /** In answer to a challenge. */
  proof: EnrolmentProof.optional(),
});
export type EnrollRequest = z.infer<typeof EnrollRequest>;

/** The keys that sign what the server says: the one in use first. */
const serverKeys = z.array(ServerKey).min(1).max(8);

/** A base64url text of random bytes that its answer has to repeat. */
const challenge = z.string().min(16).max(64);

export const EnrollResponse = z.object({
  node_key: z.string(),
  host_id: z.number().int(),
  host_uuid: uuid,
  /** The agent trusts these and no others from now on. Absent: a server that does not sign. */
  server_keys: serverKeys.optional(),
});
export type EnrollResponse = z.infer<typeof EnrollResponse>;

/** Socket.IO `auth` of the agents' namespace. */
export const Handshake = z.object({
  node_key: z.string().min(1).max(255),
  protocol: z.number().int(),
  agent_version: text(64),
});
export type Handshake = z.infer<typeof Handshake>;

/** An attempt that the agent's journal still holds. */
export const KnownAttempt = z.object({
  attempt_id: uuid,
  state: z.enum(['accepted', 'running', 'ended']),
  /** A run that a trigger started, whose `triggered` has not been acknowledged: one that the ledger does not know is not stale, its `triggered` follows. */
  unannounced: z.boolean().optional(),
});
export type KnownAttempt = z.infer<typeof KnownAttempt>;

/**
 * First message on every connection. The server sends no order before it has answered this: it compares
 * what it has dispatched with what the journal knows.
 */
export const Hello = z.object({
  /** Names this journal; a new one (state directory lost) means that earlier attempts' outcomes are unknown. */
  journal_id: uuid,
  hostname: text(255, 1),
  /** How many runs of the parallel lane this agent takes at once. */
  parallel_slots: z.number().int().min(1).max(1024),
  scripts_enabled: z.boolean(),
  /** It does what `secrets`, `mask` and `deny_output` of an order ask for. Absent: an agent that would pass over them. */
  keeps_secrets: z.boolean().optional(),
  labels: AgentLabels,
  attempts: listOf(KnownAttempt, Limits.helloAttempts),
  facts: HostFacts,
  /** Absent: an agent that knows nothing of standing work. */
  standing: HeldBlocks.optional(),
  /** The set of script instances that it has; null: none. Absent: an agent that knows nothing of them. */
  instances_revision: z.string().max(64).nullable().optional(),
  /** The version of envelopes that it wants: it takes nothing unsigned. Absent: an agent that knows nothing of them. */
  envelopes: z.literal(1).optional(),
  /** It takes an order that was signed for many hosts at once. Absent: an agent that would not find its own among theirs. */
  shared_orders: z.boolean().optional(),
  /**
   * An order whose sender wants no acknowledgement is answered by what it leads to: a report of the attempt, or else `taken`. Absent: an agent
   * that says nothing when nobody asks.
   */
  says_taken: z.boolean().optional(),
  /** Repeated in the answer, which therefore is no older one. */
  challenge: challenge.optional(),
  /** The keys that it trusts; none: the first that it is told. */
  server_keys: z.array(KeyId).max(8).optional(),
  /** Its own: kept of a host of which none is known. Absent: an agent that has none. */
  agent_key: AgentKey.optional(),
});
export type Hello = z.infer<typeof Hello>;

export const HelloAck = z.discriminatedUnion('ok', [
  z.object({
    ok: z.literal(true),
    host_id: z.number().int(),
    host_uuid: uuid,
    /** The server's clock, so that expiry is judged by one clock. */
    server_time: epochMs,
    /** Attempts whose word the server will not take any more: kill what runs, forget the rest. */
    stale: z.array(uuid),
    /** The agent's. */
    challenge: challenge.optional(),
    server_keys: serverKeys.optional(),
  }),
  z.object({ ok: z.literal(false), error: z.string(), retry_after_ms: count }),
]);
export type HelloAck = z.infer<typeof HelloAck>;

/** Agent → server, `time`: what time it is. Orders are judged by the server's clock, and clocks drift. */
export const TimeQuestion = z.object({ challenge });
export type TimeQuestion = z.infer<typeof TimeQuestion>;

/** In an envelope. */
export const TimeAnswer = z.object({ challenge, server_time: epochMs });
export type TimeAnswer = z.infer<typeof TimeAnswer>;

/** What is to be run; argv never passes through a shell unless `shell` says so. */
export const Payload = z.discriminatedUnion('type', [
  /** A file: with a shebang as the shebang says, without one by /bin/sh. */
  z.object({ type: z.literal('script'), contents: Bytes, arguments: z.array(z.string()) }),
  z.object({ type: z.literal('command'), argv: z.array(z.string()).min(1) }),
  z.object({ type: z.literal('shell'), command: z.string().min(1) }),
]);
export type Payload = z.infer<typeof Payload>;

/** A name that a shell can use: no other can be asked for by what runs. */
const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,254}$/);

/** Whatever the system takes for a name: with a `=` in it, it would be another name, and part of the value. */

const anyVariable = z.string().regex(/^[^=\0]+$/);

/** What a run is to know and nobody else. On the host it is in memory alone, but for the files, which go with the run. */
export const Secrets = z.object({
  /** Added to the environment after `env`, which it wins over. */
  env: z.record(variable, z.string()).optional(),
  /** Variable → the content of a file (0600, of the run's account) whose path it gets; the file is removed after the run. */
  files: z.record(variable, Bytes).optional(),
});
export type Secrets = z.infer<typeof Secrets>;

/** Shapes that can be masked in output without knowing what they say. */
export const MaskType = z.enum(['card', 'token', 'email']);
export type MaskType = z.infer<typeof MaskType>;

/** What does not stay in the output. The values of `Secrets` are always masked, and need not be named here. */
export const Mask = z.object({
  values: z.array(z.string()).default([]),
  types: z.array(MaskType).default([]),
});
export type Mask = z.infer<typeof Mask>;

/** Output that ends the run: any of the words (case counts), or what the pattern (RE2) matches. */
export const OutputRule = z.object({
  words: z.array(z.string().min(1)).optional(),
  pattern: z.string().min(1).optional(),
  /** Said to whoever asked for the run. */
  message: z.string().max(4096),
});
export type OutputRule = z.infer<typeof OutputRule>;

/** One attempt to run one target. */
export const Order = z.object({
  attempt_id: uuid,
  target_id: uuid,
  execution_id: uuid,
  kind: z.enum(['script', 'command', 'shell', 'exec_session', 'instance']),
  lane: Lane,
  /** SHA-256, hex, of the script's bytes, or of the JSON of argv or command. */
  content_sha256: z.string().regex(/^[0-9a-f]{64}$/),
  payload: Payload,
  cwd: z.string().optional(),
  /** Added to the environment; with `clean_env` only PATH, HOME and MUSTER_* stand beside it. */
  env: z.record(anyVariable, z.string()).optional(),
  clean_env: z.boolean().default(false),
  stdin: Bytes.optional(),
  user: z.string().optional(),
  timeout_seconds: z.number().int().min(1).max(604_800),
  /** Between TERM and KILL. */
  grace_seconds: z.number().min(0).max(3600),
  /** Output kept, bytes, both streams together: the first half and the last half of it. */
  output_cap_bytes: z.number().int().min(1024),
  /** Never start after this, by the server's clock. */
  expires_at: epochMs.nullable(),
  secrets: Secrets.optional(),
  mask: Mask.optional(),
  /** The first that matches ends the run: killed, `output_blocked`, with its message. */
  deny_output: z.array(OutputRule).optional(),
  /** A person's start of an instance. Refused with `already_running` while another run of it goes on. */
  instance: InstanceRef.optional(),
  /** Less than what the host allows anyway. */
  limits: RunLimits.optional(),
  /** E-mail addresses of who asked for it, and of who approved it; absent where there was nobody. */
  asked_by: z.string().max(255).optional(),
  approved_by: z.array(z.string().max(255)).max(64).optional(),
  /** What people have signed, and the proof that this host is one of its hosts. */
  statement: SignedStatement.optional(),
  host_proof: HostProof.optional(),
});
export type Order = z.infer<typeof Order>;

/** Server → agent, `run`. */
export const Run = z.object({ orders: z.array(Order).min(1).max(Limits.ordersPerMessage) });
export type Run = z.infer<typeof Run>;

/** `accepted`: in the journal, synced to disk. Refused: never started, and never will be. */
export const OrderAnswer = z.discriminatedUnion('accepted', [
  z.object({ attempt_id: uuid, accepted: z.literal(true) }),
  z.object({ attempt_id: uuid, accepted: z.literal(false), reason, message: text(4096) }),
]);
export type OrderAnswer = z.infer<typeof OrderAnswer>;
/** The acknowledgement of `run`; and, agent → server, `taken`: of orders that wanted none, those refused, and those of which nothing was reported within a moment. */
export const RunAck = z.object({ answers: listOf(OrderAnswer, Limits.ordersPerMessage) });
export type RunAck = z.infer<typeof RunAck>;

/** Server → agent, `stop`: end these attempts, or never start them. */
export const Stop = z.object({
  attempts: z
    .array(
      z.object({
        attempt_id: uuid,
        reason: z.enum([ReasonCode.cancelRequested, ReasonCode.expired]),
        message: z.string(),
      }),
    )
    .min(1),
});
export type Stop = z.infer<typeof Stop>;

/**
 * `not_started`: it has not and never will (the journal remembers the refusal). `terminating`: TERM sent, a final report
 * follows. `ended`: the report is on its way. With reason `expired` a started run is left alone and says `running`.
 */
export const StopAck = z.object({
  answers: listOf(
    z.object({ attempt_id: uuid, state: z.enum(['not_started', 'running', 'terminating', 'ended']) }),
    Limits.helloAttempts,
  ),
});
export type StopAck = z.infer<typeof StopAck>;

/** A piece of output. `seq` counts from 0 over both streams of one attempt, in order of arrival. */
export const Chunk = z.object({
  seq: ordinal,
  stream: Stream,
  at: epochMs,
  data: Bytes.refine((data) => data.length <= Limits.chunkBytes, 'a chunk is too large'),
});
export type Chunk = z.infer<typeof Chunk>;

/** How an attempt ended, in the agent's words. */
export const Ending = z.object({
  outcome: z.enum(['finished', 'timed_out', 'killed', 'failed_to_start', 'lost']),
  reason: reason.nullable(),
  message: z
    .string()
    .max(4096)
    .transform((value) => value.toWellFormed()),
  /** Of a process that exited by itself; null when it was ended by a signal or never ran. */
  exit_code: exitCode.nullable(),
  /** Number of the signal that ended it, ours or another's. */
  signal: z.number().int().min(0).max(255).nullable(),
  started_at: epochMs.nullable(),
  finished_at: epochMs,
  duration_ms: count,
  /** Bytes that the process wrote, kept or not; after masking. */
  stdout_bytes: count,
  stderr_bytes: count,
  /** Bytes that were not kept: between the head and the tail. Where they stood is told by `gap_seq`. */
  dropped_bytes: count,
  /** The first chunk after the gap; null when nothing was dropped. */
  gap_seq: ordinal.nullable(),
  /** Chunks of this attempt; all of them are acknowledged before, or sent with, the ending. */
  chunks: ordinal,
  /** How often something was masked, by its kind: `secret`, or a `MaskType`. Absent: nothing was. */
  masked: mapOf(text(64), ordinal, 16).optional(),
  /** Of a run of an instance that was ended by no person. */
  stop_trigger: StopFired.optional(),
});
export type Ending = z.infer<typeof Ending>;

function fitWindow(chunks: readonly Chunk[]): boolean {
  return chunks.reduce((sum, { data }) => sum + data.length, 0) <= Limits.windowBytes;
}

/** What happened to one attempt since the last report. A fast run fits into one. */
export const Report = z.object({
  attempt_id: uuid,
  started_at: epochMs.optional(),
  /** At most `windowBytes` of them. */
  chunks: listOf(Chunk, Limits.chunksPerReport)
    .refine(fitWindow, 'there are more bytes than may be in flight')
    .optional(),
  ending: Ending.optional(),
});
export type Report = z.infer<typeof Report>;

/** Agent → server, `report`. */
export const Reports = z.object({ reports: listOf(Report, Limits.reportsPerMessage, 1) });
export type Reports = z.infer<typeof Reports>;

/**
 * Sent after the commit. `ok`: what was reported is stored, the agent may forget it (the whole attempt, when the
 * ending was part of it). `stale`: this attempt no longer counts; kill and forget. Not ok at all: keep everything, try again.
 */
export const ReportAck = z.discriminatedUnion('ok', [
  z.object({
    ok: z.literal(true),
    answers: z.array(z.object({ attempt_id: uuid, status: z.enum(['ok', 'stale']) })),
    /** Output bytes that this agent may have in flight over all attempts, until the next answer; absent: as many as it likes. */
    window_bytes: count.optional(),
  }),
  z.object({ ok: z.literal(false), error: z.string(), retry_after_ms: count }),
]);
export type ReportAck = z.infer<typeof ReportAck>;

/** Agent → server, `facts`: sent when they changed. */
export const FactsUpdate = z.object({ facts: HostFacts });
export type FactsUpdate = z.infer<typeof FactsUpdate>;
export const FactsAck = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true) }),
  z.object({ ok: z.literal(false), error: z.string(), retry_after_ms: count }),
]);
export type FactsAck = z.infer<typeof FactsAck>;

/** One live query, the same for every host it goes to. */
export const QueryOrder = z.object({
  campaign_id: z.number().int().positive(),
  sql: z.string().min(1).max(Limits.querySql),
  limits: z.object({
    milliseconds: z.number().int().min(1),
    memory_bytes: z.number().int().min(1),
    rows: z.number().int().min(1),
  }),
  /** As of an order. */
  asked_by: z.string().max(255).optional(),
  statement: SignedStatement.optional(),
  host_proof: HostProof.optional(),
});
export type QueryOrder = z.infer<typeof QueryOrder>;

/** Server → agent, `query`. A campaign that the agent is answering already is not begun again. */
export const Query = z.object({ queries: z.array(QueryOrder).min(1).max(Limits.queriesPerMessage) });
export type Query = z.infer<typeof Query>;

/** Server → agent, `query_end`: nobody waits for these answers any more; whatever runs for them is ended. */
export const QueryEnd = z.object({ campaign_ids: z.array(z.number().int().positive()).min(1) });
export type QueryEnd = z.infer<typeof QueryEnd>;

/** How a host's answer ended: `killed` at a limit of the query (rows, memory), `timed_out` at that of time, `denied` by the agent. */
export const AnswerOutcome = z.enum(['answered', 'error', 'killed', 'timed_out', 'denied']);
export type AnswerOutcome = z.infer<typeof AnswerOutcome>;

/** What a query cost on the host. */
export const QueryStats = z.object({
  wall_time_ms: count,
  /** Processor time, milliseconds. */
  user_time: count,
  system_time: count,
  /** Most memory that its process had, bytes. */
  memory: count,
  /** What could not be read, each once. */
  warnings: listOf(text(1024), 100),
});
export type QueryStats = z.infer<typeof QueryStats>;

/**
 * Agent → server, `answer`: one part of the rows, in order. The next part leaves when this one is acknowledged. After a lost
 * connection the query is asked again, and answered again from part 0.
 */
export const Answer = z.object({
  campaign_id: z.number().int().positive(),
  /** Counts from 0. */
  part: ordinal,
  columns: listOf(text(1024), 4096),
  /** Each as long as `columns`. */
  rows: Rows,
  /** Absent while more parts follow. */
  ending: z
    .object({ outcome: AnswerOutcome, error: text(4096).nullable(), stats: QueryStats.nullable() })
    .optional(),
});
export type Answer = z.infer<typeof Answer>;

/** `ok`: stored. `stale`: nobody waits for it; end the query. Not ok at all: say it again. */
export const AnswerAck = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), status: z.enum(['ok', 'stale']) }),
  z.object({ ok: z.literal(false), error: z.string(), retry_after_ms: count }),
]);
export type AnswerAck = z.infer<typeof AnswerAck>;
