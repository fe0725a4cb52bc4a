import { RE2JS } from 're2js';
import { isUtf8 } from 'node:buffer';
import { type OutputRule, ReasonCode } from '#libs/protocol/index';
import { StartError } from '../run-error.js';
import { Automaton } from './automaton.js';
import { type Filter, type Sink } from './filter.js';
import { Redactor } from './redactor.js';

/** Words shorter than this cannot be looked for as the others are; a pattern does it. */
const SHORTEST_WORD = 2;
/** How much of what has passed a pattern still sees. */
const WINDOW_BYTES = 4096;
const NEWLINE = 0x0a;

interface Pattern {
  readonly expression: RE2JS;
  readonly message: string;
}

/**
 * What output must not hold. Shared by both streams: when one of them has held it, nothing more of either leaves.
 * Words are exact: no byte of one leaves. A pattern is matched against what comes together with the lines before it,
 * 4 KiB at most, so the beginning of a match that was written a while ago may have left.
 */
export class OutputGuard {
  private readonly words: Automaton | null;
  private readonly messages: string[];
  private readonly patterns: Pattern[];
  private blocked = false;

  /**
   * @param onBlocked called once, with the message of the rule
   * @throws StartError when a pattern cannot be read: what cannot be guarded is not started
   */
  constructor(
    rules: readonly OutputRule[],
    private readonly onBlocked: (message: string) => void,
  ) {
    const words = new Map<string, string>();
    const patterns: Pattern[] = [];
    for (const { words: own = [], pattern, message } of rules) {
      for (const word of own) {
        if (Buffer.byteLength(word) < SHORTEST_WORD) patterns.push(compile(RE2JS.quote(word), message));
        else if (!words.has(word)) words.set(word, message);
      }
      if (pattern !== undefined) patterns.push(compile(pattern, message));
    }
    this.words = words.size === 0 ? null : new Automaton([...words.keys()].map((word) => Buffer.from(word)));
    this.messages = [...words.values()];
    this.patterns = patterns;
  }

  /** A filter for one stream. */
  filter(next: Sink): Filter {
    let write = this.untilBlocked(next);
    if (this.patterns.length > 0)
      write = this.untilBlocked(new PatternFilter(this.patterns, write, this.block).write);
    if (this.words === null) return { write, end: () => undefined };
    const words = new DeniedWordFilter(this.words, write, (word) => this.block(this.messages[word] ?? ''));
    return {
      write: this.untilBlocked(words.write),
      end: () => {
        if (!this.blocked) words.end();
      },
    };
  }

  private untilBlocked(sink: Sink): Sink {
    return (data) => {
      if (!this.blocked) sink(data);
    };
  }

  private readonly block = (message: string): void => {
    if (this.blocked) return;
    this.blocked = true;
    this.onBlocked(message);
  };
}

class DeniedWordFilter implements Filter {
  private readonly redactor: Redactor;
  private state = 0;

  constructor(
    private readonly words: Automaton,
    next: Sink,
    private readonly onFound: (word: number) => void,
  ) {
    this.redactor = new Redactor(next, () => undefined);
  }

  readonly write = (data: Buffer): void => {
    const base = this.redactor.position;
    this.redactor.hold(data);
    const { state, found } = this.words.scan(data, 0, this.state);
    this.state = state;
    if (found === null) {
      this.redactor.release(this.redactor.position - this.words.pending(state));
      return;
    }
    this.redactor.release(base + found.end - found.length);
    this.onFound(found.word);
  };

  end(): void {
    this.redactor.release(this.redactor.position);
  }
}

class PatternFilter {
  private window: Buffer = Buffer.alloc(0);

  constructor(
    private readonly patterns: readonly Pattern[],
    private readonly next: Sink,
    private readonly onFound: (message: string) => void,
  ) {}

  readonly write = (data: Buffer): void => {
    const known = this.window.length;
    const bytes = known === 0 ? data : Buffer.concat([this.window, data]);
    const first = firstMatch(this.patterns, bytes);
    if (first === null) {
      this.next(data);
      this.window = endOf(bytes);
      return;
    }
    if (first.start > known) this.next(bytes.subarray(known, first.start));
    this.onFound(first.message);
  };
}

function firstMatch(patterns: readonly Pattern[], bytes: Buffer): { start: number; message: string } | null {
  const encoding = isUtf8(bytes) ? 'utf8' : 'latin1';
  const text = bytes.toString(encoding);
  let first: { start: number; message: string } | null = null;
  for (const { expression, message } of patterns) {
    // Whether is cheap to say, where is not.
    if (!expression.test(text)) continue;
    const matcher = expression.matcher(text);
    if (!matcher.find()) continue;
    const start = Buffer.byteLength(text.slice(0, matcher.start()), encoding);
    if (first === null || start < first.start) first = { start, message };
  }
  return first;
}

/** The last lines; of a line that is longer, its end. */
function endOf(bytes: Buffer): Buffer {
  if (bytes.length <= WINDOW_BYTES) return bytes;
  const end = bytes.subarray(bytes.length - WINDOW_BYTES);
  const newline = end.indexOf(NEWLINE);
  return Buffer.from(newline < 0 || newline === end.length - 1 ? end : end.subarray(newline + 1));
}

function compile(pattern: string, message: string): Pattern {
  try {
    return { expression: RE2JS.compile(pattern, RE2JS.MULTILINE), message };
  } catch {
    throw new StartError(
      ReasonCode.startFailed,
      'a rule about its output has a pattern that cannot be read here: correct the rule',
    );
  }
}
