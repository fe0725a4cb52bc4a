import { DomainError } from '#libs/platform/errors/index';

/** @throws DomainError malformed */
export function idempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined || /^[\x21-\x7e]{1,255}$/.test(header)) return header;
  throw new DomainError('malformed', {
    name: 'Idempotency-Key',
    reason: 'must have 1 to 255 visible ASCII characters',
  });
}
