/** A public key of somebody's who may sign. */
export interface SignerKey {
  /** First 16 hex digits of the SHA-256 of the public key. */
  readonly id: string;
  readonly userId: number;
  readonly email: string;
  /** The 32 bytes of an Ed25519 key. */
  readonly publicKey: Buffer;
}

/** Port: the keys with which people sign what they ask for. Implemented where users are kept. */
export abstract class SignerKeys {
  /** Those of these keys that are registered and not revoked, by id. */
  abstract find(ids: readonly string[]): Promise<ReadonlyMap<string, SignerKey>>;
}
