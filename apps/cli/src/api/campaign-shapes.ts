import { boolean, list, number, optional, record, string, UnexpectedShape } from './read.js';

type Raw = Record<string, unknown>;

/** A live query that has begun. */
export interface StartedCampaign {
  id: number;
  targeted: number;
  online: number;
}

export function readStartedCampaign(value: unknown, at: string): StartedCampaign {
  const raw = record(value, at);
  const metrics = record(raw['Metrics'], `${at}.Metrics`);
  return {
    id: number(raw['id'], `${at}.id`),
    targeted: number(metrics['TotalHosts'], `${at}.Metrics.TotalHosts`),
    online: number(metrics['OnlineHosts'], `${at}.Metrics.OnlineHosts`),
  };
}

export interface SavedQuery {
  id: number;
  name: string;
  sql: string;
}

export function readSavedQuery(value: unknown, at: string): SavedQuery {
  const raw = record(value, at);
  return {
    id: number(raw['id'], `${at}.id`),
    name: string(raw['name'], `${at}.name`),
    sql: optional(raw['query'], string, `${at}.query`) ?? '',
  };
}

/** How a live query stands, and how it ended. */
export interface Campaign {
  over: boolean;
  /** `answered`, `cancelled`, `abandoned`, `time_limit`; undefined: not over. */
  endReason: string | undefined;
  /** E-mail of whoever cancelled it. */
  endedBy: string | undefined;
}

export function readCampaign(value: unknown, at: string): Campaign {
  const raw = record(value, at);
  return {
    over: string(raw['status'], `${at}.status`) === 'complete',
    endReason: optional(raw['end_reason'], string, `${at}.end_reason`),
    endedBy: optional(raw['ended_by'], string, `${at}.ended_by`),
  };
}

/** Where a targeted host stands. */
export interface CampaignHost {
  id: number;
  name: string;
  /** `answered`, `error`, `killed`, `timed_out`, `denied`; `pending`, `offline`: no answer yet. */
  state: string;
  rows: number;
}

export function readCampaignHost(value: unknown, at: string): CampaignHost {
  const raw = record(value, at);
  const id = number(raw['id'], `${at}.id`);
  return {
    id,
    // A host that was removed leaves its id.
    name: optional(raw['hostname'], string, `${at}.hostname`) || `host ${id}`,
    state: string(raw['state'], `${at}.state`),
    rows: number(raw['rows'], `${at}.rows`),
  };
}

/** Every value is a text. Each row also names its host, in `host_hostname` and `host_display_name`. */
export type Row = Readonly<Record<string, string>>;

/** One host's answer, or a part of it. */
export interface HostResult {
  host: { id: number; name: string };
  rows: Row[];
  /** More of this host's rows follow. */
  partial: boolean;
  error: string | undefined;
}

function readRow(value: unknown, at: string): Row {
  const row = record(value, at);
  for (const key in row) string(row[key], `${at}.${key}`);
  return row as Row;
}

function readResult(raw: Raw, at: string): HostResult {
  const host = record(raw['host'], `${at}.host`);
  const name = host['display_name'] || host['hostname'];
  return {
    host: { id: number(host['id'], `${at}.host.id`), name: string(name, `${at}.host.display_name`) },
    rows: list(raw['rows'] ?? [], readRow, `${at}.rows`),
    partial: optional(raw['partial'], boolean, `${at}.partial`) ?? false,
    error: optional(raw['error'], string, `${at}.error`) || undefined,
  };
}

/** What the aggregate says of the answers so far. */
export interface Aggregate {
  columns: string[];
  rows: Row[];
  answered: number;
  targeted: number;
  error: string | undefined;
  raw: Raw;
}

function readAggregate(raw: Raw, at: string): Aggregate {
  return {
    columns: list(raw['columns'], string, `${at}.columns`),
    rows: list(raw['rows'], readRow, `${at}.rows`),
    answered: number(raw['hosts_answered'], `${at}.hosts_answered`),
    targeted: number(raw['hosts_targeted'], `${at}.hosts_targeted`),
    error: optional(raw['error'], string, `${at}.error`) || undefined,
    raw,
  };
}

/** What the server tells about a live query while it runs. */
export type LiveEvent =
  | { type: 'totals'; targeted: number; online: number }
  | { type: 'status'; finished: boolean; online: number; answered: number }
  | { type: 'result'; seq: number; result: HostResult }
  | { type: 'aggregate'; aggregate: Aggregate }
  | { type: 'error'; text: string };

/** @returns undefined for what a newer server may tell */
export function readLiveEvent(text: string, at: string): LiveEvent | undefined {
  const raw = record(parse(text, at), at);
  const data = (): Raw => record(raw['data'], `${at}.data`);
  const count = (key: string): number => number(data()[key], `${at}.data.${key}`);
  switch (raw['type']) {
    case 'totals':
      return { type: 'totals', targeted: count('count'), online: count('online') };
    case 'status':
      return {
        type: 'status',
        finished: data()['status'] === 'finished',
        online: count('expected_results'),
        answered: count('actual_results'),
      };
    case 'result':
      return {
        type: 'result',
        seq: number(raw['seq'], `${at}.seq`),
        result: readResult(data(), `${at}.data`),
      };
    case 'aggregate':
      return { type: 'aggregate', aggregate: readAggregate(data(), `${at}.data`) };
    case 'error':
      return { type: 'error', text: string(raw['data'], `${at}.data`) };
    default:
      return undefined;
  }
}

function parse(text: string, at: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UnexpectedShape(`${at} is not JSON`);
  }
}
