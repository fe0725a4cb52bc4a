import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { decodeSecretsKeys, type Settings, SETTINGS } from '#libs/platform/config/index';
import { DomainError } from '#libs/platform/errors/index';
import { open, seal, type SecretKey, secretKey, type SecretPlace } from './sealing.js';

/** A secret as it is stored. */
export interface Sealed {
  readonly keyId: string;
  readonly sealed: Buffer;
}

/** The key that seals, and older ones that still open: from `MUSTER_SECRETS_KEY`, or a file that is made at the first start. */
@Injectable()
export class SecretsKeys implements OnModuleInit {
  private readonly logger = new Logger('Secrets');
  private keys: readonly SecretKey[] = [];

  constructor(@Inject(SETTINGS) private readonly settings: Settings) {}

  /** @throws Error with one clear line: the file cannot be read or made, or holds no keys */
  onModuleInit(): void {
    this.keys = (this.settings.secretsKeys ?? this.fromFile()).map(secretKey);
  }

  /** Id of the key that seals. */
  get current(): string {
    return this.first().id;
  }

  /** Ids of all of them. */
  get known(): string[] {
    return this.keys.map(({ id }) => id);
  }

  seal(place: SecretPlace, secret: Buffer): Sealed {
    const key = this.first();
    return { keyId: key.id, sealed: seal(key, place, secret) };
  }

  /** @throws DomainError refused: sealed with a key that is not there, or changed since */
  open(place: SecretPlace, { keyId, sealed }: Sealed): Buffer {
    const key = this.keys.find(({ id }) => id === keyId);
    if (!key)
      throw new DomainError(
        'refused',
        `the secret ${place.name} was sealed with another key (${keyId}) than the server has: add that key to MUSTER_SECRETS_KEY, or set the secret anew`,
      );
    const secret = open(key, place, sealed);
    if (secret === null)
      throw new DomainError(
        'refused',
        `the secret ${place.name} cannot be opened: what is stored was changed, or belongs to another connection; set it anew`,
      );
    return secret;
  }

  private first(): SecretKey {
    const [key] = this.keys;
    if (!key) throw new Error('keys for secrets were asked for before they were read');
    return key;
  }

  private fromFile(): readonly Buffer[] {
    const path = join(this.settings.dataDir, 'secrets.key');
    try {
      writeFileSync(path, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
      this.logger.log('made a key for the secrets of connections; keep a copy of it with your backups', {
        path,
      });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EEXIST')
        throw new Error(`cannot make ${path} (${code}); MUSTER_SECRETS_KEY can hold the key instead`, {
          cause: error,
        });
    }
    return this.read(path);
  }

  private read(path: string): readonly Buffer[] {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
      if ((statSync(path).mode & 0o077) !== 0)
        this.logger.warn('others can read the key for the secrets of connections: chmod 600', { path });
    } catch (error) {
      throw new Error(`cannot read ${path} (${(error as NodeJS.ErrnoException).code})`, { cause: error });
    }
    const keys = decodeSecretsKeys(text);
    if (keys === null)
      throw new Error(`${path} must hold keys of 32 bytes in base64, one a line; the first one seals`);
    return keys;
  }
}
