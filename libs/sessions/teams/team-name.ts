import { DomainError } from '#libs/platform/errors/index';

/** Fleet's names for the hosts of all teams, and of none. */
const RESERVED = ['all teams', 'no team'];

/**
 * The name as it is stored: without the blanks around it, composed (NFC).
 * @param field what holds it
 * @throws DomainError invalid
 */
export function checkTeamName(name: string | null | undefined, field = 'name'): string {
  const problem = ((): string | null => {
    if (name === undefined || name === null) return 'missing required argument';
    if (name.trim() === '') return 'may not be empty';
    return RESERVED.includes(name.trim().toLowerCase()) ? `"${name}" is a reserved team name` : null;
  })();
  if (problem !== null) throw new DomainError('invalid', { name: field, reason: problem });
  return (name ?? '').trim().normalize('NFC');
}
