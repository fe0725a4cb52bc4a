import { z } from 'zod';
import { DomainError, type FieldProblem } from '#libs/platform/errors/index';
import { Limits } from '#libs/protocol/index';

const MOST_SPECS = 10_000;
const MOST_PROBLEMS = 20;

const NUL = 'must not contain a NUL character';
/** A name, or words about something. */
export const text = (max: number): z.ZodString =>
  z
    .string()
    .max(max)
    .regex(/^[^\0]*$/, NUL);
export const name = text(255);
export const words = text(65_535);
export const sql = text(Limits.querySql);

/** Absent or null: something else. */
export function orElse<T extends z.ZodType>(
  schema: T,
  fallback: z.output<T>,
): z.ZodPipe<z.ZodOptional<z.ZodNullable<T>>, z.ZodTransform<z.output<T>, z.output<T> | null | undefined>> {
  return schema.nullish().transform((value) => value ?? fallback);
}

/** A list of names; absent, null: none. */
export const names = orElse(z.array(name), []);

/** The body of every apply: `specs`, a list; absent or null: nothing to do. */
export function specList<T extends z.ZodType>(spec: T): z.ZodType<{ specs: z.output<T>[] }> {
  return z.object({ specs: orElse(z.array(spec), []) });
}

/** How a body looks, for the OpenAPI document. */
export function bodySchema(schema: z.ZodType): object {
  return z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input', unrepresentable: 'any' });
}

/**
 * Bodies whose keys and lists go deeper than DTO classes can name well.
 * @throws DomainError malformed, naming each field (`specs[2].interval`), at most twenty
 */
export function parseSpecs<T>(schema: z.ZodType<T>, body: unknown): T {
  for (const [key, value] of Object.entries(body as object))
    if (Array.isArray(value) && value.length > MOST_SPECS)
      throw new DomainError('malformed', { name: key, reason: `at most ${MOST_SPECS} specs at once` });
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
