import { type OutputStream } from './shapes.js';
import { boolean, list, number, optional, record, string, UnexpectedShape } from './read.js';

/*
 * The parts of answers about sessions and reviews that the commands look at; `raw` as in shapes.ts.
 */

type Raw = Record<string, unknown>;

/** What has to be met before something may run. */
export interface Requirement {
  reviewers: string[];
  /** So many people. */
  needed: number;
  approvals: number;
  met: boolean;
}

export interface Review {
  id: string;
  /** Of the session, or of another execution. */
  session: string;
  /** `exec_session`, `script`, … */
  kind: string;
  /** `PENDING`, `APPROVED`, `REJECTED`, `REVOKED`, `PROCESSING`, `EXECUTED`. */
  status: string;
  /** Of what would run: approvals are bound to it. */
  digest: string;
  /** Of the connection; empty: it has none. */
  connection: string;
  /** E-mail of whoever asked for it. */
  owner: string;
  hosts: number;
  created: string;
  expires: string;
  /** Why it was rejected or revoked. */
  reason: string | undefined;
  /** `22:00-04:00`: when it may run, UTC. */
  window: string | undefined;
  requirements: Requirement[];
  /** Who has said what. */
  votes: { group: string; status: string; by: string }[];
  raw: Raw;
}

export function readReview(value: unknown, at: string): Review {
  const raw = record(value, at);
  const connection = optional(raw['review_connection'], record, `${at}.review_connection`);
  const owner = record(raw['review_owner'], `${at}.review_owner`);
  return {
    id: string(raw['id'], `${at}.id`),
    session: string(raw['session'], `${at}.session`),
    kind: optional(raw['kind'], string, `${at}.kind`) ?? '',
    status: string(raw['status'], `${at}.status`),
    digest: optional(raw['digest'], string, `${at}.digest`) ?? '',
    connection: optional(connection?.['name'], string, `${at}.review_connection.name`) ?? '',
    owner: optional(owner['email'], string, `${at}.review_owner.email`) ?? '',
    hosts: optional(raw['hosts'], number, `${at}.hosts`) ?? 1,
    created: optional(raw['created_at'], string, `${at}.created_at`) ?? '',
    expires: optional(raw['expires_at'], string, `${at}.expires_at`) ?? '',
    reason: optional(raw['rejection_reason'], string, `${at}.rejection_reason`) || undefined,
    window: readWindow(raw['time_window'], `${at}.time_window`),
    requirements: list(raw['requirements'] ?? [], readRequirement, `${at}.requirements`),
    votes: list(raw['review_groups_data'] ?? [], readVote, `${at}.review_groups_data`),
    raw,
  };
}

function readWindow(value: unknown, at: string): string | undefined {
  const window = optional(value, record, at);
  if (!window) return undefined;
  const configuration = record(window['configuration'], `${at}.configuration`);
  const [start, end] = ['start_time', 'end_time'].map((key) => string(configuration[key], `${at}.${key}`));
  return `${start}-${end}`;
}

function readRequirement(value: unknown, at: string): Requirement {
  const raw = record(value, at);
  return {
    reviewers: list(raw['reviewers'], string, `${at}.reviewers`),
    needed: number(raw['min_approvals'], `${at}.min_approvals`),
    approvals: number(raw['approvals'], `${at}.approvals`),
    met: boolean(raw['met'], `${at}.met`),
  };
}

function readVote(value: unknown, at: string): Review['votes'][number] {
  const raw = record(value, at);
  const by = optional(raw['reviewed_by'], record, `${at}.reviewed_by`);
  return {
    group: string(raw['group'], `${at}.group`),
    status: string(raw['status'], `${at}.status`),
    by: optional(by?.['email'], string, `${at}.reviewed_by.email`) ?? '',
  };
}

/** What would run, as reviewers see it. */
export interface ReviewInput {
  /** Script, stdin of a session, or command line. */
  text: string;
  truncated: boolean;
  args: string[];
  env: Record<string, string>;
  hostnames: string[];
  mayDecide: boolean;
}

export function readReviewInput(raw: Raw, at: string): ReviewInput {
  const input = record(raw['input'], `${at}.input`);
  return {
    text: string(input['text'], `${at}.input.text`),
    truncated: boolean(input['truncated'], `${at}.input.truncated`),
    args: list(input['arguments'], string, `${at}.input.arguments`),
    env: record(input['env'], `${at}.input.env`) as Record<string, string>,
    hostnames: list(input['hostnames'], string, `${at}.input.hostnames`),
    mayDecide: boolean(raw['may_decide'], `${at}.may_decide`),
  };
}

export interface Session {
  id: string;
  connection: string;
  /** E-mail of whoever asked for it. */
  user: string;
  /** As a target's. */
  state: string;
  reason: string | undefined;
  /** Why it ended so; empty: by itself. */
  message: string;
  /** undefined: it has none (yet). */
  exitCode: number | undefined;
  started: string;
  ended: string | undefined;
  durationMs: number | undefined;
  /** Hostname of where it runs. */
  agent: string;
  args: string[];
  metadata: Record<string, string>;
  /** Empty in lists. */
  script: string;
  /** Bytes that it was given and wrote. */
  bytes: number;
  /** How often something was masked, by kind. */
  masked: Record<string, number>;
  review: Review | undefined;
  /** When its output was removed. */
  outputRemoved: string | undefined;
  raw: Raw;
}

export function readSession(value: unknown, at: string): Session {
  const raw = record(value, at);
  const text = (key: string): string => optional(raw[key], string, `${at}.${key}`) ?? '';
  const script = optional(raw['script'], record, `${at}.script`);
  const metrics = optional(raw['metrics'], record, `${at}.metrics`);
  const exitCode = optional(raw['exit_code'], number, `${at}.exit_code`);
  return {
    id: string(raw['id'], `${at}.id`),
    connection: text('connection'),
    user: text('user'),
    state: string(raw['state'], `${at}.state`),
    reason: text('reason') || undefined,
    message: text('message'),
    // -2 and 254 stand for none.
    exitCode: raw['state'] === 'finished' ? exitCode : undefined,
    started: text('start_date'),
    ended: text('end_date') || undefined,
    durationMs: optional(raw['execution_time'], number, `${at}.execution_time`),
    agent: text('agent'),
    args: list(raw['client_args'] ?? [], string, `${at}.client_args`),
    metadata: (optional(raw['metadata'], record, `${at}.metadata`) ?? {}) as Record<string, string>,
    script: optional(script?.['data'], string, `${at}.script.data`) ?? '',
    bytes: optional(raw['event_size'], number, `${at}.event_size`) ?? 0,
    masked: (optional(metrics?.['data_masking'], record, `${at}.metrics.data_masking`) ?? {}) as Record<
      string,
      number
    >,
    review: optional(raw['review'], readReview, `${at}.review`),
    outputRemoved: text('output_removed_at') || undefined,
    raw,
  };
}

export interface SessionList {
  sessions: Session[];
  /** undefined: it was not counted. */
  total: number | undefined;
  /** There are more than `total`. */
  capped: boolean;
  more: boolean;
  raw: Raw;
}

export function readSessionList(value: unknown, at: string): SessionList {
  const raw = record(value, at);
  return {
    sessions: list(raw['data'], readSession, `${at}.data`),
    total: optional(raw['total'], number, `${at}.total`),
    capped: optional(raw['total_is_capped'], boolean, `${at}.total_is_capped`) ?? false,
    more: optional(raw['has_next_page'], boolean, `${at}.has_next_page`) ?? false,
    raw,
  };
}

/** A session that was asked for. */
export interface StartedSession {
  id: string;
  /** It waits, or has waited, for an approval. */
  hasReview: boolean;
  raw: Raw;
}

export function readStartedSession(value: unknown, at: string): StartedSession {
  const raw = record(value, at);
  return {
    id: string(raw['session_id'], `${at}.session_id`),
    hasReview: boolean(raw['has_review'], `${at}.has_review`),
    raw,
  };
}

/** Something that a session was given, wrote, or was closed with. */
export interface SessionEvent {
  /** Seconds since its start. */
  time: number;
  type: 'input' | 'output' | 'closing';
  /** Of output. */
  stream: OutputStream;
  bytes: Buffer;
  /** Bytes right before it that were not kept. */
  droppedBefore: number;
}

const TYPES: Record<string, SessionEvent['type']> = { i: 'input', o: 'output', e: 'closing' };

/** @returns undefined for what a newer server may tell */
export function readSessionEvent(text: string, at: string): SessionEvent | undefined {
  const raw = record(JSON.parse(text), at);
  const type = TYPES[string(raw['type'], `${at}.type`)];
  if (type === undefined) return undefined;
  const stream = optional(raw['stream'], string, `${at}.stream`) ?? 'stdout';
  if (stream !== 'stdout' && stream !== 'stderr') throw new UnexpectedShape(`${at}.stream is ${stream}`);
  return {
    time: number(raw['time'], `${at}.time`),
    type,
    stream,
    bytes: Buffer.from(string(raw['payload'], `${at}.payload`), 'base64'),
    droppedBefore: optional(raw['dropped_before'], number, `${at}.dropped_before`) ?? 0,
  };
}
