/** Keys of 32 bytes in base64, apart by commas or white space; null: they are none. */
export function decodeSecretsKeys(text: string): readonly Buffer[] | null {
  const keys = text.split(/[\s,]+/).filter((part) => part !== '');
  if (keys.length === 0 || !keys.every((key) => /^[A-Za-z0-9+/]{43}=$/.test(key))) return null;
  return keys.map((key) => Buffer.from(key, 'base64'));
}
