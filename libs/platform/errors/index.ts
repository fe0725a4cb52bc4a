export { DomainError, ERROR_CODES, type ErrorCode, type FieldProblem, notFound } from './domain-error.js';
export { type ErrorAnswer, type ErrorDialect } from './error-dialect.js';
export { FleetErrors } from './fleet-errors.js';
export { HoopErrors } from './hoop-errors.js';
export { OsapiErrors } from './osapi-errors.js';
export { RpcErrors } from './rpc-errors.js';
