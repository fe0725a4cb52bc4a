import { z } from 'zod';
import { DomainError } from '#libs/platform/errors/index';
import { parseBody } from '#libs/platform/http/index';
import { Limits } from '#libs/protocol/index';

export { bodySchema } from '#libs/platform/http/index';

const MOST_SPECS = 10_000;

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

/**
 * Bodies whose keys and lists go deeper than DTO classes can name well.
 * @throws DomainError malformed, naming each field (`specs[2].interval`), at most twenty
 */
export function parseSpecs<T>(schema: z.ZodType<T>, body: unknown): T {
  for (const [key, value] of Object.entries(body as object))
    if (Array.isArray(value) && value.length > MOST_SPECS)
      throw new DomainError('malformed', { name: key, reason: `at most ${MOST_SPECS} specs at once` });
  return parseBody(schema, body);
}
