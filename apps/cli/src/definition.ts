import { type Command, InvalidArgumentError, Option } from 'commander';

/* What the definitions of commands are made of. */

/** The options of every command that talks to a server. */
export function server(command: Command): Command {
  return command
    .option('--url <url>', 'the server (default: where you are signed in)')
    .option('--ca <file>', "PEM file of the server's certificate authority")
    .option('--insecure', 'trust any certificate');
}

/** The options of commands whose requests can be signed; `muster keys sign --help` tells of those that are for several people. */
export function signing(command: Command): Command {
  return command
    .option('--sign [key]', 'sign it, for hosts that ask (see `muster keys`)')
    .option('--valid-for <seconds>', 'sign it for so long (default: 3600)', seconds)
    .option('--expect-hosts <hosts>', 'sign for these, or so many, unasked: a,b or 2', expectedHosts)
    .addOption(statementDigest().hideHelp())
    .addOption(new Option('--sign-to <file>', 'sign it into a file, for others to sign').hideHelp())
    .addOption(new Option('--signed <file>', 'with what people have signed in this file').hideHelp());
}

/** For whoever has seen what they sign, and is not at a terminal to be asked. */
export function statementDigest(): Option {
  return new Option('--statement-digest <digest>', 'sign what was shown with this digest, unasked');
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

function expectedHosts(value: string, previous?: number | string[]): number | string[] {
  if (/^\d+$/.test(value)) return wholeNumber(value);
  return names(value, Array.isArray(previous) ? previous : undefined);
}

/** Names with commas between them, in an option that may be given several times. */
export function names(value: string, previous: string[] | undefined): string[] {
  const given = value
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return [...(previous ?? []), ...given];
}
