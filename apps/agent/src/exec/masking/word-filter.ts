import { type Automaton } from './automaton.js';
import { type Filter, type Sink } from './filter.js';
import { Redactor } from './redactor.js';

/** Masks words wherever they stand, also across the borders of what is written; holds back what may still become one. */
export class WordFilter implements Filter {
  private readonly redactor: Redactor;
  private state = 0;

  constructor(
    private readonly words: Automaton,
    next: Sink,
    onMasked: () => void,
  ) {
    this.redactor = new Redactor(next, onMasked);
  }

  readonly write = (data: Buffer): void => {
    const base = this.redactor.position;
    this.redactor.hold(data);
    for (let at = 0; ;) {
      const { state, found } = this.words.scan(data, at, this.state);
      this.state = state;
      if (found === null) break;
      at = found.end;
      this.redactor.cover(base + at - found.length, base + at);
    }
    this.redactor.release(this.redactor.position - this.words.pending(this.state));
  };

  end(): void {
    this.redactor.release(this.redactor.position);
  }
}
