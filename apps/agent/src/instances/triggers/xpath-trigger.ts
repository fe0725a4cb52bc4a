import { createHash } from 'node:crypto';
import {
  evaluateXpath,
  type Expression,
  type Needs,
  needsOf,
  parseXpath,
  toBoolean,
  toXml,
  type TreeNode,
} from '#libs/triggers/index';
import { type Look, REST } from './look.js';

/** What never stands still fires after so many times the time that it should have stood still. */
const IMPATIENCE = 10;

/**
 * One XPath setting over time. A path fires when what it selects has become something else than what is known of it (appeared, disappeared,
 * changed); a condition when it has turned true. What is new has to stand still for a while before.
 */
export class XPathTrigger {
  readonly needs: Needs;
  private readonly expression: Expression;
  private pending: { value: string; since: number; first: number } | null = null;

  /**
   * @param known what an earlier process knew, as `known` says; null: nothing. Then a path is known with the first look, and a condition was
   * false. Throws XPathError.
   */
  constructor(
    setting: string,
    private readonly debounceMs: number,
    private seen: string | null,
  ) {
    this.expression = parseXpath(setting);
    this.needs = needsOf(this.expression);
    if (seen === null && !this.isPath) this.seen = 'false';
  }

  /** What is known of what it selects, or says; null before the first look. */
  get known(): string | null {
    return this.seen;
  }

  private get isPath(): boolean {
    return this.expression.type === 'nodes';
  }

  /** @param now milliseconds; only differences count. Throws XPathError. */
  look(root: TreeNode, now: number): Look {
    const value = this.value(root);
    if (this.seen === null || (!this.isPath && value === 'false')) this.seen = value;
    if (value === this.seen) {
      this.pending = null;
      return REST;
    }
    if (this.pending?.value !== value)
      this.pending = { value, since: now, first: this.pending?.first ?? now };
    const { since, first } = this.pending;
    const ms = Math.min(since + this.debounceMs, first + IMPATIENCE * this.debounceMs) - now;
    return ms > 0 ? { kind: 'wait', ms } : { kind: 'fires', seen: value };
  }

  /** What is so now is known, and fires nothing. Throws XPathError. */
  ignore(root: TreeNode): void {
    this.take(this.value(root));
  }

  /** It was fired for this. */
  take(seen: string): void {
    this.seen = seen;
    this.pending = null;
  }

  private value(root: TreeNode): string {
    const value = evaluateXpath(this.expression, root);
    if (typeof value !== 'object') return String(toBoolean(value));
    if (value.length === 0) return '';
    const hash = createHash('sha256');
    for (const node of value) hash.update(toXml(node, { still: true })).update('\n');
    return hash.digest('base64url');
  }
}
