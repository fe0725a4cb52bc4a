/** Seconds that a team may give its scripts. */
const MAX_TEAM_SECONDS = 3_600;

/**
 * SQL: how long instance `i` of script `s` may run, in seconds: its own timeout, else its team's (agent options are kept as given: what makes no sense is
 * none), else `setting`.
 */
export function timeoutOf(setting: string): string {
  const option = `t.agent_options->>'script_execution_timeout'`;
  return `coalesce(i.timeout_seconds, (SELECT CASE WHEN ${option} ~ '^[1-9][0-9]{0,3}$' THEN CASE WHEN (${option})::int <= ${MAX_TEAM_SECONDS} THEN (${option})::int END END
    FROM teams t WHERE t.id = s.team_id), ${setting}::int)`;
}
