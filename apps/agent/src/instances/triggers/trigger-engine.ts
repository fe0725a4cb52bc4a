import { type InstanceDefinition } from '#libs/protocol/index';
import { type TreeNode } from '#libs/triggers/index';
import { type AttemptsService } from '../../attempts/attempts.service.js';
import { type TriggeredMark } from '../../journal/journal-state.js';
import { errorMessage } from '../../platform/files.js';
import { type AgentLogger } from '../../platform/logger.js';
import { allNeeds, type FactsTree } from '../facts-tree/facts-tree.js';
import { Hints } from '../facts-tree/hints.js';
import { type InstanceStore } from '../instance-store.js';
import { Starter } from './starter.js';
import { WatchedInstance } from './watched-instance.js';

/** Where the system does not tell of changes, somebody looks. */
const LOOK_MS = 2000;
/** The clock may be set: nothing sleeps for longer. */
const LONGEST_SLEEP_MS = 60_000;

/** What the engine works with. */
export interface EngineParts {
  readonly attempts: AttemptsService;
  readonly store: InstanceStore;
  readonly tree: FactsTree;
  readonly customDirectory: string;
  /** What runs that an earlier process had started were fired for: instance → seen. */
  readonly handled: Map<number, TriggeredMark>;
  readonly log: AgentLogger;
}

/** Looks at the triggers of all instances, one look at a time, and starts and stops runs. */
export class TriggerEngine {
  private readonly watched = new Map<number, WatchedInstance>();
  private readonly faults = new Map<number, string>();
  private readonly starter: Starter;
  private readonly hints: Hints;
  private timer: NodeJS.Timeout | null = null;
  private looking = false;
  private again = false;
  private closed = false;

  constructor(private readonly parts: EngineParts) {
    const { attempts, store, customDirectory, log } = parts;
    this.starter = new Starter(attempts, store, log);
    this.hints = new Hints(customDirectory, (names) => {
      parts.tree.hint(names);
      this.lookSoon();
    });
    attempts.instances.listen({
      onBegin: (id, triggered) => {
        this.watched.get(id)?.onBegin(triggered);
        this.lookSoon();
      },
      onEnd: (id) => {
        this.watched.get(id)?.onEnd();
        parts.tree.invalidate();
        this.lookSoon();
      },
    });
  }

  /** Takes the instances that are to be; those that stay as they are keep what they know. */
  follow(definitions: readonly InstanceDefinition[]): void {
    const wanted = new Set(definitions.map(({ id }) => id));
    for (const id of this.watched.keys()) if (!wanted.has(id)) this.watched.delete(id);
    for (const definition of definitions) {
      const before = this.watched.get(definition.id);
      if (before !== undefined && same(before.definition, definition)) continue;
      this.watch(definition);
    }
    this.lookSoon();
  }

  /** Looks no more. */
  close(): void {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.hints.close();
    this.parts.store.save();
  }

  private watch(definition: InstanceDefinition): void {
    const { attempts, log } = this.parts;
    this.faults.delete(definition.id);
    try {
      const watched = new WatchedInstance(definition, this.knownOf(definition), Date.now());
      this.watched.set(definition.id, watched);
      const run = attempts.instances.of(definition.id);
      if (run !== undefined) watched.onBegin(run.instance?.triggered !== undefined);
    } catch (error) {
      this.watched.delete(definition.id);
      log.error({ instance: definition.name, err: errorMessage(error) }, 'a trigger cannot be read');
    }
  }

  /** What is newer counts: what was written when it started nothing, or what a run was started for just before a crash. */
  private knownOf({ id, start_trigger: trigger }: InstanceDefinition): string | null {
    const noted = this.parts.store.knownOf(id, JSON.stringify(trigger));
    const handled = this.parts.handled.get(id);
    // Of an earlier process; what comes from now on, this one notes.
    this.parts.handled.delete(id);
    if (handled === undefined || trigger.type === 'manual' || handled.trigger.setting !== trigger.setting)
      return noted?.seen ?? null;
    return noted !== null && noted.at >= handled.at ? noted.seen : handled.seen;
  }

  private lookSoon(): void {
    if (this.looking) this.again = true;
    else this.sleep(0);
  }

  private sleep(ms: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.closed) return;
    this.timer = setTimeout(() => void this.lookOnce(), Math.min(ms, LONGEST_SLEEP_MS)).unref();
  }

  private async lookOnce(): Promise<void> {
    this.looking = true;
    this.again = false;
    let wait = LOOK_MS;
    try {
      wait = await this.look();
    } catch (error) {
      this.parts.log.error({ err: errorMessage(error) }, 'triggers could not be looked at');
    } finally {
      this.looking = false;
    }
    if ([...this.watched.values()].some((watched) => watched.watches) || this.again) {
      this.sleep(this.again ? 0 : wait);
    }
  }

  /** @returns when to look again, milliseconds */
  private async look(): Promise<number> {
    const needs = allNeeds([...this.watched.values()].flatMap((watched) => watched.needs()));
    this.hints.follow(needs);
    const watches = needs.roots === 'all' || needs.roots.size > 0;
    let wait = watches ? LOOK_MS : LONGEST_SLEEP_MS;
    const due: [WatchedInstance, string][] = [];
    await this.parts.tree.read(needs, (root) => {
      const now = Date.now();
      for (const watched of this.watched.values()) {
        try {
          wait = Math.min(wait, this.lookAt(watched, root, now, due));
          this.faults.delete(watched.definition.id);
        } catch (error) {
          this.complain(watched.definition, errorMessage(error));
        }
      }
    });
    for (const [watched, seen] of due) await this.start(watched, seen);
    for (const { definition, known } of this.watched.values()) {
      this.parts.store.note(definition.id, JSON.stringify(definition.start_trigger), known);
    }
    return wait;
  }

  private lookAt(
    watched: WatchedInstance,
    root: TreeNode,
    now: number,
    due: [WatchedInstance, string][],
  ): number {
    const { id, stop_trigger: trigger } = watched.definition;
    const stop = watched.lookAtStop(root, now);
    if (stop.kind === 'fires' && trigger.type === 'xpath')
      this.parts.attempts.stopInstance(id, trigger.setting);
    const start = watched.lookAtStart(root, now);
    if (start.kind === 'fires') due.push([watched, start.seen]);
    return Math.min(stop.kind === 'wait' ? stop.ms : Infinity, start.kind === 'wait' ? start.ms : Infinity);
  }

  private async start(watched: WatchedInstance, seen: string): Promise<void> {
    const { definition } = watched;
    // It may have gone, or become another one, while others were started.
    if (this.closed || this.watched.get(definition.id) !== watched) return;
    watched.take(seen, Date.now());
    await this.starter.start(definition, seen, () => {
      this.parts.store.note(definition.id, JSON.stringify(definition.start_trigger), watched.known);
      this.parts.store.save();
    });
  }

  private complain({ id, name }: InstanceDefinition, message: string): void {
    if (this.faults.get(id) === message) return;
    this.faults.set(id, message);
    this.parts.log.error({ instance: name, err: message }, 'a trigger cannot be judged');
  }
}

/** Whether triggers may go on with what they know; content and arguments are looked up when they fire. */
function same(before: InstanceDefinition, now: InstanceDefinition): boolean {
  return JSON.stringify(before) === JSON.stringify(now);
}
