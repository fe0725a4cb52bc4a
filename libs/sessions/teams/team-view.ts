import { type Caller } from '#libs/platform/auth/index';
import { toUserDto } from '../users/user-view.js';
import { type Account } from '../users/users.repository.js';
import { type TeamDto, type TeamMemberDto, type TeamSecretDto } from './teams.dto.js';
import { type TeamSecret, type TeamView } from './teams.repository.js';

/** The team object of Fleet's answers, without what not everybody sees. */
export function toTeamDto(caller: Caller, team: TeamView): TeamDto {
  const role = caller.teamRoles.get(team.id);
  return {
    id: team.id,
    created_at: team.createdAt.toISOString(),
    name: team.name,
    description: team.description,
    agent_options: team.agentOptions,
    user_count: team.userCount,
    host_count: team.hostCount,
    ...(role !== undefined && { role }),
  };
}

export function toSecretDto({ secret, teamId, createdAt }: TeamSecret): TeamSecretDto {
  return { secret, created_at: createdAt.toISOString(), team_id: teamId };
}

/** Those of these users who have a role on the team. */
export function toMemberDtos(users: readonly Account[], teamId: number): TeamMemberDto[] {
  return users.flatMap((user) => {
    const role = user.teams.find(({ id }) => id === teamId)?.role;
    return role === undefined ? [] : [{ ...toUserDto(user), role }];
  });
}
