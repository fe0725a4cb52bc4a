import { createHash } from 'node:crypto';
import { type Account } from './users.repository.js';
import { type UserDto } from './users.dto.js';

/** The user object of Fleet's answers. */
export function toUserDto(user: Account): UserDto {
  const gravatar = createHash('md5').update(user.email).digest('hex');
  return {
    created_at: user.createdAt.toISOString(),
    updated_at: user.updatedAt.toISOString(),
    id: user.id,
    name: user.name,
    email: user.email,
    force_password_reset: user.forcePasswordReset,
    gravatar_url: `https://www.gravatar.com/avatar/${gravatar}`,
    sso_enabled: false,
    mfa_enabled: false,
    global_role: user.globalRole,
    api_only: user.apiOnly,
    teams: user.teams.map((team) => ({ ...team })),
  };
}
