import { generateKeyPairSync, sign } from 'node:crypto';
import { decodePublicKey, type EnvelopeSigner, type ServerKey, serverKeyOf } from '#libs/protocol/index';

/** A server's key, for tests. */
export interface TestKey extends EnvelopeSigner {
  readonly told: ServerKey;
}

export function newSigningKey(): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const decoded = decodePublicKey(publicKey.export({ type: 'spki', format: 'pem' }).toString());
  if (decoded === null) throw new Error('unreachable');
  return { keyId: decoded.id, told: serverKeyOf(decoded), sign: (bytes) => sign(null, bytes, privateKey) };
}
