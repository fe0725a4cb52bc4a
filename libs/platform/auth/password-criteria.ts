const CRITERIA =
  'Password does not meet required criteria: Must include 12 characters, at least 1 number (e.g. 0 - 9), and at least 1 symbol (e.g. &*#).';
const MAX_BYTES = 1024;

/** Says why a password is not good enough (Fleet's text), or null when it is. */
export function passwordProblem(password: string): string | null {
  const bytes = Buffer.byteLength(password);
  if (bytes > MAX_BYTES) return `Password is too long: at most ${MAX_BYTES} bytes.`;
  return bytes >= 12 && /\p{Nd}/u.test(password) && /[\p{P}\p{S}]/u.test(password) ? null : CRITERIA;
}
