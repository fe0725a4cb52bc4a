import { type InstanceDefinition } from '#libs/protocol/index';
import { type Needs, type TreeNode } from '#libs/triggers/index';
import { type Look, REST } from './look.js';
import { RateLimit } from './rate-limit.js';
import { ScheduleTrigger } from './schedule-trigger.js';
import { XPathTrigger } from './xpath-trigger.js';

/** One instance and its triggers, while its definition stays as it is. */
export class WatchedInstance {
  private start: XPathTrigger | ScheduleTrigger | null = null;
  private stop: XPathTrigger | null = null;
  private readonly limit: RateLimit;
  private running = false;
  /** A run has ended: what it did itself is not to start the next one. */
  private ended = false;

  /** @param known what its start trigger knew last. Throws when a trigger cannot be read. */
  constructor(
    readonly definition: InstanceDefinition,
    known: string | null,
    now: number,
  ) {
    this.limit = new RateLimit(definition.max_starts_per_minute);
    if (!definition.enabled) return;
    const trigger = definition.start_trigger;
    if (trigger.type === 'xpath') {
      this.start = new XPathTrigger(trigger.setting, definition.debounce_ms, known);
    } else if (trigger.type === 'schedule') this.start = new ScheduleTrigger(trigger, known, now);
  }

  /** What its start trigger would have to know after a restart. */
  get known(): string | null {
    return this.start?.known ?? null;
  }

  /** Whether anything has to be looked at. */
  get watches(): boolean {
    return this.start !== null || this.stop !== null;
  }

  /** What of the tree its triggers are about. */
  needs(): Needs[] {
    const start = this.start instanceof XPathTrigger ? [this.start.needs] : [];
    return this.stop === null ? start : [...start, this.stop.needs];
  }

  /** A run has begun. A condition that stops what a trigger started may be so already; what a person started waits for it to turn true. */
  onBegin(triggered: boolean): void {
    this.running = true;
    const { stop_trigger: trigger, debounce_ms: debounce } = this.definition;
    if (trigger.type !== 'xpath') return;
    const stop = new XPathTrigger(trigger.setting, debounce, null);
    if (!triggered && stop.known !== null) stop.take('true');
    this.stop = stop;
  }

  onEnd(): void {
    this.running = false;
    this.ended = true;
    this.stop = null;
  }

  /** Whether the run that goes on is to be stopped. Throws XPathError. */
  lookAtStop(root: TreeNode, now: number): Look {
    const look = this.stop?.look(root, now) ?? REST;
    if (look.kind === 'fires') this.stop = null;
    return look;
  }

  /** Whether a run is to be started; the start has to be taken. Throws XPathError. */
  lookAtStart(root: TreeNode, now: number): Look {
    const { start } = this;
    if (start === null) return REST;
    if (this.running || this.ended) {
      this.ended = this.running && this.ended;
      if (start instanceof XPathTrigger) {
        start.ignore(root);
        return REST;
      }
      if (!start.makesUp) start.ignore(now);
      if (this.running) return REST;
    }
    const look = start instanceof XPathTrigger ? start.look(root, now) : start.look(now);
    if (look.kind !== 'fires') return look;
    const ms = this.limit.wait(now);
    return ms > 0 ? { kind: 'wait', ms } : look;
  }

  /** It was fired for this. */
  take(seen: string, now: number): void {
    this.limit.take(now);
    this.start?.take(seen);
  }
}
