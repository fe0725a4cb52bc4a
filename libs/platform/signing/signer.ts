import { type PublicKey } from '#libs/protocol/index';

/** Signs as this server (Ed25519). What is signed begins with what it is (`muster-…-v1\n`), so that no signature serves for something else. */
export abstract class Signer {
  /** Id of the key that signs. */
  abstract readonly keyId: string;
  /** @returns 64 bytes */
  abstract sign(bytes: Uint8Array): Buffer;
  /** The key that signs, then the one of before while there is one. */
  abstract publicKeys(): readonly PublicKey[];
}
