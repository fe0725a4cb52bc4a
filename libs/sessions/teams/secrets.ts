import { randomBytes } from 'node:crypto';
import { DomainError, type FieldProblem } from '#libs/platform/errors/index';

const MAX_SECRETS = 50;
const MAX_SECRET_LENGTH = 255;

/** A new enroll secret: 32 characters. */
export function createSecret(): string {
  return randomBytes(24).toString('base64');
}

/** Says nothing about whose it is, nor what. @param name the field that holds it */
export function secretTaken(name = 'secrets'): DomainError {
  return new DomainError('already_exists', { name, reason: 'secret "********" already exists' });
}

/**
 * Enroll secrets as they may be stored: at most 50, each once.
 * @param name the field that holds them
 * @throws DomainError invalid; already_exists
 */
export function checkSecrets(given: readonly { readonly secret: string }[], name = 'secrets'): string[] {
  const secrets = given.map(({ secret }) => secret);
  const problems: FieldProblem[] = [];
  const complain = (reason: string): unknown => problems.push({ name, reason });
  if (secrets.length > MAX_SECRETS) complain('too many secrets');
  if (secrets.includes('')) complain('enroll secret must not be empty');
  if (secrets.some((secret) => secret.length > MAX_SECRET_LENGTH))
    complain(`an enroll secret has at most ${MAX_SECRET_LENGTH} characters`);
  if (problems.length > 0) throw new DomainError('invalid', problems);
  if (new Set(secrets).size < secrets.length) throw secretTaken(name);
  return secrets;
}
