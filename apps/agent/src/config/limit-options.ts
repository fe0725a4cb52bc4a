import { RunLimits } from '#libs/protocol/index';
import { UsageError } from './command-line.js';

const NAMES = Object.keys(RunLimits.shape) as (keyof RunLimits)[];
const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 2 ** 10,
  kib: 2 ** 10,
  m: 2 ** 20,
  mib: 2 ** 20,
  g: 2 ** 30,
  gib: 2 ** 30,
  t: 2 ** 40,
  tib: 2 ** 40,
};

/**
 * Reads `--limit name=value`, as often as given, over what holds otherwise; `none` takes a limit away.
 * @throws UsageError that names the limit
 */
export function limitsOf(given: readonly string[], defaults: RunLimits): RunLimits {
  const limits: RunLimits = { ...defaults };
  for (const text of given) {
    const [key = '', value = ''] = text.split('=', 2);
    const name = NAMES.find((one) => one === key);
    if (name === undefined)
      throw new UsageError(`--limit "${text}" must be name=value, with a name of ${NAMES.join(', ')}`);
    if (value === 'none') {
      delete limits[name];
      continue;
    }
    const number = numberOf(value, name.endsWith('_bytes'));
    if (!RunLimits.safeParse({ [name]: number }).success)
      throw new UsageError(`--limit ${name}: "${value}" is no ${whatItMustBe(name)}, nor "none"`);
    limits[name] = number;
  }
  return limits;
}

function numberOf(text: string, isSize: boolean): number {
  const [, digits = '', unit = ''] = /^(\d{1,15})\s*([a-z]*)$/i.exec(text) ?? [];
  if (digits === '' || (!isSize && unit !== '')) return Number.NaN;
  return Number(digits) * (UNITS[unit.toLowerCase()] ?? Number.NaN);
}

function whatItMustBe(name: keyof RunLimits): string {
  if (name.endsWith('_bytes')) return 'size like 512MiB';
  return name === 'open_files' ? 'whole number from 16' : 'whole number from 1';
}
