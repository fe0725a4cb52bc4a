import { type LiveEvent, type StartedCampaign } from '../api/campaign-shapes.js';
import { type MusterApi } from '../api/muster-api.js';
import { type Context } from '../connect.js';
import { ExitCode } from '../errors.js';
import { type Io, line, printable, write } from '../terminal/io.js';
import { Progress } from '../terminal/progress.js';
import { AggregateWriter } from './aggregate-writer.js';
import { CsvWriter } from './csv-writer.js';
import { followCampaign } from './follow-campaign.js';
import { JsonWriter } from './json-writer.js';
import { Standing } from './standing.js';
import { summarize } from './summary.js';
import { TableWriter } from './table-writer.js';
import { type Print, type ResultWriter } from './writer.js';

export interface LiveQueryOptions {
  readonly aggregate?: string;
  readonly json?: boolean;
  readonly csv?: boolean;
  /** Seconds. */
  readonly timeout?: number;
  readonly waitOffline?: boolean;
}

/**
 * Once the server says that nobody who is connected owes an answer, what is still missing has so long to come, anew with each
 * message: a server that has just started sees hosts as offline that are about to come back.
 */
const PATIENCE_MS = 30_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** One live query at a terminal, from the moment at which the hosts have been asked to its summary. */
export class LiveQuery {
  private readonly io: Io;
  private readonly progress: Progress;
  private readonly standing: Standing;
  private readonly writer: ResultWriter;
  /** Aborts when nothing more is waited for. */
  private readonly ending = new AbortController();
  private patience: NodeJS.Timeout | undefined;
  /** Kept until the end where lines in between would be drawn over. */
  private readonly later: string[] | undefined;
  private failed = false;

  constructor(
    { io }: Context,
    private readonly api: MusterApi,
    private readonly campaign: StartedCampaign,
    private readonly options: LiveQueryOptions,
  ) {
    this.io = io;
    this.progress = new Progress(io, false);
    this.standing = new Standing(campaign, options.waitOffline === true, options.aggregate !== undefined);
    const print: Print = async (text) => {
      this.progress.clear();
      await write(io.stdout, text);
      if (!this.ending.signal.aborted) this.progress.show(this.standing.text);
    };
    const aggregate = options.aggregate !== undefined;
    if (options.json) this.writer = new JsonWriter(print, aggregate);
    else if (options.csv) this.writer = new CsvWriter(print, (text) => this.warn(text), aggregate);
    else this.writer = aggregate ? new AggregateWriter(io, print) : new TableWriter(io, print);
    this.later = this.writer instanceof AggregateWriter && io.stdout.isTTY ? [] : undefined;
  }

  /** @returns the exit code */
  async run(): Promise<number> {
    const { timeout } = this.options;
    const interrupted = this.cancelOnInterrupt();
    let timedOut = false;
    const enough = (): void => {
      timedOut = true;
      this.ending.abort();
    };
    const timer =
      timeout === undefined ? undefined : setTimeout(enough, Math.min(timeout * 1000, LONGEST_TIMER_MS));
    this.progress.show(this.standing.text);
    let left: boolean;
    try {
      await this.follow();
      left = await interrupted.settled();
    } finally {
      this.ending.abort();
      clearTimeout(timer);
      clearTimeout(this.patience);
      interrupted.stop();
      await this.writer.end();
      this.progress.clear();
    }
    for (const text of this.later ?? []) this.progress.warn(text);
    if (left) return ExitCode.cancelled;
    if (timedOut) this.progress.warn(`ended after ${timeout} s, as --timeout says`);
    if (interrupted.asked()) {
      // Why the server cannot be reached was said when it was asked to cancel.
      await this.tellHosts().catch(() => undefined);
      return ExitCode.cancelled;
    }
    await this.finish();
    const good = await this.tellHosts();
    return good && !this.failed ? ExitCode.ok : ExitCode.failure;
  }

  private async follow(): Promise<void> {
    const events = followCampaign(this.api, this.campaign.id, {
      signal: this.ending.signal,
      onDrop: () => {
        clearTimeout(this.patience);
        this.standing.lost();
        this.warn(`lost contact with ${this.api.url}, trying again…`);
      },
      onResume: () => this.warn('in contact again'),
    });
    for await (const event of events) {
      clearTimeout(this.patience);
      await this.take(event);
      if (this.standing.over) return;
      if (this.standing.finished && !this.options.waitOffline)
        this.patience = setTimeout(() => this.ending.abort(), PATIENCE_MS);
      this.progress.show(this.standing.text);
    }
  }

  private async take(event: Exclude<LiveEvent, { type: 'error' }>): Promise<void> {
    switch (event.type) {
      case 'totals':
        return this.standing.totals(event);
      case 'status':
        return this.standing.status(event);
      case 'aggregate': {
        const { error } = event.aggregate;
        if (error !== undefined && !this.failed) this.warn(`aggregate: ${error}`);
        this.failed = error !== undefined;
        this.standing.refined();
        return this.writer.refine(event.aggregate);
      }
      case 'result': {
        const { host, partial, error } = event.result;
        if (!partial) this.standing.answered += 1;
        if (error !== undefined) this.warn(`${host.name}: ${error}`);
        return this.writer.add(event.result);
      }
    }
  }

  /** Ends the query on the server, whoever may still answer, or says who did. */
  private async finish(): Promise<void> {
    const { over, endReason, endedBy } = await this.api.campaign(this.campaign.id);
    if (!over) return this.api.cancelCampaign(this.campaign.id);
    if (endReason === 'answered') return;
    const by = endedBy === undefined ? '' : ` by ${endedBy}`;
    this.progress.warn(`the query was ended: ${endReason?.replaceAll('_', ' ')}${by}`);
  }

  /** Says where the hosts stand. @returns whether it went well */
  private async tellHosts(): Promise<boolean> {
    const { id, online } = this.campaign;
    const { lines, good } = summarize(await this.api.campaignHosts(id));
    if (online === 0 && this.standing.answered === 0) this.progress.warn('no host was online');
    for (const text of lines) line(this.io.stderr, printable(text));
    return good;
  }

  /** The first Ctrl-C asks the server to end it, the second leaves at once. */
  private cancelOnInterrupt(): {
    asked: () => boolean;
    /** Resolves when the server has been asked, as far as it was; true: nobody waits for that. */
    settled: () => Promise<boolean>;
    stop: () => void;
  } {
    let cancelling: Promise<void> | undefined;
    let gone = false;
    let leave: () => void = () => undefined;
    const left = new Promise<true>((resolve) => (leave = () => resolve((gone = true))));
    const interrupt = (): void => {
      if (cancelling) return leave();
      this.progress.clear();
      line(this.io.stderr, '\ncancelling… (Ctrl-C again to leave without waiting)');
      cancelling = this.api.cancelCampaign(this.campaign.id).catch((error: unknown) => {
        if (gone) return;
        this.progress.warn(`could not cancel: ${error instanceof Error ? error.message : String(error)}`);
      });
      this.ending.abort();
    };
    this.io.signals.on('SIGINT', interrupt);
    this.io.signals.on('SIGTERM', interrupt);
    return {
      asked: () => cancelling !== undefined,
      settled: async () => (cancelling ? Promise.race([cancelling.then(() => false), left]) : false),
      stop: () => {
        this.io.signals.off('SIGINT', interrupt);
        this.io.signals.off('SIGTERM', interrupt);
      },
    };
  }

  private warn(text: string): void {
    if (this.later) this.later.push(text);
    else this.progress.warn(text);
  }
}
