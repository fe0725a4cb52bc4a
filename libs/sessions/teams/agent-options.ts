import { DomainError, type FieldProblem } from '#libs/platform/errors/index';

/** Fleet's keys; one more would be a misspelt one that changes nothing. */
const KEYS = [
  'config',
  'overrides',
  'command_line_flags',
  'extensions',
  'update_channels',
  'script_execution_timeout',
];
/** Muster's own. */
const INTERVALS = ['label_interval', 'policy_interval'];
const OWN_KEYS = ['scripts_enabled', ...INTERVALS];
const MAX_TIMEOUT_SECONDS = 604_800;

/**
 * Agent options as they may be kept: what is meant for osquery as it stands, the timeout of scripts and the intervals of labels and
 * policies (seconds) within their bounds.
 * @param force keep keys that are not known, too
 * @throws DomainError malformed, naming each key
 */
export function checkAgentOptions(options: Readonly<Record<string, unknown>>, force: boolean): void {
  const problems: FieldProblem[] = Object.keys(options)
    .filter((key) => !force && ![...KEYS, ...OWN_KEYS].includes(key))
    .map((key) => ({ name: key, reason: `unsupported key provided: "${key}"` }));
  for (const name of ['script_execution_timeout', ...INTERVALS])
    if (options[name] !== undefined && !isTimeout(options[name]))
      problems.push({ name, reason: `must be a whole number of seconds from 1 to ${MAX_TIMEOUT_SECONDS}` });
  if (options['scripts_enabled'] !== undefined && typeof options['scripts_enabled'] !== 'boolean')
    problems.push({ name: 'scripts_enabled', reason: 'must be true or false' });
  if (problems.length > 0) throw new DomainError('malformed', problems);
}

function isTimeout(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_TIMEOUT_SECONDS;
}
