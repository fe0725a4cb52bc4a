import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { publicKeyId, rawPublicKey } from '#libs/protocol/index';
import { type CliEnvironment } from '../config/environment.js';
import { CliError, UsageError } from '../errors.js';

/** A key of ours to sign with. */
export interface SigningKey {
  readonly name: string;
  /** As the server and policies name it. */
  readonly id: string;
  /** The 32 bytes of its public half as base64. */
  readonly publicKey: string;
  readonly privateKey: KeyObject;
}

const OTHERS = 0o077;

/** The private keys that are kept here, one file each (PEM, 0600), for nobody but us. */
export class KeyStore {
  private readonly directory: string;

  constructor(environment: Pick<CliEnvironment, 'configFile'>) {
    this.directory = join(dirname(environment.configFile), 'keys');
  }

  /** Names of all keys. */
  async names(): Promise<string[]> {
    try {
      return (await readdir(this.directory)).filter(isName).sort();
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw new CliError(`cannot read ${this.directory} (${codeOf(error)})`);
    }
  }

  /**
   * One of the keys.
   * @param name absent: the only one
   * @throws CliError when there is none, or several and none is named
   */
  async get(name?: string): Promise<SigningKey> {
    if (name !== undefined) return this.read(checkName(name));
    const names = await this.names();
    const [only] = names;
    if (only === undefined)
      throw new CliError('there is no key to sign with: make one with `muster keys add NAME`');
    if (names.length > 1)
      throw new UsageError(`which key is to sign? --sign with one of ${names.join(', ')}`);
    return this.read(only);
  }

  /** Every key, by its id. */
  async all(): Promise<Map<string, SigningKey>> {
    const keys = await Promise.all((await this.names()).map((name) => this.read(name)));
    return new Map(keys.map((key) => [key.id, key]));
  }

  /**
   * Keeps a key: a new one, or one that is there already.
   * @param pem of its private half; absent: a new one is made
   */
  async add(name: string, pem?: string): Promise<SigningKey> {
    const file = this.file(checkName(name));
    const privateKey =
      pem === undefined ? generateKeyPairSync('ed25519').privateKey : readPrivateKey(pem, 'it');
    try {
      await mkdir(this.directory, { recursive: true, mode: 0o700 });
      await writeFile(file, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600, flag: 'wx' });
    } catch (error) {
      if (codeOf(error) === 'EEXIST') throw new CliError(`there is a key ${name} already (${file})`);
      throw new CliError(`cannot write ${file} (${codeOf(error)})`);
    }
    return keyOf(name, privateKey);
  }

  /** Forgets a key. */
  async remove(name: string): Promise<void> {
    await rm(this.file(checkName(name)), { force: true });
  }

  private async read(name: string): Promise<SigningKey> {
    const file = this.file(name);
    let pem: string;
    try {
      if (((await stat(file)).mode & OTHERS) !== 0)
        throw new CliError(
          `${file} can be read by others: chmod 600 it, and think about whether it has been`,
        );
      pem = await readFile(file, 'utf8');
    } catch (error) {
      if (error instanceof CliError) throw error;
      if (codeOf(error) === 'ENOENT')
        throw new CliError(`there is no key ${name}: \`muster keys list\` shows those there are`);
      throw new CliError(`cannot read ${file} (${codeOf(error)})`);
    }
    return keyOf(name, readPrivateKey(pem, file));
  }

  private file(name: string): string {
    return join(this.directory, name);
  }
}

function keyOf(name: string, privateKey: KeyObject): SigningKey {
  const raw = rawPublicKey(privateKey);
  if (raw === null) throw new CliError(`${name} is no Ed25519 key`);
  return { name, id: publicKeyId(raw), publicKey: raw.toString('base64'), privateKey };
}

/** @param what for people */
function readPrivateKey(pem: string, what: string): KeyObject {
  let key: KeyObject | null = null;
  try {
    key = createPrivateKey(pem);
  } catch {
    // Told below.
  }
  if (key?.asymmetricKeyType !== 'ed25519')
    throw new CliError(
      `${what} is no Ed25519 private key in PEM (openssl genpkey -algorithm ed25519 makes one)`,
    );
  return key;
}

function isName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$/.test(name);
}

/** @throws UsageError */
function checkName(name: string): string {
  if (isName(name)) return name;
  throw new UsageError(`"${name}" is no name for a key: letters, digits, _, -, . and @ are meant`);
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'error';
}
