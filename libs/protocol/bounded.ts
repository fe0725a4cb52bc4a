import { z } from 'zod';

/*
 * Lists and maps of the messages that come from the other side. zod's own go through all of a list and make an error for each element that is
 * wrong, and check its length last: four megabytes of `[0,0,0…` would become a million errors. These look at the size first and end at the first
 * thing that is wrong.
 */

/** A list of at most so many, whose first bad element is its only error. */
export function listOf<T extends z.ZodType>(
  item: T,
  max: number,
  min = 0,
): z.ZodType<z.output<T>[], z.input<T>[]> {
  return z.unknown().transform((value, context) => {
    if (!Array.isArray(value)) return refuse(context, 'must be a list');
    if (value.length > max || value.length < min)
      return refuse(context, `must have ${min} to ${max} elements`);
    const read: z.output<T>[] = [];
    for (let i = 0; i < value.length; i++) {
      const parsed = item.safeParse(value[i]);
      if (!parsed.success) return passOn(context, i, parsed.error);
      read.push(parsed.data);
    }
    return read;
  }) as unknown as z.ZodType<z.output<T>[], z.input<T>[]>;
}

/** A map of at most so many, whose first bad key or value is its only error. */
export function mapOf<K extends z.ZodType<string, string>, V extends z.ZodType>(
  key: K,
  value: V,
  max: number,
): z.ZodType<Record<string, z.output<V>>, Record<string, z.input<V>>> {
  return z.unknown().transform((given, context) => {
    if (typeof given !== 'object' || given === null || Array.isArray(given))
      return refuse(context, 'must have keys and values');
    const entries = Object.entries(given);
    if (entries.length > max) return refuse(context, `must have at most ${max} keys`);
    const read: [string, z.output<V>][] = [];
    for (const [name, each] of entries) {
      const [parsedKey, parsed] = [key.safeParse(name), value.safeParse(each)];
      if (!parsedKey.success) return passOn(context, name.slice(0, 100), parsedKey.error);
      if (!parsed.success) return passOn(context, name.slice(0, 100), parsed.error);
      read.push([parsedKey.data, parsed.data]);
    }
    return Object.fromEntries(read);
  }) as unknown as z.ZodType<Record<string, z.output<V>>, Record<string, z.input<V>>>;
}

/** Rows of an answer. Looked at by hand: there may be a hundred thousand values. */
export const Rows = z.custom<(string | null)[][]>(
  (value) => Array.isArray(value) && value.every(isRow),
  'must be rows of texts and nulls',
);

function isRow(row: unknown): boolean {
  return Array.isArray(row) && row.every((value) => value === null || typeof value === 'string');
}

function refuse(context: z.core.$RefinementCtx, message: string): never {
  context.issues.push({ code: 'custom', message, input: undefined });
  return z.NEVER;
}

function passOn(context: z.core.$RefinementCtx, at: PropertyKey, { issues: [first] }: z.ZodError): never {
  context.issues.push({
    code: 'custom',
    message: first?.message ?? 'is wrong',
    path: [at, ...(first?.path ?? [])],
    input: undefined,
  });
  return z.NEVER;
}
