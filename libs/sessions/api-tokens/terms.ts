import { type Act, ACT_NAMES, type Caller, maySomewhere } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';

/**
 * The rights of a token that the caller asks for: those named, else all that the caller itself has.
 * @throws DomainError invalid (there is no such right); forbidden (the caller does not have it)
 */
export function rightsOf(caller: Caller, asked: readonly string[] | null | undefined): Act[] | null {
  if (asked === null || asked === undefined) return caller.rights && [...caller.rights];
  const unknown = asked.filter((name) => !ACT_NAMES.some((act) => act === name));
  if (unknown.length > 0) {
    const reason = `there is no right ${unknown.join(', ')}; rights are ${ACT_NAMES.join(', ')}`;
    throw new DomainError('invalid', { name: 'rights', reason });
  }
  const rights = ACT_NAMES.filter((act) => asked.includes(act));
  const lacking = rights.filter((act) => !maySomewhere(caller, act));
  if (lacking.length > 0) {
    const reason = `a token has no more rights than who makes it: you may not ${lacking.join(', ')}`;
    throw new DomainError('forbidden', { name: 'rights', reason });
  }
  return rights;
}

/** When a token is to expire, as a request says it: seconds from now, or a time in ISO 8601. */
export interface Expiry {
  readonly expires_in?: number | null;
  readonly expires_at?: string | null;
}

/**
 * @param limit when the token that asks expires: what it makes does not live longer; null: never
 * @returns null: never
 * @throws DomainError invalid
 */
export function expiryOf({ expires_in, expires_at }: Expiry, limit: Date | null, now: Date): Date | null {
  const refuse = (name: keyof Expiry, reason: string): never => {
    throw new DomainError('invalid', { name, reason });
  };
  const byDuration = expires_in !== null && expires_in !== undefined;
  const byTime = expires_at !== null && expires_at !== undefined;
  if (byDuration && byTime) refuse('expires_at', 'give either expires_in or expires_at');
  if (!byDuration && !byTime) return limit;
  const at = byDuration ? new Date(now.getTime() + expires_in * 1000) : new Date(expires_at ?? '');
  const name = byDuration ? 'expires_in' : 'expires_at';
  if (Number.isNaN(at.getTime())) refuse(name, 'must be a date and time in ISO 8601');
  if (at <= now) refuse(name, 'must be in the future');
  if (limit !== null && at > limit)
    refuse(name, `a token makes none that outlives it: at the latest ${limit.toISOString()}`);
  return at;
}
