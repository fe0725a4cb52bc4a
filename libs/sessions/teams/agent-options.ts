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
const MAX_TIMEOUT_SECONDS = 604_800;

/**
 * Agent options as they may be kept: what is meant for osquery as it stands, the timeout of scripts (seconds) within its bounds.
 * @param force keep keys that are not known, too
 * @throws DomainError malformed, naming each key
 */
export function checkAgentOptions(options: Readonly<Record<string, unknown>>, force: boolean): void {
  const problems: FieldProblem[] = Object.keys(options)
    .filter((key) => !force && !KEYS.includes(key))
    .map((key) => ({ name: key, reason: `unsupported key provided: "${key}"` }));
  const timeout = options['script_execution_timeout'];
  if (timeout !== undefined && !isTimeout(timeout))
    problems.push({
      name: 'script_execution_timeout',
      reason: `must be a whole number of seconds from 1 to ${MAX_TIMEOUT_SECONDS}`,
    });
  if (problems.length > 0) throw new DomainError('malformed', problems);
}

function isTimeout(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_TIMEOUT_SECONDS;
}
