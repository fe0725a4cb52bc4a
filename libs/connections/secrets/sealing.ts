import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

/** What a sealed secret is bound to: the same bytes in another row are refused. */
export interface SecretPlace {
  readonly connectionId: string;
  /** `envvar:NAME` or `filesystem:NAME`. */
  readonly name: string;
}

/** A key with a name that may be stored beside what it has sealed. */
export interface SecretKey {
  readonly id: string;
  /** 32 bytes. */
  readonly bytes: Buffer;
}

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Names a key without a word about it. */
export function secretKey(bytes: Buffer): SecretKey {
  const id = createHash('sha256').update('muster secrets key\0').update(bytes).digest('hex').slice(0, 16);
  return { id, bytes };
}

/** AES-256-GCM: version, nonce, tag, then the text. */
export function seal(key: SecretKey, place: SecretPlace, secret: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce).setAAD(boundTo(place));
  const text = Buffer.concat([cipher.update(secret), cipher.final()]);
  return Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), text]);
}

/** null: sealed with another key, for another place, or changed since. */
export function open(key: SecretKey, place: SecretPlace, sealed: Buffer): Buffer | null {
  const start = 1 + NONCE_BYTES + TAG_BYTES;
  if (sealed.length < start || sealed[0] !== VERSION) return null;
  const decipher = createDecipheriv('aes-256-gcm', key.bytes, sealed.subarray(1, 1 + NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
    .setAAD(boundTo(place))
    .setAuthTag(sealed.subarray(1 + NONCE_BYTES, start));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(start)), decipher.final()]);
  } catch {
    return null;
  }
}

function boundTo({ connectionId, name }: SecretPlace): Buffer {
  return Buffer.from(`muster connection secret\0${connectionId.toLowerCase()}\0${name}`);
}
