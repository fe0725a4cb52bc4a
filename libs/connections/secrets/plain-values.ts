/** What says where something is, and as whom, is no secret by itself. */
const PLAIN_NAME =
  /^(?:.*_|PG|SQLCMD|MYSQL|REDIS|MONGO)?(HOST|HOSTNAME|SERVER|PORT|USER|USERNAME|DB|DBNAME|DATABASE|SCHEMA|SID|SSLMODE|REGION)$/i;
/** Names, addresses, words: nothing that could hold a password beside them, as an address with one does. */
const PLAIN_VALUE = /^[\w.:@[\]-]{1,255}$/;
const PORT = /^\d{1,5}$/;

/**
 * Whether a variable is one of those that hoop's clients keep among the secrets though it is none: `HOST`, `PORT`, `PGUSER`,
 * `DB_NAME`… Masked, they would make holes in every output.
 */
export function looksPlain(name: string, value: string): boolean {
  const [, kind] = PLAIN_NAME.exec(name) ?? [];
  if (kind === undefined) return false;
  return kind.toUpperCase() === 'PORT' ? PORT.test(value) : PLAIN_VALUE.test(value);
}

/** A secret that is shorter than this is not masked: it stands in everything. */
const SHORTEST_SECRET = 4;

/**
 * Which variables are no secrets.
 * @param env all that a process gets
 * @param open names of those that were given as no secrets
 * @returns their names; what holds the value of a secret is none of them, whatever it is called
 */
export function plainNames(
  env: Readonly<Record<string, string>>,
  open: ReadonlySet<string>,
): ReadonlySet<string> {
  const entries = Object.entries(env);
  const plain = entries.filter(([name, value]) => open.has(name) || looksPlain(name, value));
  const names = new Set(plain.map(([name]) => name));
  const secrets = entries
    .filter(([name, value]) => !names.has(name) && value.length >= SHORTEST_SECRET)
    .map(([, value]) => value);
  for (const [name, value] of plain) if (secrets.some((secret) => value.includes(secret))) names.delete(name);
  return names;
}
