import { CliError } from '../errors.js';

/** The server said no; `message` is what to tell a person. */
export class ApiError extends CliError {
  override readonly name = 'ApiError';

  constructor(
    message: string,
    readonly status: number,
    /** The server's own words, without advice. */
    readonly serverMessage: string,
  ) {
    super(message);
  }
}

interface EnvelopeError {
  name?: unknown;
  reason?: unknown;
}

/**
 * An error in one line. Fleet's `{ message, errors: [{ name, reason }] }` becomes "message: reason (field)", osapi's
 * `{ error, details, code }` becomes "error: details", RipEX2's `{ error: { code, message } }` "message".
 * @returns undefined where the body is something else: a proxy's page, say
 */
export function describeEnvelope(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { message, errors, error, details } = body as Record<string, unknown>;
  if (typeof message === 'string') return withReasons(message, errors);
  if (typeof error === 'object' && error !== null) return describeEnvelope(error);
  if (typeof error !== 'string' || error === '') return undefined;
  if (typeof details !== 'string' || error.includes(details)) return error;
  return details.includes(error) ? details : `${error}: ${details}`;
}

function withReasons(message: string, errors: unknown): string {
  const list = Array.isArray(errors) ? (errors as (EnvelopeError | null)[]) : [];
  const reasons = list.flatMap((each) => {
    if (typeof each?.reason !== 'string' || each.reason === '') return [];
    const field =
      typeof each.name === 'string' && each.name !== '' && each.name !== 'base' ? each.name : undefined;
    if (!field) return each.reason.toLowerCase() === message.toLowerCase() ? [] : [each.reason];
    return [`${each.reason} (${field})`];
  });
  return reasons.length > 0 ? `${message}: ${reasons.join('; ')}` : message;
}
