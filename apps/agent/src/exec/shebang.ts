import { ReasonCode } from '#libs/protocol/index';
import { StartError } from './run-error.js';

/** The program that a script asks for, and the one argument that the kernel would pass to it. */
export interface Shebang {
  readonly interpreter: string;
  readonly argument: string | null;
}

const LONGEST_LINE = 4096;

/**
 * Reads the first line as the kernel does: interpreter, then at most one argument, which is all the rest of the line.
 * Null without a shebang: /bin/sh it is.
 */
export function parseShebang(contents: Buffer): Shebang | null {
  if (contents[0] !== 0x23 || contents[1] !== 0x21) return null;
  const newline = contents.indexOf(0x0a);
  const line = contents.toString('utf8', 2, Math.min(newline < 0 ? contents.length : newline, LONGEST_LINE));
  if (line.endsWith('\r')) {
    throw new StartError(
      ReasonCode.notFound,
      'the first line ends in a carriage return (Windows line endings): save the script with Unix line endings',
    );
  }
  const text = line.replace(/^[ \t]+|[ \t]+$/g, '');
  const blank = text.search(/[ \t]/);
  const interpreter = blank < 0 ? text : text.slice(0, blank);
  if (interpreter === '')
    throw new StartError(ReasonCode.notFound, 'the first line names no interpreter after #!');
  return { interpreter, argument: blank < 0 ? null : text.slice(blank).replace(/^[ \t]+/, '') };
}

/** The program that reads a script: `env NAME` counts as NAME, no shebang as /bin/sh. */
export function interpreterOf(shebang: Shebang | null): string {
  const { interpreter, argument } = shebang ?? { interpreter: '/bin/sh', argument: null };
  // What `env -S` would unfold to something else than stands here is nobody's but env's.
  if (baseName(interpreter) !== 'env' || /[^A-Za-z0-9_@%+=:,./ \t-]/.test(argument ?? '')) return interpreter;
  const words = (argument ?? '')
    .split(/[ \t]+/)
    .filter((word) => word !== '' && word !== '-S' && !word.includes('='));
  return words[0] ?? interpreter;
}

/** Whether the agent's operator allows this interpreter. Null allows all. */
export function interpreterAllowed(shebang: Shebang | null, allowed: readonly string[] | null): boolean {
  return allowed === null || namesProgram(allowed, interpreterOf(shebang));
}

/** Whether a list of names (`python3`) and paths (`/usr/bin/python3`) holds a program. */
export function namesProgram(names: readonly string[], program: string): boolean {
  return names.some((name) => (name.includes('/') ? name === program : name === baseName(program)));
}

function baseName(file: string): string {
  return file.slice(file.lastIndexOf('/') + 1);
}
