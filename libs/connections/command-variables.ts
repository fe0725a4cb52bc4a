import { DomainError } from '#libs/platform/errors/index';
import { type SessionSecrets } from './subtypes.js';

const VARIABLE = /\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))/g;
const SHELL = /^(?:.*\/)?(?:ba|da|z|k|mk|a|fi)?sh$/;
/** `-c`, also among others: `-xc`. */
const LINE_OPTION = /^-[A-Za-z]*c[A-Za-z]*$/;

/** Whether the command names variables of its connection, as hoop's do: `psql -h$HOST --port=$PORT`. A shell's line is the shell's to read. */
export function namesVariables(command: readonly string[]): boolean {
  // Also behind `env`, `sudo`, `docker exec …`.
  const shell = command.findIndex((word) => SHELL.test(word));
  if (shell >= 0 && command.some((word, i) => i > shell && LINE_OPTION.test(word))) return false;
  return command.slice(1).some((argument) => argument.search(VARIABLE) >= 0);
}

/**
 * The command with the values of these variables in its arguments. What the connection does not have stays as it stands: other programs
 * have variables of that look too.
 * @throws DomainError refused: the variable is a secret, and everybody on the host sees arguments
 */
export function withVariables(
  name: string,
  command: readonly string[],
  { plain, env, files }: SessionSecrets & { readonly plain: Readonly<Record<string, string>> },
): string[] {
  const own = (values: object, variable: string): boolean => Object.hasOwn(values, variable);
  return command.map((argument, i) =>
    i === 0
      ? argument
      : argument.replaceAll(VARIABLE, (text, inBraces: string | undefined, bare: string | undefined) => {
          const variable = inBraces ?? bare ?? '';
          if (own(plain, variable)) return plain[variable] ?? '';
          if (!own(env, variable) && !own(files, variable)) return text;
          throw new DomainError(
            'refused',
            `connection ${name} names ${variable} in argument ${i} of its command, where everybody on the host would read this secret: ` +
              `have its program take it from the environment`,
          );
        }),
  );
}
