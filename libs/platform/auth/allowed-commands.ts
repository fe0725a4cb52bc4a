/**
 * Entries of a token's list of allowed commands. One entry is one line of words with single blanks between them:
 * - for a program with arguments (no shell): word by word. The program compares exactly (`ls` is not `/bin/ls`), so does every
 *   argument; the word `*` stands for any one argument, the last word `**` for any number of them, none included. Inside a word `*`
 *   is an asterisk. An argument with a blank in it is matched by `*` or `**` only.
 * - for a line for the shell: the whole line, exactly. What a shell would make of it cannot be matched in parts safely.
 */
export type AllowedCommand = string;

/** What somebody wants to run. */
export type CommandLine =
  | {
      readonly kind: 'command';
      readonly argv: readonly string[];
      /** What the request gives beside it, by field: `env`, `cwd`, `user`, `stdin`. */
      readonly beside?: readonly string[];
    }
  | { readonly kind: 'shell'; readonly line: string; readonly beside?: readonly string[] };

const ANY_ONE = '*';
const ANY_NUMBER = '**';

/** Why an entry makes no sense; null: it does. */
export function allowedCommandProblem(entry: AllowedCommand): string | null {
  if (entry.includes('\0')) return 'must not contain a NUL character';
  const words = entry.split(' ');
  if (words[0] === '') return 'must begin with a program';
  if (words[0] === ANY_ONE || words[0] === ANY_NUMBER)
    return 'must name its program: no pattern stands for it';
  if (words.slice(0, -1).includes(ANY_NUMBER)) return '** can only be the last word';
  return null;
}

/** Whether an entry of the list allows it. */
export function allowsCommand(entries: readonly AllowedCommand[], command: CommandLine): boolean {
  if (command.kind === 'shell') return entries.includes(command.line);
  return entries.some((entry) => matches(entry.split(' '), command.argv));
}

function matches(words: readonly string[], argv: readonly string[]): boolean {
  const open = words.at(-1) === ANY_NUMBER;
  const fixed = open ? words.slice(0, -1) : words;
  if (open ? argv.length < fixed.length : argv.length !== fixed.length) return false;
  return fixed.every((word, i) => argv[i] === word || (i > 0 && word === ANY_ONE));
}
