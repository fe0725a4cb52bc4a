/**
 * What can go wrong, without a word about HTTP: each dialect's table turns a code into its status and envelope.
 * - `malformed`: the request cannot be read at all (JSON, types, query string)
 * - `invalid`: readable, but breaks a rule; `invalid_unknown` and `invalid_conflict` are the same for a named field
 *   whose value refers to something absent, or clashes with what is there
 * - `role_refused`: roles that make no sense, with a number that says how
 * - `permission_denied`: nobody may, whatever their role, because an administrator has switched it off; said without detail
 * - `gone`: it was there, and its time is over
 * - `refused`: well formed and allowed, yet the thing asked about cannot do it now
 * - `internal`: nobody foresaw it; the server's log says more
 */
export const ERROR_CODES = [
  'malformed',
  'credentials_missing',
  'credentials_invalid',
  'login_failed',
  'password_reset_required',
  'forbidden',
  'switched_off',
  'permission_denied',
  'not_found',
  'gone',
  'method_not_allowed',
  'already_exists',
  'conflict',
  'invalid',
  'invalid_unknown',
  'invalid_conflict',
  'refused',
  'role_refused',
  'too_large',
  'unsupported_media_type',
  'rate_limited',
  'unavailable',
  'internal',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** One complaint about one field; `base` when it is about the request as a whole. */
export interface FieldProblem {
  readonly name: string;
  readonly reason: string;
}

/** The error that services throw. `message` says what happened and what to do, in words for people. */
export class DomainError extends Error {
  override readonly name = 'DomainError';
  readonly problems: readonly FieldProblem[];
  /** Seconds after which trying again makes sense. */
  readonly retryAfter: number | undefined;
  /** Tells errors of one code apart, where a dialect has numbers for them. */
  readonly number: number | undefined;
  /** The same, for dialects that have words of their own: `already_running`. */
  readonly word: string | undefined;
  /** The act that the caller has no right to, where that is all there is to say; for dialects that name it. */
  readonly required: string | undefined;

  constructor(
    readonly code: ErrorCode,
    problem: string | FieldProblem | readonly FieldProblem[],
    options: {
      retryAfter?: number;
      number?: number;
      word?: string;
      required?: string;
      cause?: unknown;
    } = {},
  ) {
    const problems =
      typeof problem === 'string'
        ? [{ name: 'base', reason: problem }]
        : Array.isArray(problem)
          ? problem
          : [problem as FieldProblem];
    super((problems as readonly FieldProblem[]).map((p) => p.reason).join('; '), { cause: options.cause });
    this.problems = problems as readonly FieldProblem[];
    this.retryAfter = options.retryAfter;
    this.number = options.number;
    this.word = options.word;
    this.required = options.required;
  }
}

/** `Host 7 was not found in the datastore`: Fleet's words, good enough for all. */
export function notFound(kind: string, id?: string | number): DomainError {
  return new DomainError(
    'not_found',
    `${kind} ${id === undefined ? '' : `${id} `}was not found in the datastore`,
  );
}
