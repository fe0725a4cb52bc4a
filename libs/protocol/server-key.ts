import { type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { decodePublicKey, type PublicKey, publicKeyObject } from './ed25519.js';

/** The first 16 hexadecimal digits of the SHA-256 of a raw public key. */
export const KeyId = z.string().regex(/^[0-9a-f]{16}$/);

/** A public key that signs what the server says: Ed25519, the raw 32 bytes as base64. */
export const ServerKey = z.object({ id: KeyId, public_key: z.string().max(64) });
export type ServerKey = z.infer<typeof ServerKey>;

/** A public key as it is told to others. */
export function serverKeyOf({ id, publicKey }: PublicKey): ServerKey {
  return { id, public_key: publicKey.toString('base64') };
}

/** The key that these words stand for, to verify with; null when they make no sense, or the id is another key's. To be made once. */
export function publicKeyOf({ id, public_key }: ServerKey): KeyObject | null {
  const key = decodePublicKey(public_key);
  return key?.id === id ? publicKeyObject(key.publicKey) : null;
}
