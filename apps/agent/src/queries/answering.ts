import { setTimeout as delay } from 'node:timers/promises';
import {
  type Answer,
  type AnswerAck,
  type AnswerOutcome,
  Limits,
  type QueryOrder,
} from '#libs/protocol/index';
import { errorMessage } from '../platform/files.js';
import { type AgentLogger } from '../platform/logger.js';
import { type QueryCost, type QueryEndKind, type QuerySink, type Runner } from '../tables/query/query.js';
import { AnswerParts } from './answer-parts.js';

/** One connection whose hello has been answered. */
export interface AnswerChannel {
  /** Sends one part and waits for its acknowledgement; rejects when none comes. */
  answer(part: Answer): Promise<AnswerAck>;
}

type Ending = NonNullable<Answer['ending']>;

/** Between two tries of what was not acknowledged. */
const RETRY_MS = 1000;
const LEAST_RETRY_MS = 100;
const ERROR_CHARACTERS = 4096;
const WARNING_CHARACTERS = 1024;
const WARNINGS = 100;

const OUTCOMES: Readonly<Record<Exclude<QueryEndKind, 'cancelled'>, AnswerOutcome>> = {
  answered: 'answered',
  error: 'error',
  time: 'timed_out',
  memory: 'killed',
  rows: 'killed',
  denied: 'denied',
};

/**
 * One campaign's answer over one connection: runs the query and says what it yields, part by part. The next rows are computed
 * when the part before them has been acknowledged, so no answer piles up here, however large.
 */
export class Answering {
  private readonly parts: AnswerParts;
  /** Nobody wants the answer any more. */
  private readonly dropped = new AbortController();
  /** The query is to end; its answer may still be wanted. */
  private readonly query = new AbortController();
  private readonly gone: Promise<never>;
  /** Why the answer cannot go on, though the query could. */
  private failure: string | null = null;

  constructor(
    private readonly campaignId: number,
    private readonly channel: AnswerChannel,
    private readonly log: AgentLogger,
  ) {
    this.parts = new AnswerParts(campaignId);
    const { signal } = this.dropped;
    this.gone = new Promise((_resolve, reject) =>
      signal.addEventListener('abort', () => reject(new Error('nobody waits for this answer')), {
        once: true,
      }),
    );
    this.gone.catch(() => undefined);
  }

  /** Runs a query and answers with it; resolves when the answer is acknowledged or dropped. Never rejects. */
  async run(runner: Runner, { sql, limits }: QueryOrder): Promise<void> {
    const bounds = {
      milliseconds: limits.milliseconds,
      memoryBytes: limits.memory_bytes,
      rows: limits.rows,
      rowBytes: Limits.answerRowBytes,
    };
    const { kind, error, stats } = await runner.run(sql, this.sink(), bounds, this.query.signal);
    if (this.isDropped)
      return this.log.debug({ campaign_id: this.campaignId }, 'a query was ended: nobody waits for it');
    const outcome = this.failure !== null || kind === 'cancelled' ? 'error' : OUTCOMES[kind];
    await this.finish({ outcome, error: this.failure ?? error, stats: statsOf(stats) });
  }

  /** Answers without a query; resolves like `run`. Never rejects. */
  refuse(outcome: AnswerOutcome, error: string): Promise<void> {
    return this.finish({ outcome, error, stats: null });
  }

  /** Ends the query and says nothing more. */
  drop(): void {
    this.dropped.abort();
    this.query.abort();
  }

  private get isDropped(): boolean {
    return this.dropped.signal.aborted;
  }

  private sink(): QuerySink {
    // Whatever goes wrong here is the query's end, and told in its answer.
    const fail = (error: unknown): void => {
      this.failure ??= errorMessage(error);
      this.query.abort();
    };
    return {
      columns: (columns) => {
        try {
          this.parts.name(columns);
        } catch (error) {
          fail(error);
        }
      },
      rows: async (rows) => {
        try {
          for (const part of this.parts.add(rows)) await this.say(part);
        } catch (error) {
          fail(error);
          throw error;
        }
      },
    };
  }

  private async finish(ending: Ending): Promise<void> {
    const error = ending.error?.slice(0, ERROR_CHARACTERS) ?? null;
    try {
      await this.say(this.parts.end({ ...ending, error }));
      this.log.info(
        { campaign_id: this.campaignId, outcome: ending.outcome, wall_time_ms: ending.stats?.wall_time_ms },
        'a query was answered',
      );
    } catch (problem) {
      this.log.debug({ campaign_id: this.campaignId, err: errorMessage(problem) }, 'an answer was dropped');
    }
  }

  /** Says one part until it is acknowledged. @throws when nobody wants the answer any more */
  private async say(part: Answer): Promise<void> {
    for (;;) {
      const ack = await Promise.race([this.ask(part), this.gone]);
      if (ack.ok && ack.status === 'ok') return;
      if (ack.ok) {
        this.drop();
        await this.gone;
      } else {
        const wait = Math.max(LEAST_RETRY_MS, ack.retry_after_ms);
        await delay(wait, undefined, { signal: this.dropped.signal, ref: false });
      }
    }
  }

  /** What stays without an answer is said again under the same number, which the server stores once. */
  private async ask(part: Answer): Promise<AnswerAck> {
    const about = { campaign_id: this.campaignId, part: part.part };
    try {
      const ack = await this.channel.answer(part);
      if (!ack.ok)
        this.log.warn({ ...about, err: ack.error }, 'the server could not take an answer; saying it again');
      return ack;
    } catch (error) {
      if (!this.isDropped)
        this.log.warn(
          { ...about, err: errorMessage(error) },
          'an answer was not acknowledged; saying it again',
        );
      return { ok: false, error: '', retry_after_ms: RETRY_MS };
    }
  }
}

function statsOf({ milliseconds, userMs, systemMs, peakBytes, warnings }: QueryCost): Ending['stats'] {
  return {
    wall_time_ms: milliseconds,
    user_time: userMs,
    system_time: systemMs,
    memory: peakBytes,
    warnings: warnings.slice(0, WARNINGS).map((text) => text.slice(0, WARNING_CHARACTERS)),
  };
}
