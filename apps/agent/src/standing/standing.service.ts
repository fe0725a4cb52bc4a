import * as path from 'node:path';
import {
  type HeldBlocks,
  type Standing,
  type StandingBlock,
  type StandingOptions,
} from '#libs/protocol/index';
import { errorMessage } from '../platform/files.js';
import { type AgentLogger } from '../platform/logger.js';
import { type Runner } from '../tables/query/query.js';
import { type ScheduledHost } from './applicability.js';
import { BlockStore } from './block-store.js';
import { Checks } from './checks.js';
import { type FindingsChannel, FindingsSender } from './findings-sender.js';
import { QueryStates } from './query-states.js';
import { ReportSpool } from './report-spool.js';
import { Schedule } from './schedule.js';
import { Timetable } from './timetable.js';

/** What standing work needs of the agent. */
export interface StandingParts {
  /** Room of its own on disk. */
  readonly directory: string;
  /** null: queries are disabled on this host, so nothing of it is done. */
  readonly runner: Runner | null;
  readonly host: ScheduledHost;
  /** Told whether the server lets scripts run here. */
  readonly allowScripts: (allowed: boolean) => void;
  readonly log: AgentLogger;
}

/** Everything that runs queries; absent where queries are disabled. */
interface Work {
  readonly labels: Checks;
  readonly policies: Checks;
  readonly schedule: Schedule;
}

/**
 * What this agent does by itself again and again: evaluates labels and policies, runs scheduled queries, follows its options. It
 * goes on while the server is away; one query at a time, so that live ones never wait for it.
 */
export class StandingService {
  private readonly store: BlockStore;
  private readonly sender: FindingsSender;
  private readonly timetable: Timetable;
  private readonly ending = new AbortController();
  private readonly work: Work | null;

  constructor(private readonly parts: StandingParts) {
    const { directory, runner, host, log } = parts;
    this.store = new BlockStore(directory, log);
    this.sender = new FindingsSender(new ReportSpool(path.join(directory, 'reports'), log), log);
    this.timetable = new Timetable((key, error) =>
      log.error({ job: key, err: errorMessage(error) }, 'standing work failed'),
    );
    const { timetable, sender } = this;
    const { signal } = this.ending;
    this.work =
      runner === null
        ? null
        : {
            labels: new Checks('labels', timetable, sender, runner, signal),
            policies: new Checks('policies', timetable, sender, runner, signal),
            schedule: new Schedule(
              timetable,
              sender,
              new QueryStates(path.join(directory, 'states'), log),
              runner,
              host,
              log,
              signal,
            ),
          };
    this.follow(this.store.all());
  }

  /** For the hello. */
  held(): HeldBlocks {
    return this.store.held();
  }

  /** Takes what the server sent. */
  apply(standing: Standing): void {
    this.store.apply(standing);
    this.follow(this.store.all());
  }

  /** A new connection, or none. */
  use(channel: FindingsChannel | null): void {
    if (channel !== null) {
      this.work?.labels.connected();
      this.work?.policies.connected();
    }
    this.sender.use(channel);
  }

  /** Ends the query under way; whatever was not acknowledged stays on disk. */
  async shutdown(): Promise<void> {
    this.ending.abort();
    this.sender.use(null);
    await this.timetable.close();
  }

  private follow(blocks: readonly StandingBlock[]): void {
    const options = this.optionsOf(blocks);
    this.parts.allowScripts(options.scripts_enabled !== false);
    if (this.work === null) return;
    const { labels, policies, schedule } = this.work;
    labels.every(options.label_interval ?? null);
    policies.every(options.policy_interval ?? null);
    schedule.spread(options.schedule_splay_percent ?? null);
    labels.define(blocks.flatMap((block) => (block.kind === 'labels' ? block.labels : [])));
    policies.define(blocks.flatMap((block) => (block.kind === 'policies' ? block.policies : [])));
    schedule.define(blocks.filter((block) => block.kind === 'pack'));
  }

  private optionsOf(blocks: readonly StandingBlock[]): StandingOptions {
    return Object.assign(
      {},
      ...blocks.map((block) => (block.kind === 'options' ? block.options : {})),
    ) as StandingOptions;
  }
}
