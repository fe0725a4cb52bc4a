export { Organization } from './organization.entity.js';
export { Session } from './session.entity.js';
export { SessionsModule } from './sessions.module.js';
export { User } from './user.entity.js';
