import { randomUUID } from 'node:crypto';
import { type DomainError, type ErrorCode } from './domain-error.js';
import { type ErrorAnswer, type ErrorDialect } from './error-dialect.js';

interface FleetClass {
  readonly status: number;
  /** Fleet's class text; absent where Fleet shows the error's own text. */
  readonly message?: string;
  readonly uuid: boolean;
  /** The message and a code, no list of errors. */
  readonly bare?: true;
}

/** Fleet's error classes (`reference/fleet.md`, section 1), one row per code. */
const FLEET_ERRORS: Record<ErrorCode, FleetClass> = {
  malformed: { status: 400, message: 'Bad request', uuid: true },
  credentials_missing: { status: 401, message: 'Authorization header required', uuid: true },
  credentials_invalid: { status: 401, message: 'Authentication required', uuid: true },
  password_reset_required: { status: 401, message: 'password reset required', uuid: true },
  login_failed: { status: 401, message: 'Authentication failed', uuid: true },
  forbidden: { status: 403, message: 'forbidden', uuid: true },
  switched_off: { status: 403, message: 'Forbidden', uuid: true },
  permission_denied: { status: 403, message: 'Permission Denied', uuid: true, bare: true },
  not_found: { status: 404, message: 'Resource Not Found', uuid: false },
  gone: { status: 410, uuid: false },
  method_not_allowed: { status: 405, message: 'Method Not Allowed', uuid: false },
  already_exists: { status: 409, message: 'Resource Already Exists', uuid: true },
  conflict: { status: 409, uuid: false },
  invalid: { status: 422, message: 'Validation Failed', uuid: true },
  invalid_unknown: { status: 404, message: 'Validation Failed', uuid: false },
  invalid_conflict: { status: 409, message: 'Validation Failed', uuid: false },
  refused: { status: 422, message: 'Unprocessable Entity', uuid: true },
  role_refused: { status: 422, uuid: true, bare: true },
  too_large: { status: 413, message: 'Payload Too Large', uuid: true },
  unsupported_media_type: { status: 415, message: 'Unsupported Media Type', uuid: true },
  rate_limited: { status: 429, uuid: false },
  unavailable: { status: 503, message: 'Service Unavailable', uuid: true },
  internal: { status: 500, message: 'Internal error; the server log says more.', uuid: false },
};

/** The envelope of Fleet, and of everything that no other dialect claims. */
export class FleetErrors implements ErrorDialect {
  readonly name = 'fleet';

  speaks(): boolean {
    return true;
  }

  answer(error: DomainError): ErrorAnswer {
    const { status, message = error.message, uuid, bare } = FLEET_ERRORS[error.code];
    return {
      status,
      headers: error.retryAfter === undefined ? {} : { 'Retry-After': String(error.retryAfter) },
      body: {
        message,
        ...(error.number !== undefined && { code: error.number }),
        ...(!bare && { errors: error.problems }),
        ...(uuid && { uuid: randomUUID() }),
      },
    };
  }
}
