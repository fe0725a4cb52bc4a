/** A route of the kernel's IPv4 table as /proc/net/fib_trie has it: there without its interface. */
export interface TrieRoute {
  readonly destination: string;
  readonly prefix: number;
  readonly scope: string;
  /** UNICAST, LOCAL, BROADCAST… */
  readonly type: string;
}

/** What the tables have, each route once, even where the kernel shows the same table under two names. */
export function* parseTrie(lines: Iterable<string>): Iterable<TrieRoute> {
  const seen = new Set<string>();
  let destination = '';
  for (const line of lines) {
    const leaf = /^\s*\|-- (\S+)$/.exec(line)?.[1];
    if (leaf !== undefined) {
      destination = leaf;
      continue;
    }
    const [, prefix, scope = '', type = ''] = /^\s*\/(\d+) (\S+) (\S+)/.exec(line) ?? [];
    if (prefix === undefined) continue;
    const key = `${destination}/${prefix} ${scope} ${type}`;
    if (seen.has(key)) continue;
    seen.add(key);
    yield { destination, prefix: Number(prefix), scope, type };
  }
}
