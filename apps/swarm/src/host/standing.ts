import {
  AgentEvent,
  type Findings,
  FindingsAck,
  type HeldBlocks,
  Limits,
  type ScheduledQuery,
  type ScheduledReport,
  Standing,
  type StandingBlock,
  type StandingCheck,
} from '#libs/protocol/index';
import { type Connection } from '../transport/connection.js';
import { readOnce } from './read-once.js';
import { type World } from './world.js';

const RETRY_MS = 1000;
const HOUR_SECONDS = 3600;
const JITTER = 0.1;
const CONNECT_JITTER_MS = 2000;
const FIRST_RUN_MS = 60_000;
/** What nearly every acknowledgement is: it need not be parsed to be known. */
const STORED = '[{"ok":true}]';

const readStanding = readOnce(Standing);

type Kind = 'labels' | 'policies';

/**
 * The standing work of a simulated host. A label or policy with a percentage in its SQL (`select 1 -- 25%`) is true on that share of the
 * hosts, always the same ones; all others are true. A scheduled query yields one row; a differential one tells it once.
 */
export class StandingWork {
  private readonly blocks = new Map<string, StandingBlock>();
  private readonly verdicts = { labels: new Map<number, boolean>(), policies: new Map<number, boolean>() };
  private reports: ScheduledReport[] = [];
  /** When a packet came whose findings are not acknowledged yet. */
  private receivedAt: number | null = null;
  private connection: Connection | null = null;
  private sending = false;
  /** What was planned for an earlier state of a block asks whether it still is that state. */
  private readonly rounds = { labels: 0, policies: 0 };
  private readonly told = new Set<string>();

  /** @param place of the host among all, 0 to below 100 */
  constructor(
    private readonly world: World,
    private readonly place: number,
  ) {}

  /** For the hello. */
  held(): HeldBlocks {
    return Object.fromEntries([...this.blocks.values()].map(({ id, hash }) => [id, hash]));
  }

  /** The hello was answered on this connection. */
  connected(connection: Connection): void {
    this.connection = connection;
    this.sending = false;
    for (const kind of ['labels', 'policies'] as const)
      this.plan(kind, CONNECT_JITTER_MS * this.world.random.next());
    this.send();
  }

  cut(): void {
    this.connection = null;
  }

  /** Takes standing work. */
  take(connection: Connection, body: unknown): void {
    this.connection = connection;
    const { statistics, behaviour, random, wheel } = this.world;
    const standing = readStanding(body);
    if (standing === null) return void (statistics.counts.malformed += 1);
    statistics.counts.standing += 1;
    const receivedAt = performance.now();
    const before = new Map(this.blocks);
    for (const id of standing.remove) this.blocks.delete(id);
    for (const block of standing.blocks) this.blocks.set(block.id, block);
    const fresh = standing.blocks.map((block) => ({
      block,
      changed: changedChecks(before.get(block.id), block),
    }));
    wheel.after(random.within(behaviour.answerDelay), () => {
      for (const { block, changed } of fresh)
        if (block.kind === 'labels' || block.kind === 'policies') this.judge(block.kind, changed);
      if (this.verdicts.labels.size + this.verdicts.policies.size > 0) this.receivedAt ??= receivedAt;
      this.send();
    });
    for (const { block } of fresh) this.schedule(block);
  }

  private schedule(block: StandingBlock): void {
    if (block.kind === 'options') {
      this.plan('labels', 1000 * this.world.random.next() * this.interval('labels'));
      this.plan('policies', 1000 * this.world.random.next() * this.interval('policies'));
    } else if (block.kind === 'pack') {
      for (const query of block.queries) {
        const first = Math.min(query.interval * 1000, FIRST_RUN_MS) * this.world.random.next();
        this.world.wheel.after(first, () => this.run(block, query));
      }
    } else this.plan(block.kind, this.untilNext(block.kind));
  }

  /** All of a kind are due again after so many milliseconds; whatever was planned before is not. */
  private plan(kind: Kind, ms: number): void {
    const round = (this.rounds[kind] += 1);
    this.world.wheel.after(ms, () => {
      if (this.rounds[kind] !== round) return;
      const checks = this.checksOf(kind);
      if (checks.length === 0) return;
      this.judge(kind, checks);
      this.send();
      this.plan(kind, this.untilNext(kind));
    });
  }

  private untilNext(kind: Kind): number {
    return this.interval(kind) * 1000 * (1 - JITTER + 2 * JITTER * this.world.random.next());
  }

  /** Seconds. */
  private interval(kind: Kind): number {
    const block = this.blocks.get('options');
    const options = block?.kind === 'options' ? block.options : {};
    return (kind === 'labels' ? options.label_interval : options.policy_interval) ?? HOUR_SECONDS;
  }

  private checksOf(kind: Kind): readonly StandingCheck[] {
    const block = this.blocks.get(kind);
    if (block?.kind === 'labels') return block.labels;
    return block?.kind === 'policies' ? block.policies : [];
  }

  private judge(kind: Kind, checks: readonly StandingCheck[]): void {
    this.world.statistics.counts[kind] += checks.length;
    for (const { id, sql } of checks) this.verdicts[kind].set(id, this.place < shareIn(sql));
  }

  private run(block: StandingBlock & { kind: 'pack' }, query: ScheduledQuery): void {
    if (this.blocks.get(block.id)?.hash !== block.hash) return;
    const key = `${block.pack}/${query.name}/${query.sql}`;
    if (query.logging === 'snapshot' || !this.told.has(key)) {
      this.told.add(key);
      this.world.statistics.counts.reports += 1;
      this.reports.push(reportOf(block.pack, query));
      this.send();
    }
    this.world.wheel.after(query.interval * 1000, () => this.run(block, query));
  }

  /** One message at a time, which carries all that came up during the last. */
  private send(): void {
    const { connection, verdicts } = this;
    if (this.sending || connection === null) return;
    const labels = [...verdicts.labels].slice(0, Limits.findingsPerMessage);
    const policies = [...verdicts.policies].slice(0, Limits.findingsPerMessage);
    const reports = this.reports.slice(0, Limits.findingsPerMessage);
    if (labels.length + policies.length + reports.length === 0) return;
    this.sending = true;
    const findings: Findings = {
      labels: labels.map(([id, member]) => ({ id, member })),
      policies: policies.map(([id, passes]) => ({ id, passes })),
      reports,
      dropped_reports: 0,
    };
    for (const [id] of labels) verdicts.labels.delete(id);
    for (const [id] of policies) verdicts.policies.delete(id);
    this.reports = this.reports.slice(reports.length);
    const sentAt = performance.now();
    connection.ask(AgentEvent.findings, JSON.stringify(findings), (args) =>
      this.acknowledged(connection, findings, sentAt, args),
    );
  }

  private acknowledged(
    connection: Connection,
    findings: Findings,
    sentAt: number,
    args: string | null,
  ): void {
    const { statistics, wheel } = this.world;
    const wait = args === STORED ? null : waitOf(args);
    if (wait !== null) {
      statistics.counts.said_again += 1;
      // What is newer counts.
      for (const { id, member } of findings.labels)
        if (!this.verdicts.labels.has(id)) this.verdicts.labels.set(id, member);
      for (const { id, passes } of findings.policies)
        if (!this.verdicts.policies.has(id)) this.verdicts.policies.set(id, passes === true);
      this.reports = [...findings.reports, ...this.reports];
      return wheel.after(wait, () => {
        if (connection !== this.connection) return;
        this.sending = false;
        this.send();
      });
    }
    const now = performance.now();
    statistics.counts.findings += 1;
    statistics.time('findings', now - sentAt);
    if (this.receivedAt !== null) statistics.time('standing', now - this.receivedAt);
    this.receivedAt = null;
    this.sending = false;
    this.send();
  }
}

let lastPair: {
  before: StandingBlock | undefined;
  now: StandingBlock;
  changed: readonly StandingCheck[];
} | null = null;

/** What is new in a block, or asked in other words. All hosts of a swarm mostly have the same two blocks, so the last answer is kept. */
function changedChecks(before: StandingBlock | undefined, now: StandingBlock): readonly StandingCheck[] {
  if (lastPair?.before === before && lastPair?.now === now) return lastPair.changed;
  const known = new Map(checksIn(before).map(({ id, sql }) => [id, sql]));
  const changed = checksIn(now).filter(({ id, sql }) => known.get(id) !== sql);
  lastPair = { before, now, changed };
  return changed;
}

function checksIn(block: StandingBlock | undefined): readonly StandingCheck[] {
  if (block?.kind === 'labels') return block.labels;
  return block?.kind === 'policies' ? block.policies : [];
}

/** Percent of the hosts for which this SQL is true. */
export function shareIn(sql: string): number {
  const percent = /(\d+(?:\.\d+)?)\s*%/.exec(sql)?.[1];
  return percent === undefined ? 100 : Number(percent);
}

/** Where a host stands among all, 0 to below 100: any number of hosts from 0 on are spread evenly. */
export function placeOf(number: number): number {
  return ((number * 0.618_033_988_749_894_9) % 1) * 100;
}

function reportOf(pack: string, { name, query_id, logging }: ScheduledQuery): ScheduledReport {
  const rows = [['1']];
  return {
    pack,
    name,
    query_id,
    at: Date.now(),
    counter: 0,
    columns: ['simulated'],
    result:
      logging === 'snapshot'
        ? { kind: 'snapshot', rows }
        : { kind: 'differential', added: rows, removed: [] },
  };
}

/** Milliseconds until it is to be said again; null: the server has it. */
function waitOf(args: string | null): number | null {
  if (args === null) return RETRY_MS;
  const parsed = FindingsAck.safeParse((JSON.parse(args) as unknown[])[0]);
  if (!parsed.success) return RETRY_MS;
  return parsed.data.ok ? null : parsed.data.retry_after_ms;
}
