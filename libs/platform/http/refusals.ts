import { applyDecorators, type Type } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';

/** Why a handler may refuse: there is none; it stands in the way of another; a field breaks a rule. */
const STATUSES = { missing: 404, conflict: 409, invalid: 422 } as const;

type Refusal = keyof typeof STATUSES;

/**
 * For the handlers of one controller: a decorator that describes their refusals.
 * @param error what a refusal looks like in this dialect
 * @param words by reason, for people
 */
export function refusals<Known extends Refusal>(
  error: Type,
  words: Readonly<Record<Known, string>>,
): (...reasons: Known[]) => MethodDecorator {
  return (...reasons) =>
    applyDecorators(
      ...reasons.map((reason) =>
        ApiResponse({ status: STATUSES[reason], type: error, description: words[reason] }),
      ),
    );
}
