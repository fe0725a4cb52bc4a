import {
  type KnownAttempt,
  Limits,
  type Order,
  type OrderAnswer,
  ReasonCode,
  type Report,
  type ReportAck,
  type Stop,
  type StopAck,
} from '#libs/protocol/index';
import { Attempt } from './attempt.js';
import { type World } from './world.js';

/** Of these many attempts that it holds no more a host remembers how they ended, in case that the order is repeated. */
const REMEMBERED = 100;

type StopAnswer = StopAck['answers'][number];
type Refusal = OrderAnswer & { accepted: false };

/** Runs of the parallel lane that a simulated host takes at once. */
export const PARALLEL_SLOTS = 8;

/** What a simulated host has of runs: a journal in memory, two lanes, and what is to be reported. */
export class Attempts {
  private readonly open = new Map<string, Attempt>();
  /** Null: it was taken. */
  private readonly closed = new Map<string, Refusal | null>();
  private readonly queues = { serial: [] as Attempt[], parallel: [] as Attempt[] };
  private readonly active = { serial: 0, parallel: 0 };

  /** @param news something is to be reported */
  constructor(
    private readonly world: World,
    private readonly news: () => void,
  ) {}

  /** Takes orders; nothing starts before `startNext`, so that an acknowledgement leaves first. */
  take(orders: readonly Order[]): OrderAnswer[] {
    const now = performance.now();
    return orders.map((order) => this.takeOne(order, now));
  }

  /** Starts what has room. */
  startNext(): void {
    for (const lane of ['serial', 'parallel'] as const) {
      const slots = lane === 'serial' ? 1 : PARALLEL_SLOTS;
      while (this.active[lane] < slots) {
        const attempt = this.queues[lane].shift();
        if (attempt === undefined) break;
        // It may have been stopped while it waited.
        if (attempt.state === 'queued' && this.open.has(attempt.id)) this.start(attempt);
      }
    }
  }

  /** Whether it is held and has not been started. */
  waits(id: string): boolean {
    return this.open.get(id)?.state === 'queued';
  }

  stop(requests: Stop['attempts']): StopAnswer[] {
    return requests.map((request) => ({ attempt_id: request.attempt_id, state: this.stopOne(request) }));
  }

  /** For the hello. */
  known(): KnownAttempt[] {
    return [...this.open.values()].slice(0, Limits.helloAttempts).map((attempt) => attempt.known);
  }

  /** The server takes no word of these any more. */
  stale(ids: readonly string[]): void {
    for (const id of ids) {
      if (!this.open.has(id)) continue;
      this.world.statistics.counts.runs_stale += 1;
      this.close(id, null);
    }
    this.startNext();
  }

  /** What is to be reported now, for one message; it is on its way until `confirm`, `unanswered` or `cut`. */
  reports(): Report[] {
    const reports: Report[] = [];
    let budget = Limits.messageBytes / 4;
    for (const attempt of this.open.values()) {
      if (reports.length === Limits.reportsPerMessage || budget <= 0) break;
      if (!attempt.hasNews) continue;
      const report = attempt.report();
      attempt.inFlight = true;
      for (const { data } of report.chunks ?? []) budget -= data.length;
      reports.push(report);
    }
    return reports;
  }

  /** What the server said about reports. */
  confirm(reports: readonly Report[], { answers }: ReportAck & { ok: true }): void {
    const statuses = new Map(answers.map(({ attempt_id, status }) => [attempt_id, status]));
    const now = performance.now();
    this.unanswered(reports);
    for (const report of reports) {
      const attempt = this.open.get(report.attempt_id);
      const status = statuses.get(report.attempt_id);
      if (attempt === undefined || status === undefined) continue;
      if (status === 'stale') this.stale([attempt.id]);
      else if (attempt.confirm(report)) {
        this.world.statistics.time('run', now - attempt.receivedAt);
        this.close(attempt.id, null);
      }
    }
  }

  /** These are to be said again. */
  unanswered(reports: readonly Report[]): void {
    for (const { attempt_id } of reports) {
      const attempt = this.open.get(attempt_id);
      if (attempt !== undefined) attempt.inFlight = false;
    }
  }

  /** The connection is gone, and all that was on its way. */
  cut(): void {
    for (const attempt of this.open.values()) attempt.inFlight = false;
  }

  private takeOne(order: Order, receivedAt: number): OrderAnswer {
    const { attempt_id } = order;
    const accepted = { attempt_id, accepted: true } as const;
    if (this.open.has(attempt_id)) return accepted;
    const closed = this.closed.get(attempt_id);
    if (closed !== undefined) return closed ?? accepted;
    const { statistics, clock, outputs } = this.world;
    if (order.expires_at !== null && clock.now() > order.expires_at) {
      statistics.counts.runs_refused += 1;
      const refusal = refusalOf(attempt_id, ReasonCode.expired, 'expired before it could be started');
      this.close(attempt_id, refusal);
      return refusal;
    }
    statistics.counts.runs_accepted += 1;
    const attempt = new Attempt(attempt_id, order, outputs.of(order.output_cap_bytes), receivedAt);
    this.open.set(attempt_id, attempt);
    this.queues[order.lane].push(attempt);
    return accepted;
  }

  private start(attempt: Attempt): void {
    const { lane, expiresAt, timeoutSeconds } = attempt.terms;
    if (expiresAt !== null && this.world.clock.now() > expiresAt) {
      attempt.failToStart(ReasonCode.expired, 'expired before it could be started');
      return this.news();
    }
    attempt.start();
    this.active[lane] += 1;
    const { scriptSeconds } = this.world.behaviour;
    if (scriptSeconds === 0) this.exit(attempt);
    else {
      this.news();
      const late = scriptSeconds > timeoutSeconds;
      this.world.wheel.after(Math.min(scriptSeconds, timeoutSeconds) * 1000, () => {
        if (attempt.state !== 'running') return;
        if (late) this.kill(attempt, 'timed_out', ReasonCode.timeout, `ran longer than ${timeoutSeconds} s`);
        else this.exit(attempt);
        this.startNext();
      });
    }
  }

  private exit(attempt: Attempt): void {
    const { statistics, random, behaviour } = this.world;
    const fails = random.happens(behaviour.scriptFailures);
    statistics.counts[fails ? 'runs_failed' : 'runs_finished'] += 1;
    attempt.finish(fails ? 1 : 0);
    this.active[attempt.terms.lane] -= 1;
    this.news();
  }

  private kill(attempt: Attempt, outcome: 'killed' | 'timed_out', reason: ReasonCode, message: string): void {
    this.world.statistics.counts.runs_stopped += 1;
    attempt.kill(outcome, reason, message);
    this.active[attempt.terms.lane] -= 1;
    this.news();
  }

  private stopOne({ attempt_id, reason, message }: Stop['attempts'][number]): StopAnswer['state'] {
    const attempt = this.open.get(attempt_id);
    if (attempt === undefined) {
      const closed = this.closed.get(attempt_id);
      if (closed === null) return 'ended';
      if (closed === undefined) this.close(attempt_id, refusalOf(attempt_id, reason, message));
      return 'not_started';
    }
    switch (attempt.state) {
      case 'queued':
        this.world.statistics.counts.runs_stopped += 1;
        this.close(attempt_id, refusalOf(attempt_id, reason, message));
        return 'not_started';
      case 'running':
        if (reason === ReasonCode.expired) return 'running';
        this.kill(attempt, 'killed', reason, message);
        return 'terminating';
      case 'ended':
        return 'ended';
    }
  }

  private close(id: string, how: Refusal | null): void {
    const attempt = this.open.get(id);
    if (attempt?.state === 'running') {
      attempt.kill('killed', ReasonCode.cancelRequested, '');
      this.active[attempt.terms.lane] -= 1;
    }
    this.open.delete(id);
    this.closed.set(id, how);
    if (this.closed.size <= REMEMBERED) return;
    for (const oldest of this.closed.keys()) {
      this.closed.delete(oldest);
      break;
    }
  }
}

function refusalOf(attempt_id: string, reason: ReasonCode, message: string): Refusal {
  return { attempt_id, accepted: false, reason, message };
}
