/**
 * JSON in one form only: keys sorted by code units, no spaces, what is undefined left out. Whoever says the same thing says the same bytes.
 * @throws TypeError for what JSON cannot say (bytes, NaN, functions), which would otherwise be signed as something else
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return JSON.stringify(value);
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (isPlain(value)) return `{${members(value).join(',')}}`;
  throw new TypeError(`${Object.prototype.toString.call(value)} has no canonical form`);
}

function members(value: Record<string, unknown>): string[] {
  return Object.keys(value)
    .sort()
    .flatMap((key) =>
      value[key] === undefined ? [] : `${JSON.stringify(key)}:${canonicalJson(value[key])}`,
    );
}

// Not by its constructor: objects may come from another realm (a test runner's).
function isPlain(value: unknown): value is Record<string, unknown> {
  return Object.prototype.toString.call(value) === '[object Object]';
}
