import { boolean, list, number, optional, record, string, UnexpectedShape } from './read.js';

/*
 * The parts of the API's answers that the commands look at. `raw` is the whole answer, for `--json`: what a newer
 * server adds reaches programs without a change here.
 */

type Raw = Record<string, unknown>;

export interface Host {
  id: number;
  uuid: string;
  hostname: string;
  /** `online` or `offline`. */
  status: string;
  /** Empty: of no team. */
  team: string;
  os: string;
  ip: string;
  raw: Raw;
}

export function readHost(value: unknown, at: string): Host {
  const raw = record(value, at);
  const text = (key: string): string => optional(raw[key], string, `${at}.${key}`) ?? '';
  return {
    id: number(raw['id'], `${at}.id`),
    uuid: text('uuid'),
    hostname: text('hostname'),
    status: text('status'),
    team: text('team_name'),
    os: text('os_version') || text('platform'),
    ip: text('primary_ip') || text('public_ip'),
    raw,
  };
}

export interface User {
  name: string;
  email: string;
  /** `admin`, or each team with the role there. */
  roles: string[];
  raw: Raw;
}

export function readUser(value: unknown, at: string): User {
  const raw = record(value, at);
  const globalRole = optional(raw['global_role'], string, `${at}.global_role`);
  const teams = optional(raw['teams'], (v, where) => list(v, record, where), `${at}.teams`) ?? [];
  return {
    name: optional(raw['name'], string, `${at}.name`) ?? '',
    email: string(raw['email'], `${at}.email`),
    roles: globalRole
      ? [globalRole]
      : teams.map((team) => `${String(team['role'])} of team ${String(team['name'])}`),
    raw,
  };
}

/** A saved script. */
export interface Script {
  id: number;
  name: string;
  /** Absent: for hosts of no team. */
  teamId: number | undefined;
  updatedAt: string;
  raw: Raw;
}

export function readScript(value: unknown, at: string): Script {
  const raw = record(value, at);
  return {
    id: number(raw['id'], `${at}.id`),
    name: string(raw['name'], `${at}.name`),
    teamId: optional(raw['team_id'], number, `${at}.team_id`),
    updatedAt: optional(raw['updated_at'], string, `${at}.updated_at`) ?? '',
    raw,
  };
}

export const finalStates = [
  'finished',
  'timed_out',
  'killed',
  'failed_to_start',
  'lost',
  'expired',
  'cancelled',
  'denied',
] as const;
export type FinalState = (typeof finalStates)[number];

export function isFinal(state: string): state is FinalState {
  return (finalStates as readonly string[]).includes(state);
}

export interface Target {
  id: number;
  uuid: string;
  host: { id: number; uuid: string; hostname: string };
  /** One of FinalState, or on the way there. */
  state: string;
  reason: string | undefined;
  message: string | undefined;
  exitCode: number | undefined;
  /** Number or name. */
  signal: number | string | undefined;
  durationMs: number | undefined;
  truncated: boolean;
  raw: Raw;
}

function readTarget(value: unknown, at: string): Target {
  const raw = record(value, at);
  // A host that was removed leaves its targets behind.
  const host = optional(raw['host'], record, `${at}.host`) ?? {};
  const signal = raw['signal'];
  return {
    id: number(raw['id'], `${at}.id`),
    uuid: string(raw['uuid'], `${at}.uuid`),
    host: {
      id: optional(host['id'], number, `${at}.host.id`) ?? 0,
      uuid: optional(host['uuid'], string, `${at}.host.uuid`) ?? '',
      hostname: optional(host['hostname'], string, `${at}.host.hostname`) ?? '',
    },
    state: string(raw['state'], `${at}.state`),
    reason: optional(raw['reason'], string, `${at}.reason`),
    message: optional(raw['message'], string, `${at}.message`) || undefined,
    exitCode: optional(raw['exit_code'], number, `${at}.exit_code`),
    signal: typeof signal === 'string' ? signal : optional(signal, number, `${at}.signal`),
    durationMs: optional(raw['duration_ms'], number, `${at}.duration_ms`),
    truncated: optional(raw['truncated'], boolean, `${at}.truncated`) ?? false,
    raw,
  };
}

/** How far an execution that goes from wave to wave has come. */
export interface Rollout {
  /** `running`, `pausing` between two waves, `halted`, or `done`. */
  state: string;
  /** Why it was halted, for people. */
  reason: string | undefined;
  /** Counts from 1. */
  wave: number;
  waves: number;
  /** When the next wave begins, while it pauses. */
  nextAt: string | undefined;
}

function readRollout(value: unknown, at: string): Rollout {
  const raw = record(value, at);
  return {
    state: string(raw['state'], `${at}.state`),
    reason: optional(raw['reason'], string, `${at}.reason`) || undefined,
    wave: optional(raw['wave'], number, `${at}.wave`) ?? 0,
    waves: optional(raw['waves'], number, `${at}.waves`) ?? 0,
    nextAt: optional(raw['next_at'], string, `${at}.next_at`),
  };
}

export interface Execution {
  id: string;
  targets: Target[];
  /** Absent: everything was sent at once. */
  rollout: Rollout | undefined;
  raw: Raw;
}

export function readExecution(value: unknown, at: string): Execution {
  const raw = record(value, at);
  return {
    id: string(raw['id'], `${at}.id`),
    targets: list(raw['targets'], readTarget, `${at}.targets`),
    rollout: optional(raw['rollout'], readRollout, `${at}.rollout`),
    raw,
  };
}

export type OutputStream = 'stdout' | 'stderr';

export interface Chunk {
  seq: number;
  targetId: string;
  stream: OutputStream;
  bytes: Buffer;
  /** Bytes right before this chunk that were not kept. */
  droppedBefore: number;
}

export function readChunk(value: unknown, at: string): Chunk {
  const raw = record(value, at);
  const encoding = string(raw['encoding'], `${at}.encoding`);
  if (encoding !== 'utf8' && encoding !== 'base64')
    throw new UnexpectedShape(`${at}.encoding is ${encoding}`);
  const stream = string(raw['stream'], `${at}.stream`);
  if (stream !== 'stdout' && stream !== 'stderr') throw new UnexpectedShape(`${at}.stream is ${stream}`);
  const target = raw['target_id'];
  return {
    seq: number(raw['seq'], `${at}.seq`),
    // Only compared: the target's integer id and its uuid serve alike.
    targetId: typeof target === 'number' ? String(target) : string(target, `${at}.target_id`),
    stream,
    bytes: Buffer.from(string(raw['data'], `${at}.data`), encoding),
    droppedBefore: optional(raw['dropped_before'], number, `${at}.dropped_before`) ?? 0,
  };
}

export interface OutputPage {
  chunks: Chunk[];
  /** Cursor of the page after this one. */
  next: string | undefined;
  /** Nothing will be added any more. */
  done: boolean;
}

export function readOutputPage(value: unknown, at: string): OutputPage {
  const raw = record(value, at);
  const next = raw['next'];
  return {
    chunks: list(raw['chunks'], readChunk, `${at}.chunks`),
    next: typeof next === 'number' ? String(next) : optional(next, string, `${at}.next`),
    done: boolean(raw['done'], `${at}.done`),
  };
}
