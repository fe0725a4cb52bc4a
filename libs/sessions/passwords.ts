import { hash, verify } from '@node-rs/argon2';
import { randomBytes, randomInt } from 'node:crypto';

/** argon2id with OWASP's parameters: 19 MiB, two passes, one lane. */
const OPTIONS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

const CRITERIA =
  'Password does not meet required criteria: Must include 12 characters, at least 1 number (e.g. 0 - 9), and at least 1 symbol (e.g. &*#).';
const MAX_BYTES = 1024;

/** Says why a password is not good enough (Fleet's text), or null when it is. */
export function passwordProblem(password: string): string | null {
  const bytes = Buffer.byteLength(password);
  if (bytes > MAX_BYTES) return `Password is too long: at most ${MAX_BYTES} bytes.`;
  return bytes >= 12 && /\p{Nd}/u.test(password) && /[\p{P}\p{S}]/u.test(password) ? null : CRITERIA;
}

/** argon2id in its encoded form, salt and parameters included. */
export function hashPassword(password: string): Promise<string> {
  return hash(password, OPTIONS);
}

let decoy: Promise<string> | undefined;

/** Compares; without a stored hash it does the same work and says no, so that time tells nobody which accounts exist. */
export async function passwordMatches(stored: string | null, password: string): Promise<boolean> {
  decoy ??= hashPassword(randomBytes(16).toString('hex'));
  const matches = await verify(stored ?? (await decoy), password);
  return stored !== null && matches;
}

/** A password that meets the criteria and can be read aloud: no 0/O, 1/l/I. */
export function generatePassword(): string {
  const alphabet = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789';
  const group = (): string => Array.from({ length: 5 }, () => alphabet[randomInt(alphabet.length)]).join('');
  return `${group()}-${group()}-${group()}-${randomInt(10)}`;
}
