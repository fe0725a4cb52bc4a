import { createHash, randomBytes } from 'node:crypto';

/** A fresh node key: 32 random bytes, URL-safe. */
export function createNodeKey(): string {
  return randomBytes(32).toString('base64url');
}

/** What is kept of a node key. It has 256 random bits, so a plain hash is enough. */
export function hashNodeKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
