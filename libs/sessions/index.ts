export { ApiToken } from './api-tokens/api-token.entity.js';
export { Organization } from './organization/organization.entity.js';
export { OrganizationService } from './organization/organization.service.js';
export { Session } from './session.entity.js';
export { SessionsModule } from './sessions.module.js';
export { Team } from './teams/team.entity.js';
export { TeamRole } from './teams/team-role.entity.js';
export { User } from './users/user.entity.js';
