import { createHash, randomBytes } from 'node:crypto';

/** A fresh token: 64 random bytes in base64, 88 characters, as Fleet's. */
export function createToken(): string {
  return randomBytes(64).toString('base64');
}

/** What is kept of a token. It has 512 random bits, so a plain hash is enough. */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
