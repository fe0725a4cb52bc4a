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
 * `{ message, errors: [{ name, reason }] }` as one line: "message: reason (field)".
 * @returns undefined where the body is something else: a proxy's page, say
 */
export function describeEnvelope(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !('message' in body) || typeof body.message !== 'string')
    return undefined;
  const errors =
    'errors' in body && Array.isArray(body.errors) ? (body.errors as (EnvelopeError | null)[]) : [];
  const reasons = errors.flatMap((each) => {
    if (typeof each?.reason !== 'string' || each.reason === '') return [];
    const field =
      typeof each.name === 'string' && each.name !== '' && each.name !== 'base' ? each.name : undefined;
    if (!field)
      return each.reason.toLowerCase() === (body.message as string).toLowerCase() ? [] : [each.reason];
    return [`${each.reason} (${field})`];
  });
  return reasons.length > 0 ? `${body.message}: ${reasons.join('; ')}` : body.message;
}
