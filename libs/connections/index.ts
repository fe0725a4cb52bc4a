export { ApprovalPolicy } from './approvals/approval-policy.entity.js';
export { type Demand, PolicyBook } from './approvals/policy-book.js';
export { type PolicySubject } from './approvals/policy-conditions.js';
export { ReviewerKeys } from './approvals/reviewer-keys.service.js';
export { keysOfReviewer, spokenFor } from './approvals/reviewers.js';
export { checkTimeWindow, inWords, openUntil, type TimeWindow } from './approvals/time-window.js';
export { isMet, type Requirement, verdictOf, type Verdict, type Vote } from './approvals/verdict.js';
export { type AccessMode, Connection, type ConnectionType, type MaskType } from './connection.entity.js';
export { type ConnectionForRun, type OpenedConnection } from './connection-for-run.js';
export { ConnectionProbes, type Probe } from './connection-probes.js';
export { ConnectionsModule } from './connections.module.js';
export { ConnectionsService } from './connections.service.js';
export {
  checkInput,
  checkOutput,
  messageOfRule,
  type GuardRailRule,
  type Violation,
} from './guardrails/check.js';
export { ConnectionGuardRail } from './guardrails/connection-guard-rail.entity.js';
export { GuardRail } from './guardrails/guard-rail.entity.js';
export { type RuleSet, type RuleSpec, type RuleType } from './guardrails/rule.js';
export { ConnectionSecret } from './secrets/connection-secret.entity.js';
export { type SessionSecrets } from './subtypes.js';
