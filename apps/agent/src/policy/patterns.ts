/*
 * Patterns over command lines: `*` stands for any characters, also none; everything else for itself. No pattern and no line can make the
 * comparison slow.
 */

/** What means nothing to a shell. */
const PLAIN = /^[A-Za-z0-9_@%+=:,./ -]*$/;
const NAME = /^[A-Za-z0-9_]+$/;
const SAFE_WORD = /^[A-Za-z0-9_@%+=:,./-]+$/;

/** A program and its arguments as one line, each word quoted as a shell would need it: two different lists never give the same line. */
export function shellLine(argv: readonly string[]): string {
  return argv.map((word) => (SAFE_WORD.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');
}

/** Whether the pattern is all of the text. */
export function matches(pattern: string, text: string): boolean {
  return fits(pattern, text, () => true);
}

/** The same for the name of a variable: `*` stands only for letters, digits and `_`, so that no name brings more than a name (`BASH_FUNC_id%%`). */
export function matchesName(pattern: string, name: string): boolean {
  return NAME.test(name) && matches(pattern, name);
}

/**
 * The same for a line that a shell will read: `*` stands only for letters, digits, blanks and `_@%+=:,./-`, so that nothing can be
 * appended to what was allowed (`; rm -rf /`, `$(…)`).
 */
export function matchesPlainly(pattern: string, text: string): boolean {
  return fits(pattern, text, (gap) => PLAIN.test(gap));
}

/**
 * Each piece between two stars is looked for as far left as it goes. That finds a way whenever there is one, but for pieces that hold
 * themselves what `*` may not stand for: then a line may be refused that could have been read otherwise.
 */
function fits(pattern: string, text: string, allowed: (gap: string) => boolean): boolean {
  const pieces = pattern.split('*');
  const [first = '', ...others] = pieces;
  if (others.length === 0) return text === first;
  const last = others.pop() ?? '';
  if (text.length < first.length + last.length) return false;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const piece of others) {
    const found = text.indexOf(piece, at);
    if (found < 0 || found + piece.length > end || !allowed(text.slice(at, found))) return false;
    at = found + piece.length;
  }
  return allowed(text.slice(at, end));
}
