import * as fs from 'node:fs';
import * as path from 'node:path';
import {
  type FactsQueryAck,
  type InstanceSet,
  type TriggerCheck,
  type TriggerCheckAck,
} from '#libs/protocol/index';
import { type Needs } from '#libs/triggers/index';
import { type AttemptsService } from '../attempts/attempts.service.js';
import { type TriggeredMark } from '../journal/journal-state.js';
import { type Journal } from '../journal/journal.js';
import { errorMessage } from '../platform/files.js';
import { type AgentLogger } from '../platform/logger.js';
import { type PolicyGuard } from '../policy/policy-guard.js';
import { Announcer, type TriggeredChannel } from './announcer.js';
import { type FactsTree } from './facts-tree/facts-tree.js';
import { type Tables } from './facts-tree/rows.js';
import { InstanceStore } from './instance-store.js';
import { type TriggerEngine } from './triggers/trigger-engine.js';

/** What instances need of the agent. */
export interface InstancesParts {
  /** Room of its own on disk. */
  readonly directory: string;
  readonly attempts: AttemptsService;
  readonly journal: Journal;
  readonly options: { readonly scriptsEnabled: boolean; readonly queriesEnabled: boolean };
  readonly policy: PolicyGuard;
  readonly log: AgentLogger;
}

interface Facts {
  readonly tree: FactsTree;
  readonly tables: Tables;
}

const NO_FACTS = 'this agent answers no questions about its host (--disable-queries)';

/** The script instances of this host. What judges triggers is loaded when there is one: most agents have none. */
export class InstancesService {
  private readonly store: InstanceStore;
  private readonly announcer: Announcer;
  private readonly customDirectory: string;
  private engine: Promise<TriggerEngine> | null = null;
  private facts: Promise<Facts> | null = null;
  private readonly handled: Map<number, TriggeredMark>;
  private closed = false;

  constructor(private readonly parts: InstancesParts) {
    const { directory, attempts, log } = parts;
    this.store = new InstanceStore(directory, log);
    this.announcer = new Announcer(attempts, log);
    this.customDirectory = path.join(path.dirname(directory), 'facts');
    this.handled = handledBy(parts.journal);
    parts.policy.onChange(() => void this.follow());
  }

  /** Goes on with what is on the disk. */
  begin(): void {
    try {
      fs.mkdirSync(this.customDirectory, { recursive: true, mode: 0o700 });
    } catch (error) {
      this.parts.log.warn({ err: errorMessage(error) }, 'there is no directory for facts of your own');
    }
    void this.follow();
  }

  /** For the hello: of the set that is held, null for none; undefined on a host that takes none. */
  revision(): string | null | undefined {
    const { options, policy } = this.parts;
    return options.scriptsEnabled && policy.allowsInstances() ? this.store.revision : undefined;
  }

  /** A connection, or none. */
  use(channel: TriggeredChannel | null): void {
    this.announcer.use(channel);
  }

  /** Takes the whole set; it is on the disk when this resolves. */
  async apply(set: InstanceSet): Promise<void> {
    if (!this.parts.options.scriptsEnabled) throw new Error('this agent runs with scripts disabled');
    this.store.replace(set);
    this.parts.log.info(
      { instances: set.instances.length, revision: set.revision.slice(0, 12) },
      'instances',
    );
    await this.follow();
  }

  /** Answers a question about the tree of facts; null: the whole of it. */
  async ask(xpath: string | null): Promise<FactsQueryAck> {
    const denial = this.deniesFacts();
    if (denial !== null) return { error: denial };
    const { tree } = await this.loadFacts();
    const { askFacts } = await import('./answers.js');
    return askFacts(tree, await this.watched(), xpath);
  }

  /** Says what triggers would do now. */
  async check(check: TriggerCheck): Promise<TriggerCheckAck> {
    const denial = this.deniesFacts();
    if (denial !== null) {
      const outlook = { would_fire: false, why: '', error: denial };
      return {
        ...(check.start_trigger !== undefined && { start: outlook }),
        ...(check.stop_trigger !== undefined && { stop: outlook }),
      };
    }
    const { tree } = await this.loadFacts();
    const { checkTriggers } = await import('./answers.js');
    return checkTriggers(tree, await this.watched(), check);
  }

  /** Starts and stops nothing more. */
  shutdown(): void {
    this.closed = true;
    void this.engine?.then((engine) => engine.close());
    void this.facts?.then(({ tables }) => tables.close());
  }

  /** Resolves when the server knows of every run, or after `ms`. */
  flush(ms: number): Promise<void> {
    return this.announcer.flush(ms);
  }

  /** Questions about the host are queries, and such that nobody signs. */
  private deniesFacts(): string | null {
    return this.parts.options.queriesEnabled ? this.parts.policy.deniesQuery(true) : NO_FACTS;
  }

  private async follow(): Promise<void> {
    // Where none may run, no trigger is looked at.
    const instances = this.parts.policy.allowsInstances() ? this.store.instances : [];
    const judges = instances.some(
      ({ start_trigger: start, stop_trigger: stop }) => start.type !== 'manual' || stop.type !== 'manual',
    );
    if (!this.parts.options.scriptsEnabled || (this.engine === null && !judges)) return;
    try {
      this.engine ??= this.loadEngine();
      const engine = await this.engine;
      if (!this.closed) engine.follow(instances);
    } catch (error) {
      this.parts.log.error({ err: errorMessage(error) }, 'triggers cannot be judged');
    }
  }

  private async loadEngine(): Promise<TriggerEngine> {
    const { attempts, log } = this.parts;
    const { tree } = await this.loadFacts();
    const { TriggerEngine: Engine } = await import('./triggers/trigger-engine.js');
    const { store, customDirectory, handled } = this;
    return new Engine({ attempts, store, tree, customDirectory, handled, log });
  }

  private loadFacts(): Promise<Facts> {
    this.facts ??= import('./facts-tree/open-facts.js').then(({ openFacts }) =>
      openFacts(this.customDirectory, this.parts.log, () => this.parts.policy.deniedTables()),
    );
    return this.facts;
  }

  private async watched(): Promise<Needs> {
    const { needsOfInstances } = await import('./triggers/needs-of-instances.js');
    return needsOfInstances(this.store.instances);
  }
}

/** What the newest run of each instance that the journal holds was fired for. */
function handledBy(journal: Journal): Map<number, TriggeredMark> {
  const handled = new Map<number, TriggeredMark>();
  for (const { order } of journal.openAttempts()) {
    const { instance } = order;
    if (instance?.triggered !== undefined) handled.set(instance.id, instance.triggered);
  }
  return handled;
}
