import { Histogram } from './histogram.js';

const COUNTS = [
  /** Node keys got from the server. */
  'enrolled',
  /** Connections whose hello was answered. */
  'connects',
  /** Connections that ended without our asking. */
  'cuts',
  'dial_failures',
  'handshakes_refused',
  'runs_accepted',
  'runs_refused',
  'runs_finished',
  'runs_failed',
  'runs_stopped',
  'runs_stale',
  'queries',
  'query_ends',
  'answers',
  'answers_failed',
  'answers_stale',
  /** Packets of standing work. */
  'standing',
  /** Evaluations, and runs of scheduled queries that had something to tell. */
  'labels',
  'policies',
  'reports',
  /** Messages of findings that were acknowledged. */
  'findings',
  /** Messages that the server could not take, or left unanswered: said again. */
  'said_again',
  /** Orders that were not signed as they should be. */
  'refused',
  /** Orders of the server that make no sense. */
  'malformed',
] as const;
export type Count = (typeof COUNTS)[number];

const LATENCIES = ['enroll', 'hello', 'report', 'run', 'answer', 'query', 'findings', 'standing'] as const;
/**
 * What is timed: `enroll`, `hello`, `report`, `answer` and `findings` from the message to its acknowledgement; `run` and `query` from the
 * order's arrival to the acknowledgement of its ending, `standing` from new work to the acknowledgement of what it found; simulated work
 * included.
 */
export type Latency = (typeof LATENCIES)[number];

/** Kinds of errors that are told apart; the rest is counted together. */
const ERROR_KINDS = 50;

export interface LatencyView {
  readonly count: number;
  /** Milliseconds; null without any. */
  readonly p50: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/** What a swarm did so far, as `--json` tells it. */
export interface StatisticsView {
  readonly hosts: number;
  /** Now. */
  readonly connected: number;
  /** Hosts that were connected at least once. */
  readonly ever_connected: number;
  readonly counts: Readonly<Record<Count, number>>;
  /** What went wrong, by message, how often. */
  readonly errors: Readonly<Record<string, number>>;
  readonly latencies_ms: Readonly<Record<Latency, LatencyView>>;
  readonly process: { readonly rss_mb: number; readonly cpu_seconds: number };
}

/** What all hosts together did; one per swarm. */
export class Statistics {
  connected = 0;
  everConnected = 0;
  readonly counts = zeros();
  private readonly errors = new Map<string, number>();
  private readonly latencies = Object.fromEntries(LATENCIES.map((name) => [name, new Histogram()])) as Record<
    Latency,
    Histogram
  >;

  constructor(private readonly hosts: number) {}

  time(name: Latency, ms: number): void {
    this.latencies[name].add(ms);
  }

  /** @param message the same for all errors of a kind */
  error(message: string): void {
    const kind = this.errors.has(message) || this.errors.size < ERROR_KINDS ? message : 'others';
    this.errors.set(kind, (this.errors.get(kind) ?? 0) + 1);
  }

  /** Begins to count anew; who is connected stays known. */
  reset(): void {
    Object.assign(this.counts, zeros());
    this.errors.clear();
    for (const histogram of Object.values(this.latencies)) histogram.reset();
  }

  view(): StatisticsView {
    const { user, system } = process.cpuUsage();
    return {
      hosts: this.hosts,
      connected: this.connected,
      ever_connected: this.everConnected,
      counts: { ...this.counts },
      errors: Object.fromEntries(this.errors),
      latencies_ms: Object.fromEntries(
        LATENCIES.map((name) => [name, viewOf(this.latencies[name])]),
      ) as Record<Latency, LatencyView>,
      process: { rss_mb: rounded(process.memoryUsage.rss() / 1e6), cpu_seconds: (user + system) / 1e6 },
    };
  }
}

function zeros(): Record<Count, number> {
  return Object.fromEntries(COUNTS.map((name) => [name, 0])) as Record<Count, number>;
}

function viewOf(histogram: Histogram): LatencyView {
  const at = (share: number): number | null => {
    const ms = histogram.percentile(share);
    return ms === null ? null : rounded(ms);
  };
  return {
    count: histogram.count,
    p50: at(0.5),
    p99: at(0.99),
    max: histogram.count === 0 ? null : rounded(histogram.max),
  };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
