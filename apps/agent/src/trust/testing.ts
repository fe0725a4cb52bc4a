import { createHash, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import {
  composeStatement,
  HostTree,
  type Order,
  type QueryOrder,
  rawPublicKey,
  type SignedStatement,
  signStatement,
  type StatedHost,
  type StatedRun,
} from '#libs/protocol/index';
import { statedRun } from './statements.js';

/** Somebody who can sign. */
export interface Person {
  readonly name: string;
  /** The 32 bytes of the public key. */
  readonly key: Buffer;
  readonly privateKey: KeyObject;
}

/** A person with a new key. */
export function person(name: string): Person {
  const { privateKey } = generateKeyPairSync('ed25519');
  return { name, key: rawPublicKey(privateKey) ?? Buffer.alloc(0), privateKey };
}

/** What may differ from what fits. */
export interface Signing {
  readonly run?: Partial<StatedRun>;
  readonly notBefore?: number;
  readonly expires?: number;
  readonly nonce?: string;
  readonly others?: readonly StatedHost[];
}

/** The fields of an order that its signers would have signed. */
export function runOf(order: Order): StatedRun {
  return statedRun(order, order.env ?? {});
}

/** What an honest server adds to an order that these people have signed for this host (and others). */
export function signed(
  run: StatedRun,
  host: StatedHost,
  people: readonly Person[],
  { notBefore = Date.now(), expires = notBefore + 3_600_000, ...more }: Signing = {},
): { statement: SignedStatement; host_proof: string[] } {
  const tree = HostTree.over([host, ...(more.others ?? [])]);
  const nonce = more.nonce ?? randomBytes(16).toString('hex');
  const text = composeStatement({ ...run, ...more.run }, { hosts: tree, notBefore, expires, nonce });
  return {
    statement: {
      statement: text,
      signatures: people.map(({ privateKey }) => signStatement(text, privateKey)),
    },
    host_proof: tree.proof(host) ?? [],
  };
}

/** An order with what `signed` adds. */
export function signedOrder(
  order: Order,
  host: StatedHost,
  people: readonly Person[],
  more: Signing = {},
): Order {
  return { ...order, ...signed(runOf(order), host, people, more) };
}

/** A query with what `signed` adds. */
export function signedQuery(
  query: QueryOrder,
  host: StatedHost,
  people: readonly Person[],
  more: Signing = {},
): QueryOrder {
  const contentSha256 = createHash('sha256').update(query.sql).digest('hex');
  const run: StatedRun = { kind: 'query', contentSha256, timeoutSeconds: 60 };
  return { ...query, ...signed(run, host, people, more) };
}
