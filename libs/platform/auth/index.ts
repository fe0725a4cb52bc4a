export {
  type Act,
  ACT_NAMES,
  ACTS,
  reachesAnyTeam,
  type Role,
  roleAllows,
  ROLES,
  teamRoleAllows,
  teamRoleAllowsGlobally,
} from './access.js';
export {
  ACT_KEY,
  Allow,
  AuthGuard,
  BeforeSetup,
  DuringPasswordReset,
  Public,
  PUBLIC_KEY,
} from './auth.guard.js';
export {
  type AllowedCommand,
  allowedCommandProblem,
  allowsCommand,
  type CommandLine,
} from './allowed-commands.js';
export { Authenticator } from './authenticator.js';
export { rateLimited, RequestLimiter } from './request-limiter.js';
export { RequestLimitsModule } from './request-limits.module.js';
export { type SignerKey, SignerKeys } from './signer-keys.js';
export { passwordProblem } from './password-criteria.js';
export {
  addressOf,
  type Caller,
  callerOf,
  ClientAddress,
  CurrentCaller,
  hasRight,
  may,
  maySomewhere,
  require,
  teamsWhere,
} from './caller.js';
export {
  agentLabel,
  labelWithin,
  scopeAdmits,
  scopeReaches,
  type TokenLimits,
  type TokenScope,
} from './token-scope.js';
