import { isDeepStrictEqual } from 'node:util';

export const SPEC_KINDS = [
  'query',
  'pack',
  'label',
  'policy',
  'team',
  'enroll_secret',
  'script_instance',
] as const;
export type SpecKind = (typeof SPEC_KINDS)[number];

/** What applying a spec does to the object that bears its name. */
export interface SpecChange {
  readonly kind: SpecKind;
  readonly name: string;
  /** Of kinds that belong to teams; empty: to none. */
  readonly team?: string;
  readonly change: 'added' | 'changed' | 'unchanged';
  /** Those that differ, in the keys of the spec; `old` is null for what is added. No secrets. */
  readonly fields: Readonly<Record<string, { readonly old: unknown; readonly new: unknown }>>;
}

/** @param before as it stands; null: it does not exist */
export function compare<Spec extends { readonly name: string; readonly team?: string }>(
  kind: SpecKind,
  before: Spec | null,
  after: Spec,
): SpecChange {
  const [old, wanted] = [Object.entries(before ?? {}), Object.entries(after)].map(
    (entries) => new Map<string, unknown>(entries),
  ) as [Map<string, unknown>, Map<string, unknown>];
  const keys = [...new Set([...old.keys(), ...wanted.keys()])];
  const differing = keys.filter(
    (key) => before === null || !isDeepStrictEqual(old.get(key), wanted.get(key)),
  );
  const fields = differing.map(
    (key) => [key, { old: old.get(key) ?? null, new: wanted.get(key) ?? null }] as const,
  );
  return {
    kind,
    name: after.name,
    ...(after.team !== undefined && { team: after.team }),
    change: before === null ? 'added' : differing.length > 0 ? 'changed' : 'unchanged',
    fields: Object.fromEntries(fields),
  };
}

/** Of several specs with one key the last one counts, as if they had been applied one after another. */
export function lastOfEach<T extends { readonly key: string }>(specs: readonly T[]): T[] {
  return [...new Map(specs.map((spec) => [spec.key, spec])).values()];
}
