import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { decodeSigningKeys } from '#libs/platform/config/index';

/** The files of a data directory; each holds one key as PEM, 0600. */
export const KEY_FILE = 'signing.key';
export const PREVIOUS_KEY_FILE = 'signing-previous.key';

export interface KeyFile {
  readonly path: string;
  readonly key: KeyObject;
  /** Others than its owner can read it. */
  readonly exposed: boolean;
}

/**
 * Makes `signing.key` unless it is there; never touches one that is.
 * @returns whether it was made
 * @throws Error with one clear line
 */
export function makeKeyFile(dataDir: string): boolean {
  const path = join(dataDir, KEY_FILE);
  try {
    writeKey(path, 'wx');
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    throw new Error(`cannot make ${path} (${code}); MUSTER_SIGNING_KEY can hold the key instead`, {
      cause: error,
    });
  }
}

/**
 * @returns null: there is no such file
 * @throws Error with one clear line: it cannot be read, or holds no key
 */
export function readKeyFile(
  dataDir: string,
  name: typeof KEY_FILE | typeof PREVIOUS_KEY_FILE,
): KeyFile | null {
  const path = join(dataDir, name);
  let text: string;
  let mode: number;
  try {
    text = readFileSync(path, 'utf8');
    mode = statSync(path).mode;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw new Error(`cannot read ${path} (${code})`, { cause: error });
  }
  const keys = decodeSigningKeys(text);
  if (keys?.[0] === undefined || keys.length > 1)
    throw new Error(`${path} must hold one Ed25519 private key as PEM`);
  return { path, key: keys[0], exposed: (mode & 0o077) !== 0 };
}

/**
 * A new key in `signing.key`; the one that was there is in `signing-previous.key` from before that moment on, so that there is a key
 * whenever this is interrupted. Takes effect when the server reads its keys again.
 * @throws Error with one clear line
 */
export function rotateKeyFiles(dataDir: string): {
  readonly previous: KeyObject;
  readonly current: KeyObject;
} {
  const previous = readKeyFile(dataDir, KEY_FILE);
  if (previous === null) throw new Error(`there is no ${join(dataDir, KEY_FILE)} to be replaced`);
  const [made, kept] = [join(dataDir, `${KEY_FILE}.new`), join(dataDir, `${PREVIOUS_KEY_FILE}.new`)];
  try {
    for (const path of [made, kept]) rmSync(path, { force: true });
    const current = writeKey(made, 'wx');
    linkSync(previous.path, kept);
    renameSync(kept, join(dataDir, PREVIOUS_KEY_FILE));
    renameSync(made, previous.path);
    syncDirectory(dataDir);
    return { previous: previous.key, current };
  } catch (error) {
    throw new Error(`cannot write a new key to ${dataDir} (${(error as NodeJS.ErrnoException).code})`, {
      cause: error,
    });
  }
}

function writeKey(path: string, flag: 'wx'): KeyObject {
  const file = openSync(path, flag, 0o600);
  try {
    const { privateKey } = generateKeyPairSync('ed25519');
    writeSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
    fsyncSync(file);
    return privateKey;
  } finally {
    closeSync(file);
  }
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
