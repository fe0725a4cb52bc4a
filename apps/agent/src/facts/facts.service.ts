import { type HostFacts } from '#libs/protocol/index';
import { errorMessage } from '../platform/files.js';
import { type AgentLogger } from '../platform/logger.js';
import { fullFacts, worthTelling } from './full-facts.js';
import { quickFacts } from './quick-facts.js';

const FIRST_LOOK_MS = 2000;
const HOUR_MS = 3_600_000;

/** Knows what this host is: at once the cheap part, soon after connecting all of it, then once an hour. */
export class FactsService {
  private known: HostFacts = quickFacts();
  private told: HostFacts | null = null;
  private timer: NodeJS.Timeout | null = null;
  private publish: ((facts: HostFacts) => Promise<boolean>) | null = null;

  constructor(private readonly log: AgentLogger) {}

  /** The facts as far as they are known; what the hello carries. */
  current(): HostFacts {
    return this.known;
  }

  /** A connection on which changes can be told; its hello carried `current()`. */
  connected(publish: (facts: HostFacts) => Promise<boolean>): void {
    this.publish = publish;
    this.told = this.known;
    if (this.timer === null) this.schedule(FIRST_LOOK_MS);
  }

  /** Nothing can be told for now. */
  disconnected(): void {
    this.publish = null;
  }

  /** Looks no more. */
  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.publish = null;
  }

  private schedule(ms: number): void {
    // Jitter, so that a fleet that was started together does not look together for ever.
    this.timer = setTimeout(() => void this.look(), ms * (0.9 + 0.2 * Math.random())).unref();
  }

  private async look(): Promise<void> {
    try {
      this.known = await fullFacts();
      const { publish, told, known } = this;
      if (publish !== null && (told === null || worthTelling(told, known)) && (await publish(known)))
        this.told = known;
    } catch (error) {
      this.log.warn({ err: errorMessage(error) }, 'the facts of this host could not be told');
    } finally {
      this.schedule(HOUR_MS);
    }
  }
}
