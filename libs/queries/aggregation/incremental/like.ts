import { fold } from '../results-table.js';

/**
 * LIKE: `%` stands for any text, `_` for one character, ASCII letters match in either case. Goes back to the last `%` only, which is
 * enough, so that no pattern takes longer than its length times the text's.
 */
export function likePattern(pattern: string): (text: string) => boolean {
  const wanted = Array.from(fold(pattern));
  return (text) => matches(wanted, Array.from(fold(text)));
}

function matches(wanted: readonly string[], text: readonly string[]): boolean {
  let at = 0;
  let retry: { wanted: number; text: number } | null = null;
  for (let i = 0; i < text.length;) {
    const next = wanted[at];
    if (next === '%') {
      at += 1;
      retry = { wanted: at, text: i };
    } else if (next !== undefined && (next === '_' || next === text[i])) {
      at += 1;
      i += 1;
    } else if (retry) {
      retry.text += 1;
      i = retry.text;
      at = retry.wanted;
    } else return false;
  }
  while (wanted[at] === '%') at += 1;
  return at === wanted.length;
}
