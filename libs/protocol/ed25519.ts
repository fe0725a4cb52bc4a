import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';

/** Bytes of a public key, and of a signature. */
export const PUBLIC_KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;

/** What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** A public key by its id, as answers and files name it. */
export interface PublicKey {
  /** `publicKeyId` of `publicKey`. */
  readonly id: string;
  /** The 32 bytes of an Ed25519 key. */
  readonly publicKey: Buffer;
}

/** The first 16 hexadecimal digits of the SHA-256 of a raw public key. */
export function publicKeyId(publicKey: Uint8Array): string {
  return createHash('sha256').update(publicKey).digest('hex').slice(0, 16);
}

/** @param text 32 bytes in base64 or base64url, or a PEM `PUBLIC KEY`; null: it is no Ed25519 public key */
export function decodePublicKey(text: string): PublicKey | null {
  const publicKey = text.includes('-----BEGIN') ? fromPem(text) : fromBase64(text.trim());
  return publicKey && { id: publicKeyId(publicKey), publicKey };
}

/** The 32 bytes of a public (or of a private key's public) Ed25519 key; null: it is of another kind. */
export function rawPublicKey(key: KeyObject): Buffer | null {
  if (key.asymmetricKeyType !== 'ed25519') return null;
  const spki = (key.type === 'private' ? createPublicKey(key) : key).export({ type: 'spki', format: 'der' });
  return spki.subarray(SPKI_PREFIX.length);
}

/** A raw public key as `node:crypto` takes it; to be made once where much is verified. */
export function publicKeyObject(publicKey: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' });
}

/** @param key raw, or made by `publicKeyObject`. Never throws: what makes no sense is no signature */
export function verifySignature(
  key: Uint8Array | KeyObject,
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    return verify(null, bytes, key instanceof Uint8Array ? publicKeyObject(key) : key, signature);
  } catch {
    return false;
  }
}

function fromBase64(text: string): Buffer | null {
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return null;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === PUBLIC_KEY_BYTES ? bytes : null;
}

function fromPem(text: string): Buffer | null {
  try {
    return rawPublicKey(createPublicKey(text));
  } catch {
    return null;
  }
}
