import { DomainError } from '#libs/platform/errors/index';

const EXCERPT = 24;

/** What is wrong with a selector, and where. */
export class SelectorProblem extends Error {
  /** @param at from 0 */
  constructor(
    readonly at: number,
    readonly reason: string,
  ) {
    super(reason);
  }
}

/** The field that every dialect's selectors stand in. */
export const FIELD = 'target';

/** `at character 7 ("%% or …"): expected …` */
export function malformedSelector(text: string, { at, reason }: SelectorProblem): DomainError {
  const rest = text.slice(at, at + EXCERPT);
  const there =
    at >= text.length
      ? 'at the end'
      : `at character ${at + 1} (${JSON.stringify(rest)}${text.length > at + EXCERPT ? '…' : ''})`;
  return new DomainError('malformed', { name: FIELD, reason: `${there}: ${reason}` });
}

/** In osapi's words. @param more what else there is to say */
export function unknownTarget(target: string, more = ''): DomainError {
  const short = target.length > 200 ? `${target.slice(0, 200)}…` : target;
  return new DomainError('invalid_unknown', {
    name: FIELD,
    reason: `target agent "${short}" not found${more}`,
  });
}
