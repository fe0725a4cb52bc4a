import { createPrivateKey } from 'node:crypto';
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Logger } from '@nestjs/common';
import { type Settings } from '#libs/platform/config/index';
import { verifySignature } from '#libs/protocol/index';
import { temporaryDirectory } from '#libs/testing/index';
import { rotateKeyFiles } from './key-files.js';
import { SigningKeys } from './signing-keys.js';

Logger.overrideLogger(false);

const BYTES = Buffer.from('muster-test-v1\nsomething');

function keysIn(dataDir: string, signingKeys: Settings['signingKeys'] = null): SigningKeys {
  const keys = new SigningKeys({ dataDir, signingKeys });
  keys.onModuleInit();
  return keys;
}

it('makes a key for the server alone at the first start, and finds it again', () => {
  const directory = temporaryDirectory('signing');
  const keys = keysIn(directory);
  expect(statSync(path.join(directory, 'signing.key')).mode & 0o777).toBe(0o600);
  expect(keysIn(directory).publicKeys()).toEqual(keys.publicKeys());
  expect(keys.publicKeys()).toEqual([{ id: keys.keyId, publicKey: keys.current.publicKey }]);
  expect(verifySignature(keys.current.publicKey, BYTES, keys.sign(BYTES))).toBe(true);
  expect(keys.previous).toBeNull();
});

it('goes on with a new key, and still has the one of before until its file is gone', () => {
  const directory = temporaryDirectory('signing');
  const old = keysIn(directory);
  rotateKeyFiles(directory);
  const both = keysIn(directory);
  expect(both.keyId).not.toBe(old.keyId);
  expect(both.previous?.id).toBe(old.keyId);
  expect(both.publicKeys().map(({ id }) => id)).toEqual([both.keyId, old.keyId]);
  expect(verifySignature(both.current.publicKey, BYTES, both.sign(BYTES))).toBe(true);
  expect(verifySignature(old.current.publicKey, BYTES, both.previous?.sign(BYTES) ?? BYTES)).toBe(true);
  expect(readdirSync(directory).sort()).toEqual(['signing-previous.key', 'signing.key']);
  expect(statSync(path.join(directory, 'signing-previous.key')).mode & 0o777).toBe(0o600);

  old.load();
  expect(old.keyId).toBe(both.keyId);
  rmSync(path.join(directory, 'signing-previous.key'));
  expect(keysIn(directory).previous).toBeNull();
});

it('prefers what the environment holds, and writes nothing', () => {
  const directory = temporaryDirectory('signing');
  const [one, two] = ['a', 'b'].map((name) => {
    const elsewhere = temporaryDirectory(name);
    keysIn(elsewhere);
    return createPrivateKey(readFileSync(path.join(elsewhere, 'signing.key'), 'utf8'));
  });
  const keys = keysIn(directory, one && two ? [one, two] : []);
  expect(keys.publicKeys()).toHaveLength(2);
  expect(readdirSync(directory)).toEqual([]);
});

it.each(['', 'nonsense\n', 'c2hvcnQ=\n'])('does not start over with a file that holds %j', (text) => {
  const directory = temporaryDirectory('signing');
  const file = path.join(directory, 'signing.key');
  writeFileSync(file, text);
  chmodSync(file, 0o600);
  expect(() => keysIn(directory)).toThrow('must hold one Ed25519 private key as PEM');
  expect(() => rotateKeyFiles(directory)).toThrow('must hold one Ed25519 private key as PEM');
  expect(readFileSync(file, 'utf8')).toBe(text);
});

it('says in one line that it can make no key, and that there is none to be replaced', () => {
  expect(() => keysIn('/proc/nothing')).toThrow(/^cannot make \/proc\/nothing\/signing.key \(ENOENT\)/);
  expect(() => rotateKeyFiles(temporaryDirectory('signing'))).toThrow(/^there is no .*signing.key to be/);
});
