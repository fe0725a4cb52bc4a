interface Schema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false };
}

/**
 * A reader that remembers its last answer: what goes to all hosts is one object (see `EventReader`), and checking it
 * against its schema for each of them would cost more than all else that they do with it. Null: it does not fit.
 */
export function readOnce<T>(schema: Schema<T>): (body: unknown) => T | null {
  let lastBody: unknown;
  let last: T | null = null;
  return (body) => {
    if (body !== lastBody || typeof body !== 'object') {
      const parsed = schema.safeParse(body);
      last = parsed.success ? parsed.data : null;
      lastBody = body;
    }
    return last;
  };
}
