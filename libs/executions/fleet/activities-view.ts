import { type ActivityDto, type ActorDto, type UpcomingActivityDto } from './activities.dto.js';
import { type ActivityRow, type UpcomingRow } from './activities.repository.js';

/** An audit row as Fleet's activity. */
export function toActivityDto(row: ActivityRow): ActivityDto {
  return {
    id: Number(row.id),
    created_at: row.at.toISOString(),
    ...actor(row),
    type: row.act,
    details: detailsOf(row),
    outcome: row.outcome,
  };
}

/** A script that waits or runs, as the activity that it will be. */
export function toUpcomingDto(row: UpcomingRow): UpcomingActivityDto {
  return {
    created_at: row.created_at.toISOString(),
    uuid: row.uuid,
    ...actor(row),
    type: 'ran_script',
    details: {
      host_id: row.host_id,
      host_display_name: row.hostname,
      script_name: row.script_name,
      script_execution_id: row.uuid,
      async: !row.sync,
      policy_id: null,
      policy_name: null,
    },
  };
}

/** Keys of a user are absent where there is none; of a deleted one the e-mail is left. */
function actor({
  user_id,
  user_name,
  email,
}: Pick<ActivityRow, 'user_id' | 'user_name' | 'email'>): ActorDto {
  if (email === null) return { actor_full_name: 'Fleet', fleet_initiated: true };
  return {
    ...(user_id !== null && { actor_id: user_id, actor_full_name: user_name ?? email, actor_gravatar: '' }),
    actor_email: email,
    fleet_initiated: false,
  };
}

/** Fleet's keys for what is done to a host; everything else is shown as it was recorded. */
function detailsOf({ act, host_id, details }: ActivityRow): Record<string, unknown> {
  const { target_uuid, hostname, script_name, sync, state, exit_code } = details;
  const host = { host_id, host_display_name: hostname ?? '', script_name: script_name ?? '' };
  switch (act) {
    case 'ran_script':
      return {
        ...host,
        script_execution_id: target_uuid,
        async: sync !== true,
        policy_id: null,
        policy_name: null,
        state,
        exit_code,
      };
    case 'canceled_run_script':
      return { ...host, script_execution_id: target_uuid };
    default:
      return details;
  }
}
