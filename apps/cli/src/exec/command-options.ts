import { InvalidArgumentError } from 'commander';
import { type Share } from '../api/commands-api.js';
import { UsageError } from '../errors.js';

/** An option's value: so many hosts, or a share of them. */
export function share(value: string): Share {
  if (/^[1-9]\d{0,6}$/.test(value)) return Number(value);
  const percent = /^(\d{1,3}(?:\.\d{1,3})?)%$/.exec(value)?.[1];
  if (percent === undefined || Number(percent) <= 0 || Number(percent) > 100)
    throw new InvalidArgumentError('a number of hosts is meant, or a share above 0% and up to 100%.');
  return value;
}

/** An option's value: the same, or none at all. */
export function shareOrNone(value: string): Share {
  return /^0%?$/.test(value) ? 0 : share(value);
}

/** An option's value: `1,5%,25%,100%`. */
export function shares(value: string): Share[] {
  return value.split(',').map((each) => share(each.trim()));
}

/** An option that may be given several times: `KEY=value`. */
export function variable(
  value: string,
  previous: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  const at = value.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('KEY=value is meant.');
  return { ...previous, [value.slice(0, at)]: value.slice(at + 1) };
}

/**
 * What stands behind `--`, so that no option of a command is taken for one of ours.
 * @param typed everything that was typed
 * @param words what is left of it without options
 */
export function behindDashes(typed: readonly string[], words: readonly string[]): readonly string[] {
  const dashes = typed.indexOf('--');
  if (words.length === 0 || dashes === -1 || typed.length - dashes - 1 !== words.length)
    throw new UsageError(
      'say what to run behind --, after all options: muster exec --target web-1 -- uptime',
    );
  return words;
}
