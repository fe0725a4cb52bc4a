import { createHash } from 'node:crypto';
import { z } from 'zod';

/*
 * Which hosts a statement is for: the root of a Merkle tree over them, so that a statement for ten thousand hosts is as small as one for two, and
 * each host is shown that it is meant by at most 14 hashes.
 *
 *   leaf = SHA-256(0x00 ‖ 16 bytes of the uuid ‖ hostname, UTF-8)      leaves in ascending order, each once
 *   node = SHA-256(0x01 ‖ left ‖ right)                                of a level with an odd number the last goes up as it is
 *
 * The hostname stands in the leaf because a uuid is given by the server: one that lies could enrol a host again under the uuid of another. What a
 * host is called it knows by itself.
 */

/** A host as a statement knows it. */
export interface StatedHost {
  readonly uuid: string;
  readonly hostname: string;
}

/** The hashes beside the way from a leaf to the root, lowest first, each with the side it stands on: `l` or `r` and 64 hex digits. */
export const HostProof = z.array(z.string().regex(/^[lr][0-9a-f]{64}$/)).max(32);
export type HostProof = z.infer<typeof HostProof>;

const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);

/** The leaf of one host. */
export function hostLeaf({ uuid, hostname }: StatedHost): Buffer {
  const id = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  if (id.length !== 16) throw new TypeError(`"${uuid}" is no uuid`);
  return createHash('sha256').update(LEAF).update(id).update(hostname, 'utf8').digest();
}

/** The tree over a set of hosts. */
export class HostTree {
  private readonly levels: Buffer[][];
  private readonly places: ReadonlyMap<string, number>;

  /** @param leaves at least one, in any order */
  constructor(leaves: readonly Buffer[]) {
    const distinct = [...new Map(leaves.map((leaf) => [leaf.toString('hex'), leaf])).entries()].sort(
      ([a], [b]) => (a < b ? -1 : 1),
    );
    if (distinct.length === 0) throw new RangeError('a statement needs a host');
    this.places = new Map(distinct.map(([hex], place) => [hex, place]));
    this.levels = [distinct.map(([, leaf]) => leaf)];
    for (let level = this.levels[0] ?? []; level.length > 1;) {
      level = levelAbove(level);
      this.levels.push(level);
    }
  }

  static over(hosts: readonly StatedHost[]): HostTree {
    return new HostTree(hosts.map(hostLeaf));
  }

  /** Hex. */
  get root(): string {
    return this.levels.at(-1)?.[0]?.toString('hex') ?? '';
  }

  /** How many hosts. */
  get count(): number {
    return this.places.size;
  }

  /** The leaves in their order, one after the other, 32 bytes each: all that it takes to build the tree again. */
  get leaves(): Buffer {
    return Buffer.concat(this.levels[0] ?? []);
  }

  /** As `leaves` wrote them. */
  static ofLeaves(bytes: Buffer): HostTree {
    const count = bytes.length / 32;
    return new HostTree(
      Array.from({ length: count }, (_, place) => bytes.subarray(32 * place, 32 * (place + 1))),
    );
  }

  /** What shows that a host is in the tree; null for one that is not. */
  proof(host: StatedHost): HostProof | null {
    let place = this.places.get(hostLeaf(host).toString('hex'));
    if (place === undefined) return null;
    const steps: string[] = [];
    for (const level of this.levels.slice(0, -1)) {
      const beside = level[place ^ 1];
      if (beside !== undefined) steps.push(`${place % 2 === 0 ? 'r' : 'l'}${beside.toString('hex')}`);
      place >>= 1;
    }
    return steps;
  }
}

/** Whether `proof` shows that this host is one of the `count` under `root` (hex). */
export function isHostProof(
  { root, count }: { readonly root: string; readonly count: number },
  host: StatedHost,
  proof: HostProof,
): boolean {
  if (proof.length > Math.ceil(Math.log2(count))) return false;
  let hash = hostLeaf(host);
  for (const step of proof) {
    const beside = Buffer.from(step.slice(1), 'hex');
    hash = step.startsWith('l') ? node(beside, hash) : node(hash, beside);
  }
  return hash.toString('hex') === root;
}

function levelAbove(level: readonly Buffer[]): Buffer[] {
  const above: Buffer[] = [];
  for (let at = 0; at < level.length; at += 2) {
    const [left, right] = [level[at], level[at + 1]];
    if (left !== undefined) above.push(right === undefined ? left : node(left, right));
  }
  return above;
}

function node(left: Buffer, right: Buffer): Buffer {
  return createHash('sha256').update(NODE).update(left).update(right).digest();
}
