import { type KeyObject, sign } from 'node:crypto';
import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { type Settings, SETTINGS } from '#libs/platform/config/index';
import { type PublicKey, publicKeyId, rawPublicKey } from '#libs/protocol/index';
import { KEY_FILE, type KeyFile, makeKeyFile, PREVIOUS_KEY_FILE, readKeyFile } from './key-files.js';
import { Signer } from './signer.js';

/** One of the server's keys. */
export interface SigningKey extends PublicKey {
  /** @returns 64 bytes */
  sign(bytes: Uint8Array): Buffer;
}

/**
 * The server's own keys: the one that signs, and the one of before while its bearers change over. From `MUSTER_SIGNING_KEY`, or files of
 * the data directory of which the first is made at the first start; never from the database.
 */
@Injectable()
export class SigningKeys extends Signer implements OnModuleInit {
  private readonly logger = new Logger('Signing');
  private keys: readonly SigningKey[] = [];

  constructor(@Inject(SETTINGS) private readonly settings: Pick<Settings, 'dataDir' | 'signingKeys'>) {
    super();
  }

  onModuleInit(): void {
    this.load();
  }

  /**
   * Reads the keys, again after a change of the files.
   * @throws Error with one clear line: a file cannot be read or made, or holds no key; the keys from before stay
   */
  load(): void {
    this.keys = (this.settings.signingKeys ?? this.fromFiles()).map(signingKey);
  }

  get keyId(): string {
    return this.current.id;
  }

  /** The key that signs. */
  get current(): SigningKey {
    const [key] = this.keys;
    if (!key) throw new Error('the signing key was asked for before it was read');
    return key;
  }

  /** The key of before, while there is one: for those who know only it. */
  get previous(): SigningKey | null {
    return this.keys[1] ?? null;
  }

  sign(bytes: Uint8Array): Buffer {
    return this.current.sign(bytes);
  }

  publicKeys(): readonly PublicKey[] {
    return this.keys.map(({ id, publicKey }) => ({ id, publicKey }));
  }

  private fromFiles(): readonly KeyObject[] {
    const { dataDir } = this.settings;
    if (makeKeyFile(dataDir))
      this.logger.log('made the key that the server signs with; keep a copy of it with your backups', {
        path: `${dataDir}/${KEY_FILE}`,
      });
    return [readKeyFile(dataDir, KEY_FILE), readKeyFile(dataDir, PREVIOUS_KEY_FILE)].flatMap((file) =>
      file ? [this.checked(file)] : [],
    );
  }

  private checked({ path, key, exposed }: KeyFile): KeyObject {
    if (exposed) this.logger.warn('others can read the key that the server signs with: chmod 600', { path });
    return key;
  }
}

function signingKey(key: KeyObject): SigningKey {
  const publicKey = rawPublicKey(key);
  if (publicKey === null) throw new Error('a signing key must be an Ed25519 key');
  return { id: publicKeyId(publicKey), publicKey, sign: (bytes) => sign(null, bytes, key) };
}
