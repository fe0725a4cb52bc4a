import { z } from 'zod';
import { DomainError, type FieldProblem } from '../errors/index.js';

const MOST_PROBLEMS = 20;

/** How a body looks, for the OpenAPI document. */
export function bodySchema(schema: z.ZodType): object {
  return z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input', unrepresentable: 'any' });
}

/**
 * Bodies whose keys and lists go deeper than DTO classes can name well.
 * @throws DomainError malformed, naming each field (`specs[2].interval`), at most twenty
 */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw new DomainError('malformed', parsed.error.issues.flatMap(explain).slice(0, MOST_PROBLEMS));
}

function explain(issue: z.core.$ZodIssue): FieldProblem[] {
  const path = pathOf(issue.path);
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      name: pathOf([...issue.path, key]),
      reason: `unsupported key provided: "${key}"`,
    }));
  // Where a schema has words of its own, these are better.
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input'))
    return [
      {
        name: path,
        reason: `invalid value type at '${path}': expected ${issue.expected} but got ${typeOf(issue.input)}`,
      },
    ];
  return [{ name: path, reason: issue.message }];
}

function pathOf(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return text.replace(/^\./, '') || 'base';
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'nothing';
  return Array.isArray(value) ? 'array' : typeof value;
}
