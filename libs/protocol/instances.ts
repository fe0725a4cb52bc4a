import { createHash } from 'node:crypto';
import { z } from 'zod';
import { listOf } from './bounded.js';
import { canonicalJson } from './canonical-json.js';
import { Limits } from './constants.js';

/*
 * Script instances: configurations of scripts that an agent starts and stops by itself, while the server is away as well. The whole set of a host
 * travels at once and is kept on the host's disk. docs/protocol.md and docs/instances.md tell the story.
 */

const id = z.number().int().min(1).max(2_147_483_647);
const epochMs = z.number().int().min(0).max(253_402_300_799_999);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const setting = z.string().min(1).max(Limits.triggerSetting);
/** Without what PostgreSQL cannot hold. */
const wellFormed = (text: z.ZodString): z.ZodType<string, string> =>
  text.transform((value) => value.replaceAll('\0', '').toWellFormed());

/** XPath 1.0 over the host's tree of facts: a path fires when what it selects changes, a boolean expression when it turns true. */
const xpath = z.object({ type: z.literal('xpath'), setting });

/** Nobody but people. */
const manual = z.object({ type: z.literal('manual') });

/** What to do about times that passed while the agent or its host was down. */
export const MissedRuns = z.enum(['skip', 'once', 'all']);
export type MissedRuns = z.infer<typeof MissedRuns>;

/** What starts an instance. */
export const StartTrigger = z.discriminatedUnion('type', [
  manual,
  xpath,
  z.object({
    type: z.literal('schedule'),
    /** A cron line: five fields, or six with seconds first. */
    setting,
    /** IANA name; absent: the host's. */
    timezone: z.string().min(1).max(64).optional(),
    /** Absent: `skip`. */
    missed: MissedRuns.optional(),
  }),
]);
export type StartTrigger = z.infer<typeof StartTrigger>;

/** What ends a run of it; its timeout, the agent's or the host's shutdown do so in any case. */
export const StopTrigger = z.discriminatedUnion('type', [manual, xpath]);
export type StopTrigger = z.infer<typeof StopTrigger>;

/** One instance, as the agent needs it; its script's content stands in the set, by its hash. */
export const InstanceDefinition = z.object({
  id,
  name: z.string().min(1).max(100),
  script_id: id,
  script_name: z.string().min(1).max(255),
  content_sha256: sha256,
  arguments: z.array(z.string()),
  timeout_seconds: z.number().int().min(1).max(604_800),
  /** Between TERM and KILL. */
  grace_seconds: z.number().min(0).max(3600),
  output_cap_bytes: z.number().int().min(1024),
  start_trigger: StartTrigger,
  stop_trigger: StopTrigger,
  /** false: its triggers start nothing. What runs goes on, and may be stopped. */
  enabled: z.boolean(),
  /** What a path selects has to stand still for so long before it fires; milliseconds. */
  debounce_ms: z.number().int().min(0).max(3_600_000).default(1000),
  /** Starts by triggers within any minute; what would be beyond waits, and is one start. */
  max_starts_per_minute: z.number().int().min(1).max(600).default(6),
});
export type InstanceDefinition = z.infer<typeof InstanceDefinition>;

/** Server → agent, `instances`: all that this host is to have, in place of what it had. */
export const InstanceSet = z.object({
  revision: sha256,
  instances: z.array(InstanceDefinition).max(Limits.instancesPerHost),
  /** Scripts by the SHA-256, hex, of their bytes (UTF-8). */
  contents: z.record(sha256, z.string()),
});
export type InstanceSet = z.infer<typeof InstanceSet>;

/** The set is on the agent's disk. */
export const InstanceSetAck = z.object({ ok: z.literal(true) });
export type InstanceSetAck = z.infer<typeof InstanceSetAck>;

/** In an order: the run is one of this instance, of which one runs at a time. */
export const InstanceRef = z.object({ id });
export type InstanceRef = z.infer<typeof InstanceRef>;

/** What ended a run of an instance, when it was no person. `system`: its timeout, or the agent's or the host's shutdown. */
export const StopFired = z.discriminatedUnion('type', [
  z.object({ type: z.literal('xpath'), setting: wellFormed(setting) }),
  z.object({ type: z.literal('system') }),
]);
export type StopFired = z.infer<typeof StopFired>;

/**
 * Agent → server, `triggered`: a run that the agent started by itself. Said before any report about the attempt, in the order of the starts, and again until
 * it is acknowledged; the same attempt twice is one run. The process is told `attempt_id` as its execution's id (MUSTER_EXECUTION_ID), which the server's execution should bear as its uuid.
 */
export const Triggered = z.object({
  attempt_id: z.uuid(),
  instance_id: id,
  /** What ran, which may be older than what the instance says now. */
  content_sha256: sha256,
  arguments: listOf(wellFormed(z.string()), Limits.triggeredArguments),
  trigger: z.object({ type: z.enum(['xpath', 'schedule']), setting: wellFormed(setting) }),
  /** When it fired; the first report says when the process came to be. Milliseconds, by the host's clock. */
  started_at: epochMs,
});
export type Triggered = z.infer<typeof Triggered>;

/** Sent after the commit. `gone`: instance or host is no more; forget the run and its reports. Not ok at all: say it again. */
export const TriggeredAck = z.union([
  z.object({ status: z.enum(['ok', 'gone']) }),
  z.object({ ok: z.literal(false), error: z.string(), retry_after_ms: z.number().int().nonnegative() }),
]);
export type TriggeredAck = z.infer<typeof TriggeredAck>;

/** Server → agent, `facts_query`: the host's tree of facts, or what an expression makes of it. */
export const FactsQuery = z.object({ xpath: setting.nullable() });
export type FactsQuery = z.infer<typeof FactsQuery>;

/** One of the three. */
export const FactsQueryAck = z.object({
  /** The whole tree, or the nodes that were selected, one after the other; empty: none was. */
  xml: z.string().optional(),
  /** Of an expression that selects no nodes. */
  value: z.union([z.string(), z.number(), z.boolean()]).optional(),
  error: z.string().optional(),
});
export type FactsQueryAck = z.infer<typeof FactsQueryAck>;

/** Server → agent, `trigger_check`: what these would do now. Nothing is started or stopped. */
export const TriggerCheck = z.object({
  start_trigger: StartTrigger.optional(),
  stop_trigger: StopTrigger.optional(),
});
export type TriggerCheck = z.infer<typeof TriggerCheck>;

/** What one trigger would do. */
export const TriggerOutlook = z.object({
  would_fire: z.boolean(),
  /** For people: what it selects, or says, now. */
  why: z.string(),
  /** Of a schedule: the next time, milliseconds since the epoch. */
  next_at: epochMs.optional(),
  /** It cannot be evaluated. */
  error: z.string().optional(),
});
export type TriggerOutlook = z.infer<typeof TriggerOutlook>;

export const TriggerCheckAck = z.object({
  start: TriggerOutlook.optional(),
  stop: TriggerOutlook.optional(),
});
export type TriggerCheckAck = z.infer<typeof TriggerCheckAck>;

/** SHA-256, hex, of a set's definitions, whatever the order in which they and their attributes stand; contents are in it by their hashes. */
export function instancesRevision(instances: readonly InstanceDefinition[]): string {
  const sorted = [...instances].sort((a, b) => a.id - b.id);
  return createHash('sha256').update(canonicalJson(sorted)).digest('hex');
}
