import { type DomainError, type ErrorCode } from './domain-error.js';
import { type ErrorAnswer, type ErrorDialect } from './error-dialect.js';

interface RpcClass {
  readonly status: number;
  /** The word for it, unless the error has one of its own. */
  readonly code: string;
  /** Instead of the error's own text. */
  readonly message?: string;
}

const TOKEN =
  'Send the header apikey, or "Authorization: Bearer", with a token of a login session or an API token.';

/** RipEX2's statuses (`reference/ripex2.md`, In Muster), one row per code. Params that make no sense are 400, each named. */
const RPC_ERRORS: Record<ErrorCode, RpcClass> = {
  malformed: { status: 400, code: 'invalid_params' },
  credentials_missing: { status: 401, code: 'unauthorized', message: TOKEN },
  credentials_invalid: {
    status: 401,
    code: 'unauthorized',
    message: `The token is unknown, expired or withdrawn. ${TOKEN}`,
  },
  password_reset_required: { status: 401, code: 'password_reset_required' },
  login_failed: { status: 401, code: 'unauthorized' },
  forbidden: { status: 403, code: 'forbidden' },
  switched_off: { status: 403, code: 'switched_off' },
  permission_denied: { status: 403, code: 'forbidden' },
  not_found: { status: 404, code: 'not_found' },
  method_not_allowed: { status: 405, code: 'method_not_allowed' },
  gone: { status: 410, code: 'gone' },
  already_exists: { status: 409, code: 'already_exists' },
  conflict: { status: 409, code: 'conflict' },
  invalid: { status: 400, code: 'invalid_params' },
  invalid_unknown: { status: 400, code: 'not_found' },
  invalid_conflict: { status: 409, code: 'conflict' },
  refused: { status: 409, code: 'conflict' },
  role_refused: { status: 400, code: 'invalid_params' },
  too_large: { status: 413, code: 'too_large' },
  unsupported_media_type: { status: 415, code: 'unsupported_media_type' },
  rate_limited: { status: 429, code: 'rate_limited' },
  unavailable: { status: 503, code: 'unavailable' },
  internal: { status: 500, code: 'internal', message: "internal error; the server's log says more" },
};

/** `{ "error": { "code", "message", "field"? } }`: `code` is a word, `field` the first param that it is about. */
export class RpcErrors implements ErrorDialect {
  readonly name = 'rpc';

  speaks(path: string): boolean {
    return /^\/api\/rpc(\/|$)/i.test(path);
  }

  answer(error: DomainError): ErrorAnswer {
    const { status, code, message } = RPC_ERRORS[error.code];
    const field = error.problems.find(({ name }) => name !== 'base')?.name;
    return {
      status,
      headers: error.retryAfter === undefined ? {} : { 'Retry-After': String(error.retryAfter) },
      body: {
        error: {
          code: error.word ?? code,
          message: message ?? textOf(error),
          ...(field !== undefined && { field }),
        },
      },
    };
  }
}

/** Every param that is wrong is named in it. Never empty. */
function textOf(error: DomainError): string {
  if (error.code === 'forbidden' && error.message === 'forbidden')
    return error.required === undefined
      ? 'access denied'
      : `access denied: the right ${error.required} is needed`;
  const said = error.problems.map(({ name, reason }) =>
    name === 'base' || reason.includes(name) ? reason : `${name}: ${reason}`,
  );
  return said.join('; ').trim() || error.code.replaceAll('_', ' ');
}
