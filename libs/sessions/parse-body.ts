import { type z } from 'zod';
import { DomainError, type FieldProblem } from '#libs/platform/errors/index';

/**
 * Bodies that are strict or whose keys are data, which DTO classes cannot describe.
 * @throws DomainError malformed, naming each field
 */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new DomainError('malformed', parsed.error.issues.flatMap(explain));
}

function explain(issue: z.core.$ZodIssue): FieldProblem[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      name: [...path, key].join('.'),
      reason: `unsupported key provided: "${key}"`,
    }));
  return [{ name: path.join('.') || 'base', reason: issue.message }];
}
