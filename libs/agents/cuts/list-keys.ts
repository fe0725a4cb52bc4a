/** What the list of hosts can be in the order of, with the id behind it; each has an index that ends with the id. */
export const LIST_KEYS = ['id', 'hostname', 'uuid', 'created_at', 'enrolled_at'] as const;
export type ListKey = (typeof LIST_KEYS)[number];

export function isListKey(key: string): key is ListKey {
  return (LIST_KEYS as readonly string[]).includes(key);
}

/** SQL: comes before all that a host can be listed by. */
const LEAST: Readonly<Record<Exclude<ListKey, 'id'>, string>> = {
  hostname: `''`,
  uuid: `'00000000-0000-0000-0000-000000000000'::uuid`,
  created_at: `'-infinity'::timestamptz`,
  enrolled_at: `'-infinity'::timestamptz`,
};

/**
 * The columns that a list is in the order of.
 * @param id what the host's id is called there
 * @param least SQL for each column: what comes before all values
 */
export function orderOf(key: ListKey, id: 'id' | 'host_id'): { column: string; least: string }[] {
  const last = { column: id, least: '0' };
  return key === 'id' ? [last] : [{ column: key, least: LEAST[key] }, last];
}
