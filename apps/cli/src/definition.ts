import { type Command, InvalidArgumentError } from 'commander';

/* What the definitions of commands are made of. */

/** The options of every command that talks to a server. */
export function server(command: Command): Command {
  return command
    .option('--url <url>', 'the server (default: where you are signed in)')
    .option('--ca <file>', "PEM file of the server's certificate authority")
    .option('--insecure', 'trust any certificate');
}

/** What stands at the end of a command's help. */
export function example(...lines: string[]): string {
  return `\n${lines.length > 1 ? 'Examples' : 'Example'}:\n${lines.map((text) => `  ${text}`).join('\n')}`;
}

/** An option that may be given several times. */
export function collect(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** An option's value. */
export function seconds(value: string): number {
  if (!/^[1-9]\d{0,6}$/.test(value)) throw new InvalidArgumentError('a whole number of seconds is meant.');
  return Number(value);
}

/** An option's value. */
export function wholeNumber(value: string): number {
  if (!/^\d{1,10}$/.test(value)) throw new InvalidArgumentError('a whole number is meant.');
  return Number(value);
}

/** Names with commas between them, in an option that may be given several times. */
export function names(value: string, previous: string[] | undefined): string[] {
  const given = value
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return [...(previous ?? []), ...given];
}
