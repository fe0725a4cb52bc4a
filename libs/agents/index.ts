export { AgentsModule } from './agents.module.js';
export { EnrollSecret } from './enroll-secret.entity.js';
export { Enrolment } from './enrolment.entity.js';
export { Host } from './host.entity.js';
export { HostRemovals } from './host-removals.js';
export { HostsService, type RunnableHost } from './hosts.service.js';
export { type Connected, type KnownAgent, PresenceService } from './presence.service.js';
