import { type Mask, type MaskType, type Secrets } from '#libs/protocol/index';
import { type RunSpec, toBuffer } from '../run-spec.js';
import { Automaton } from './automaton.js';
import { CardFilter } from './card-filter.js';
import { EmailShape } from './email-shape.js';
import { type Filter, MaskCounts, type Sink } from './filter.js';
import { type OutputGuard } from './output-guard.js';
import { formsOf } from './secret-values.js';
import { ShapeFilter } from './shape-filter.js';
import { TokenShape } from './token-shape.js';
import { WordFilter } from './word-filter.js';

export { type Filter, type Sink } from './filter.js';

/** What an order says about its output. */
export type OutputWishes = Pick<RunSpec, 'secrets' | 'mask' | 'deny_output'>;

type Stage = (next: Sink) => Filter;

/**
 * What the output of one run passes before anybody stores it: the rules that end the run, which see it as it is; then the
 * masks, secrets first. Each stream has filters of its own, the counts are one.
 */
export class OutputFilters {
  private readonly counts = new MaskCounts();
  private readonly stages: Stage[] = [];

  /** @param guard the rules; null: none */
  constructor({ secrets, mask }: OutputWishes, guard: OutputGuard | null) {
    if (guard !== null) this.stages.push((next) => guard.filter(next));
    const forms = formsOf(valuesOf(secrets, mask));
    if (forms.length > 0) {
      const words = new Automaton(forms);
      this.stages.push((next) => new WordFilter(words, next, () => this.counts.add('secret')));
    }
    // Always in this order, so that the same output comes to the same.
    const types = new Set(mask?.types);
    for (const type of ['token', 'card', 'email'] as const)
      if (types.has(type)) this.stages.push((next) => this.shape(type, next));
  }

  /**
   * @param onBlocked called once, with the message of the rule that a stream has broken
   * @throws StartError when a rule cannot be read
   */
  static async load(wishes: OutputWishes, onBlocked: (message: string) => void): Promise<OutputFilters> {
    const rules = wishes.deny_output ?? [];
    if (rules.length === 0) return new OutputFilters(wishes, null);
    // The engine for patterns takes 50 ms to load, and 3 MB: only where there are rules.
    const guards = await import('./output-guard.js');
    return new OutputFilters(wishes, new guards.OutputGuard(rules, onBlocked));
  }

  /** The way of one stream. */
  filter(sink: Sink): Filter {
    const filters: Filter[] = [];
    let next = sink;
    for (const stage of this.stages.toReversed()) {
      const filter = stage(next);
      filters.unshift(filter);
      next = filter.write;
    }
    return {
      write: next,
      end: () => {
        for (const filter of filters) filter.end();
      },
    };
  }

  /** How often something was masked, by its kind; null: never. */
  masked(): Record<string, number> | null {
    return this.counts.toRecord();
  }

  private shape(type: MaskType, next: Sink): Filter {
    const count = (): void => this.counts.add(type);
    switch (type) {
      case 'card':
        return new CardFilter(next, count);
      case 'token':
        return new ShapeFilter(new TokenShape(), next, count);
      case 'email':
        return new ShapeFilter(new EmailShape(), next, count);
    }
  }
}

function valuesOf(secrets: Secrets | undefined, mask: Mask | undefined): Buffer[] {
  const { env = {}, files = {} } = secrets ?? {};
  return [...Object.values(env), ...Object.values(files), ...(mask?.values ?? [])].map(toBuffer);
}
