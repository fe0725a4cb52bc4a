import { createPrivateKey, type KeyObject } from 'node:crypto';

/**
 * Ed25519 private keys (PKCS8): as PEM one after the other, or as base64 apart by commas or white space; null: they are none.
 * In PEM `\n` may stand for the ends of lines, as in files of environments.
 */
export function decodeSigningKeys(text: string): readonly KeyObject[] | null {
  const parts = text.includes('-----BEGIN')
    ? (text.replaceAll('\\n', '\n').match(/-----BEGIN [^-]+-----[^-]*-----END [^-]+-----/g) ?? [])
    : text.split(/[\s,]+/).filter((part) => part !== '');
  const keys = parts.map(decode);
  return keys.length > 0 && keys.every((key) => key !== null) ? keys : null;
}

function decode(text: string): KeyObject | null {
  try {
    const key = text.startsWith('-----')
      ? createPrivateKey(text)
      : createPrivateKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'pkcs8' });
    return key.asymmetricKeyType === 'ed25519' ? key : null;
  } catch {
    return null;
  }
}
