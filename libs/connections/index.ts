export { type AccessMode, Connection, type ConnectionType, type MaskType } from './connection.entity.js';
export { ConnectionGuardRail } from './guardrails/connection-guard-rail.entity.js';
export { GuardRail } from './guardrails/guard-rail.entity.js';
export { type RuleSet, type RuleSpec, type RuleType } from './guardrails/rule.js';
export { ConnectionSecret } from './secrets/connection-secret.entity.js';
