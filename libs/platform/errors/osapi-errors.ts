import { type DomainError, type ErrorCode } from './domain-error.js';
import { type ErrorAnswer, type ErrorDialect } from './error-dialect.js';

interface OsapiClass {
  readonly status: number;
  /** What to do, for errors that are about no field. */
  readonly details: string;
  /** Instead of the error's own text, where osapi's clients know another. */
  readonly error?: string;
}

const UNREADABLE = 'The request could not be read; /docs describes what is expected.';
const TOKEN = 'Send "Authorization: Bearer <token>" with a token of a login session or an API token.';
const RIGHTS = 'The role, or the limits of the token, do not allow this; an administrator can change them.';
const LATER = 'Try again later.';

/** osapi's statuses (`reference/osapi.md`, 2.3 and 10), one row per code. A rule that is broken is a 400 like all bad input. */
const OSAPI_ERRORS: Record<ErrorCode, OsapiClass> = {
  malformed: { status: 400, details: UNREADABLE },
  credentials_missing: { status: 401, error: 'Bearer token required', details: TOKEN },
  credentials_invalid: {
    status: 401,
    error: 'Invalid token: it is unknown, expired or withdrawn',
    details: TOKEN,
  },
  password_reset_required: { status: 401, details: 'Choose a new password first.' },
  login_failed: { status: 401, details: TOKEN },
  forbidden: { status: 403, details: RIGHTS },
  switched_off: { status: 403, details: 'An administrator has switched this off.' },
  permission_denied: { status: 403, details: 'An administrator has switched this off.' },
  not_found: { status: 404, details: 'It does not exist, or the caller may not see it.' },
  gone: { status: 410, details: 'It was there, and its time is over.' },
  method_not_allowed: { status: 405, details: 'The header Allow names the methods that are served here.' },
  already_exists: { status: 409, details: 'Choose another name.' },
  conflict: { status: 409, details: 'The present state does not allow this.' },
  invalid: { status: 400, details: UNREADABLE },
  invalid_unknown: { status: 400, details: 'What is named does not exist, or the caller may not see it.' },
  invalid_conflict: { status: 409, details: 'The present state does not allow this.' },
  refused: { status: 409, details: 'The present state does not allow this.' },
  role_refused: { status: 400, details: 'These roles make no sense.' },
  too_large: { status: 413, details: 'Send less.' },
  unsupported_media_type: { status: 415, details: 'Send JSON.' },
  rate_limited: { status: 429, details: LATER },
  unavailable: { status: 503, details: LATER },
  internal: { status: 500, details: "The server's log says more." },
};

/**
 * osapi's envelope `{ error, details, code }`, all three always filled. Its command line prints `error` alone, so that says what
 * happened; `details` says which fields that is about, or what to do.
 */
export class OsapiErrors implements ErrorDialect {
  readonly name = 'osapi';

  speaks(path: string): boolean {
    return /^\/(api\/)?node(\/|$)|^\/api\/(job|agent|facts)(\/|$)/i.test(path);
  }

  answer(error: DomainError): ErrorAnswer {
    const { status, details, error: text } = OSAPI_ERRORS[error.code];
    const fields = error.problems.filter(({ name }) => name !== 'base');
    return {
      status,
      headers: error.retryAfter === undefined ? {} : { 'Retry-After': String(error.retryAfter) },
      body: {
        error: text ?? (error.required === undefined ? textOf(error) : lacking(error.required)),
        details: fields.map(({ name, reason }) => `${name}: ${reason}`).join('; ') || details,
        code: status,
      },
    };
  }
}

function lacking(act: string): string {
  return `Insufficient permissions. Required: [${act}]`;
}

/** Never empty: an error without a text of its own is called by its code. */
function textOf(error: DomainError): string {
  return error.message.trim() || error.code.replaceAll('_', ' ');
}
