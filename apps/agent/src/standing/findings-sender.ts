import { type Findings, type FindingsAck, Limits, type ScheduledReport } from '#libs/protocol/index';
import { errorMessage } from '../platform/files.js';
import { type AgentLogger } from '../platform/logger.js';
import { type ReportSpool } from './report-spool.js';

/** One connection whose hello has been answered. */
export interface FindingsChannel {
  /** Sends and waits for the acknowledgement; rejects when none comes. */
  findings(findings: Findings): Promise<FindingsAck>;
}

/** Which list of checks a verdict belongs to. */
export type CheckKind = 'labels' | 'policies';

const RETRY_MS = 1000;
const LEAST_RETRY_MS = 100;
const REPORTS_BUDGET = Limits.messageBytes / 4;

/**
 * The one sender of findings: one message at a time, which carries all that came up during the last. Of a label or a policy only the
 * last verdict counts; reports are kept, in order, until the server has them.
 */
export class FindingsSender {
  /** Verdicts by id; an object each, so that a newer one is told from the one that was sent. */
  private readonly verdicts = {
    labels: new Map<number, { passes: boolean | null }>(),
    policies: new Map<number, { passes: boolean | null }>(),
  };
  private channel: FindingsChannel | null = null;
  private sending = false;
  private pause: NodeJS.Timeout | null = null;

  constructor(
    private readonly spool: ReportSpool,
    private readonly log: AgentLogger,
  ) {}

  /** A new connection, or none. What was on its way through the old one is due again. */
  use(channel: FindingsChannel | null): void {
    this.channel = channel;
    this.sending = false;
    if (this.pause !== null) clearTimeout(this.pause);
    this.pause = null;
    this.send();
  }

  /** What checks found; they leave as one message. */
  tell(kind: CheckKind, found: ReadonlyMap<number, boolean | null>): void {
    for (const [id, passes] of found) this.verdicts[kind].set(id, { passes });
    this.send();
  }

  /** Nobody asks about these any more. */
  forget(kind: CheckKind, ids: readonly number[]): void {
    for (const id of ids) this.verdicts[kind].delete(id);
  }

  report(report: ScheduledReport): void {
    this.spool.add(report);
    this.send();
  }

  private send(): void {
    const { channel } = this;
    if (channel === null || this.sending || this.pause !== null) return;
    const { labels, policies } = this.verdicts;
    if (labels.size === 0 && policies.size === 0 && this.spool.isEmpty) return;
    this.sending = true;
    void this.deliver(channel);
  }

  private async deliver(channel: FindingsChannel): Promise<void> {
    // What is found in one go leaves in one message.
    await Promise.resolve();
    const most = Limits.findingsPerMessage;
    const labels = [...this.verdicts.labels].slice(0, most);
    const policies = [...this.verdicts.policies].slice(0, most);
    const { reports, upTo } = this.spool.first(REPORTS_BUDGET, most);
    const dropped = this.spool.dropped;
    const ack = await this.ask(channel, {
      labels: labels.map(([id, { passes }]) => ({ id, member: passes === true })),
      policies: policies.map(([id, { passes }]) => ({ id, passes })),
      reports,
      dropped_reports: dropped,
    });
    if (channel !== this.channel) return;
    this.sending = false;
    if (!ack.ok) return this.rest(Math.max(LEAST_RETRY_MS, ack.retry_after_ms));
    for (const [id, verdict] of labels) this.settle('labels', id, verdict);
    for (const [id, verdict] of policies) this.settle('policies', id, verdict);
    this.spool.confirm(upTo, dropped);
    this.send();
  }

  private settle(kind: CheckKind, id: number, sent: { passes: boolean | null }): void {
    if (this.verdicts[kind].get(id) === sent) this.verdicts[kind].delete(id);
  }

  private async ask(channel: FindingsChannel, findings: Findings): Promise<FindingsAck> {
    try {
      const ack = await channel.findings(findings);
      if (!ack.ok) this.log.warn({ err: ack.error }, 'the server could not take findings; saying them again');
      return ack;
    } catch (error) {
      if (channel === this.channel)
        this.log.warn({ err: errorMessage(error) }, 'findings were not acknowledged; saying them again');
      return { ok: false, error: '', retry_after_ms: RETRY_MS };
    }
  }

  private rest(ms: number): void {
    this.pause = setTimeout(() => {
      this.pause = null;
      this.send();
    }, ms).unref();
  }
}
