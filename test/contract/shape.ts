/**
 * An answer has the shape of a documented example when it has every key of the example, with a value of the same type;
 * it may have more. Times have to be RFC 3339 in UTC where the example's is.
 */
export function differences(example: unknown, answer: unknown, path = 'answer'): string[] {
  if (Array.isArray(example)) {
    if (!Array.isArray(answer)) return [`${path}: expected a list, got ${kindOf(answer)}`];
    return answer.flatMap((item, i) =>
      differences(example[Math.min(i, example.length - 1)], item, `${path}[${i}]`),
    );
  }
  if (typeof example === 'object' && example !== null) {
    if (typeof answer !== 'object' || answer === null || Array.isArray(answer))
      return [`${path}: expected an object, got ${kindOf(answer)}`];
    return Object.entries(example).flatMap(([key, value]) =>
      key in answer
        ? differences(value, (answer as Record<string, unknown>)[key], `${path}.${key}`)
        : [`${path}.${key} is missing`],
    );
  }
  // A documented null says only that there may be none.
  if (example === null) return [];
  if (kindOf(example) !== kindOf(answer))
    return [`${path}: expected ${kindOf(example)}, got ${kindOf(answer)}`];
  return [];
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a number';
  if (typeof value === 'string' && TIME.test(value)) return 'a time';
  return `a ${typeof value}`;
}
