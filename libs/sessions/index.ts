export { ApiToken } from './api-token.entity.js';
export { Organization } from './organization.entity.js';
export { Session } from './session.entity.js';
export { SessionsModule } from './sessions.module.js';
export { Team } from './team.entity.js';
export { TeamRole } from './team-role.entity.js';
export { User } from './user.entity.js';
