import { type DomainError, type ErrorCode, type FieldProblem } from './domain-error.js';
import { type ErrorAnswer, type ErrorDialect } from './error-dialect.js';

interface HoopClass {
  readonly status: number;
  /** Instead of the error's own text, where hoop's clients know another. */
  readonly message?: string;
}

/**
 * hoop's statuses (`reference/hoop.md`, 2.3 and 6), one row per code. What cannot be decoded is 400, what breaks a rule 422; a name in
 * a body that means nothing (`connection X not found`) is 400, never 404.
 */
const HOOP_ERRORS: Record<ErrorCode, HoopClass> = {
  malformed: { status: 400 },
  credentials_missing: { status: 401, message: 'access denied' },
  credentials_invalid: { status: 401, message: 'access denied' },
  password_reset_required: { status: 401 },
  login_failed: { status: 401, message: 'access denied' },
  forbidden: { status: 403 },
  switched_off: { status: 403 },
  permission_denied: { status: 403 },
  not_found: { status: 404 },
  gone: { status: 410 },
  method_not_allowed: { status: 405 },
  already_exists: { status: 409 },
  conflict: { status: 409 },
  invalid: { status: 422 },
  invalid_unknown: { status: 400 },
  invalid_conflict: { status: 409 },
  refused: { status: 422 },
  role_refused: { status: 422 },
  too_large: { status: 413 },
  unsupported_media_type: { status: 415 },
  rate_limited: { status: 429 },
  unavailable: { status: 503 },
  internal: { status: 500, message: "internal error; the server's log says more" },
};

/** hoop's envelope: `{ "message" }`, and nothing else. */
export class HoopErrors implements ErrorDialect {
  readonly name = 'hoop';

  speaks(path: string): boolean {
    return /^\/api\/(sessions|connections|reviews|guardrails|agents)(\/|$)/i.test(path);
  }

  answer(error: DomainError): ErrorAnswer {
    const { status, message } = HOOP_ERRORS[error.code];
    return {
      status,
      headers: error.retryAfter === undefined ? {} : { 'Retry-After': String(error.retryAfter) },
      body: { message: message ?? textOf(error) },
    };
  }
}

/** hoop's words where it refuses a role; a rule of ours that refuses says so by itself. Never empty. */
function textOf(error: DomainError): string {
  if (error.code === 'forbidden' && error.message === 'forbidden')
    return error.required === undefined
      ? 'access denied'
      : `access denied: the right ${error.required} is needed`;
  return error.problems.map(inWords).join('; ').trim() || error.code.replaceAll('_', ' ');
}

/** The envelope has no place for the field: it is named in the text, unless the reason does so. */
function inWords({ name, reason }: FieldProblem): string {
  return name === 'base' || reason === '' || reason.includes(name) ? reason : `${name} ${reason}`;
}
