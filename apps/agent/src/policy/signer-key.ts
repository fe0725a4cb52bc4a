const KEY_BYTES = 32;

/** The raw Ed25519 public key that a text (base64 or base64url) stands for; null: it is none. */
export function publicKeyOf(text: string): Buffer | null {
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return null;
  const key = Buffer.from(text, 'base64');
  return key.length === KEY_BYTES ? key : null;
}
