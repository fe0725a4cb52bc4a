import { createHash, randomBytes } from 'node:crypto';

/** Tells API tokens from those of login sessions, and to scanners of source code what they have found. */
const API_TOKEN_PREFIX = 'muster_';

/** A fresh session token: 64 random bytes in base64, 88 characters, as Fleet's. */
export function createToken(): string {
  return randomBytes(64).toString('base64');
}

/** A fresh API token. */
export function createApiToken(): string {
  return `${API_TOKEN_PREFIX}${randomBytes(48).toString('base64url')}`;
}

/** True for what `createApiToken` makes; base64 holds no underscore. */
export function isApiToken(token: string): boolean {
  return token.startsWith(API_TOKEN_PREFIX);
}

/** What is kept of a token. It has hundreds of random bits, so a plain hash is enough. */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
