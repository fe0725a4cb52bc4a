import { createHash } from 'node:crypto';

/** Names a set of hosts: SHA-256, in hex, of their ids in order, with commas between them. */
export function digestOfHosts(ids: readonly number[]): string {
  const sorted = [...ids].sort((a, b) => a - b);
  return createHash('sha256').update(sorted.join(',')).digest('hex');
}
