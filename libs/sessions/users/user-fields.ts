import { isEmail } from 'class-validator';
import { passwordProblem } from '#libs/platform/auth/index';
import { type FieldProblem } from '#libs/platform/errors/index';

/** What is wrong with a name; null when nothing is. Fleet's texts, here and below. */
export function nameProblem(name: string | null | undefined): FieldProblem | null {
  if (name === undefined || name === null) return { name: 'name', reason: 'Full name missing' };
  return name.trim() === '' ? { name: 'name', reason: 'Full name cannot be empty' } : null;
}

export function emailProblem(email: string | null | undefined): FieldProblem | null {
  const reason = ((): string | null => {
    if (email === undefined || email === null) return 'Email missing';
    if (email === '') return 'Email cannot be empty';
    return isEmail(email) ? null : 'must be an e-mail address';
  })();
  return reason === null ? null : { name: 'email', reason };
}

/**
 * @param name of the field that holds it
 * @param called what the field is called in a sentence
 */
export function newPasswordProblem(
  password: string | null | undefined,
  name: string,
  called: string,
): FieldProblem | null {
  const reason = ((): string | null => {
    if (password === undefined || password === null) return `${called} missing`;
    return password === '' ? `${called} cannot be empty` : passwordProblem(password);
  })();
  return reason === null ? null : { name, reason };
}

/** The complaints among these. */
export function problemsOf(...found: readonly (FieldProblem | null)[]): FieldProblem[] {
  return found.filter((problem) => problem !== null);
}
