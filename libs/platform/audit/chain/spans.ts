/** From the first to the last number of it, both included. */
export type Span = readonly [number, number];

/** A set of numbers that come nearly in order, kept as spans: a record of a million rows is a handful of them. */
export class Spans {
  private readonly spans: [number, number][] = [];

  add(value: number): void {
    const at = this.after(value);
    const [left, right] = [this.spans[at - 1], this.spans[at]];
    if (left && left[1] >= value) return;
    const joinsLeft = left?.[1] === value - 1;
    const joinsRight = right?.[0] === value + 1;
    if (left && right && joinsLeft && joinsRight) {
      left[1] = right[1];
      this.spans.splice(at, 1);
    } else if (left && joinsLeft) left[1] = value;
    else if (right && joinsRight) right[0] = value;
    else this.spans.splice(at, 0, [value, value]);
  }

  /** What is not in it, from `first` to `last`. */
  gaps(first: number, last: number): Span[] {
    const gaps: Span[] = [];
    let next = first;
    for (const [low, high] of this.spans) {
      if (low > last) break;
      if (low > next) gaps.push([next, low - 1]);
      next = Math.max(next, high + 1);
    }
    if (next <= last) gaps.push([next, last]);
    return gaps;
  }

  /** Index of the first span that begins after this number. */
  private after(value: number): number {
    let [low, high] = [0, this.spans.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.spans[middle]?.[0] ?? 0) <= value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** What is left of spans without these numbers (ascending). */
export function without(spans: readonly Span[], numbers: readonly number[]): Span[] {
  return spans.flatMap(([first, last]) => {
    const inside = new Spans();
    for (const value of numbers) if (value >= first && value <= last) inside.add(value);
    return inside.gaps(first, last);
  });
}

/** What is left of a span without others (in any order). */
export function subtract([first, last]: Span, spans: readonly Span[]): Span[] {
  const left: Span[] = [];
  let next = first;
  for (const [low, high] of [...spans].sort(([a], [b]) => a - b)) {
    if (high < next || low > last) continue;
    if (low > next) left.push([next, low - 1]);
    next = high + 1;
  }
  if (next <= last) left.push([next, last]);
  return left;
}
