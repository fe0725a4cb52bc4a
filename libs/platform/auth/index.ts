export { type Act, ACTS, type GlobalRole, roleAllows, ROLES } from './access.js';
export { ACT_KEY, Allow, AuthGuard, BeforeSetup, Public, PUBLIC_KEY } from './auth.guard.js';
export { Authenticator } from './authenticator.js';
export { passwordProblem } from './password-criteria.js';
export { addressOf, type Caller, ClientAddress, CurrentCaller, may, require } from './caller.js';
