import { homedir } from 'node:os';
import { join } from 'node:path';

/** What the command line takes from the environment; an empty variable counts as unset. */
export interface CliEnvironment {
  /** `MUSTER_URL`: overrides the address that `login` kept. */
  readonly url?: string;
  /** `MUSTER_TOKEN`: overrides the token that `login` kept. */
  readonly token?: string;
  /** Where `login` keeps both. */
  readonly configFile: string;
  /** `NO_COLOR` is unset, and this is not a terminal without abilities. */
  readonly color: boolean;
  /** Any variable, where somebody names it. */
  readonly variable: (name: string) => string | undefined;
}

export function readEnvironment(env: NodeJS.ProcessEnv = process.env): CliEnvironment {
  const given = (name: string): string | undefined => env[name] || undefined;
  // The XDG specification: a relative path is invalid and to be ignored.
  const xdg = given('XDG_CONFIG_HOME');
  const base = xdg?.startsWith('/') ? xdg : join(given('HOME') ?? homedir(), '.config');
  return {
    url: given('MUSTER_URL'),
    token: given('MUSTER_TOKEN'),
    configFile: join(base, 'muster', 'config.json'),
    color: given('NO_COLOR') === undefined && given('TERM') !== 'dumb',
    variable: (name) => env[name],
  };
}

/** The environment itself, for `up`, which hands it on to the server and the agent. */
export function wholeEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env };
}
