import { z } from 'zod';
import { listOf, mapOf, Rows } from './bounded.js';
import { Limits } from './constants.js';

/*
 * Standing work: what an agent does by itself again and again. The server divides it into blocks, each under an id and with a hash of
 * its content; an agent keeps its blocks on disk and tells with its hello which ones it has, so only what differs is sent.
 */

const id = z.number().int().min(1).max(2_147_483_647);
const seconds = (most: number): z.ZodNumber => z.number().int().min(1).max(most);
const sql = z.string().min(1).max(Limits.querySql);
const text = (max: number): z.ZodType<string, string> =>
  z
    .string()
    .max(max)
    .transform((value) => value.replaceAll('\0', '').toWellFormed());

/** The longest interval of anything that stands, seconds: a week. */
export const MAX_STANDING_SECONDS = 604_800;

const name = { id: z.string().min(1).max(300), hash: z.string().min(1).max(64) };

/** SQL that is answered by yes or no: whether it yields a row. */
export const StandingCheck = z.object({ id, sql });
export type StandingCheck = z.infer<typeof StandingCheck>;

/** One query of a pack. What its `platform`, `version` and `shard` say about the host, the agent judges. */
export const ScheduledQuery = z.object({
  /** The saved query whose report this is; null: the server keeps no report of it. */
  query_id: id.nullable(),
  name: z.string().min(1).max(255),
  sql,
  interval: seconds(MAX_STANDING_SECONDS),
  /** `removed`: what is gone is told, too. */
  logging: z.enum(['snapshot', 'removed', 'added_only']),
  /** As osquery words it: a comma list of platforms, `linux`, `posix`, `any`; empty: any. */
  platform: z.string().max(255).default(''),
  /** Least version of osquery; empty: any. */
  version: z.string().max(64).default(''),
  /** Percent of the hosts. */
  shard: z.number().int().min(0).max(100).default(100),
});
export type ScheduledQuery = z.infer<typeof ScheduledQuery>;

/** What agents are told about themselves; what is absent is as the agent has it. */
export const StandingOptions = z.object({
  /** false: refuses everything that would run something. An agent that was started with scripts disabled does so in any case. */
  scripts_enabled: z.boolean().optional(),
  /** Seconds between two evaluations of labels, and of policies. */
  label_interval: seconds(MAX_STANDING_SECONDS).optional(),
  policy_interval: seconds(MAX_STANDING_SECONDS).optional(),
  /** By how many percent the intervals of schedules differ from host to host, at most. */
  schedule_splay_percent: z.number().int().min(0).max(100).optional(),
});
export type StandingOptions = z.infer<typeof StandingOptions>;

/** A part of an agent's standing work. */
export const StandingBlock = z.discriminatedUnion('kind', [
  z.object({ ...name, kind: z.literal('options'), options: StandingOptions }),
  z.object({ ...name, kind: z.literal('labels'), labels: z.array(StandingCheck) }),
  z.object({ ...name, kind: z.literal('policies'), policies: z.array(StandingCheck) }),
  z.object({
    ...name,
    kind: z.literal('pack'),
    /** As in `pack/<pack>/<query>`. */
    pack: z.string().min(1).max(255),
    platform: z.string().max(255).default(''),
    queries: z.array(ScheduledQuery),
  }),
]);
export type StandingBlock = z.infer<typeof StandingBlock>;

/** The blocks that an agent holds: hash by id. */
export const HeldBlocks = mapOf(z.string().max(300), z.string().max(64), Limits.heldBlocks);
export type HeldBlocks = z.infer<typeof HeldBlocks>;

/** Server → agent, `standing`: these blocks go, those come or take the place of the one with their id. */
export const Standing = z.object({ remove: z.array(z.string()), blocks: z.array(StandingBlock) });
export type Standing = z.infer<typeof Standing>;

/** What one run of a scheduled query found. A differential one that found no change is not told. */
export const ScheduledReport = z.object({
  pack: z.string().min(1).max(255),
  name: z.string().min(1).max(255),
  query_id: id.nullable(),
  /** When it ran; milliseconds since the epoch. */
  at: z.number().int().min(0).max(253_402_300_799_999),
  /** Differential results since the first one, which is 0; 0 for snapshots. */
  counter: z.number().int().nonnegative(),
  columns: listOf(text(1024), 4096),
  result: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('snapshot'), rows: Rows }),
    z.object({ kind: z.literal('differential'), added: Rows, removed: Rows }),
    z.object({ kind: z.literal('failed'), error: text(4096) }),
  ]),
});
export type ScheduledReport = z.infer<typeof ScheduledReport>;

/**
 * Agent → server, `findings`: all that came up since the last one. The agent keeps it until it is acknowledged; a report whose
 * acknowledgement was lost comes twice.
 */
export const Findings = z.object({
  labels: listOf(z.object({ id, member: z.boolean() }), Limits.findingsPerMessage),
  /** `passes` null: the query failed. */
  policies: listOf(z.object({ id, passes: z.boolean().nullable() }), Limits.findingsPerMessage),
  reports: listOf(ScheduledReport, Limits.findingsPerMessage),
  /** Reports that did not fit on the host's disk while the server was away, since the last acknowledged findings. */
  dropped_reports: z.number().int().nonnegative(),
});
export type Findings = z.infer<typeof Findings>;

/** Sent after the commit. Not ok: keep it, say it again. */
export const FindingsAck = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true) }),
  z.object({ ok: z.literal(false), error: z.string(), retry_after_ms: z.number().int().nonnegative() }),
]);
export type FindingsAck = z.infer<typeof FindingsAck>;
