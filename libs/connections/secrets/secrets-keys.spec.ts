import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Logger } from '@nestjs/common';
import { type Settings } from '#libs/platform/config/index';
import { temporaryDirectory } from '#libs/testing/index';
import { SecretsKeys } from './secrets-keys.js';

Logger.overrideLogger(false);

const place = { connectionId: '550e8400-e29b-41d4-a716-446655440000', name: 'envvar:A' };
function keysIn(dataDir: string, secretsKeys: Buffer[] | null = null): SecretsKeys {
  const keys = new SecretsKeys({ dataDir, secretsKeys } as unknown as Settings);
  keys.onModuleInit();
  return keys;
}

it('makes a key for the server alone at the first start, and finds it again', () => {
  const directory = temporaryDirectory('keys');
  const sealed = keysIn(directory).seal(place, Buffer.from('secret'));
  expect(statSync(path.join(directory, 'secrets.key')).mode & 0o777).toBe(0o600);
  expect(keysIn(directory).open(place, sealed).toString()).toBe('secret');
});

it('opens with older keys what they have sealed, and seals with the first', () => {
  const directory = temporaryDirectory('keys');
  const old = keysIn(directory);
  const sealed = old.seal(place, Buffer.from('secret'));
  const file = path.join(directory, 'secrets.key');
  writeFileSync(file, `${Buffer.alloc(32, 7).toString('base64')}\n${readFileSync(file, 'utf8')}`);
  const both = keysIn(directory);
  expect(both.open(place, sealed).toString()).toBe('secret');
  expect(both.known).toEqual([both.current, old.current]);
  expect(both.seal(place, Buffer.from('x')).keyId).toBe(both.current);
});

it('says which key is missing, and never what was sealed', () => {
  const directory = temporaryDirectory('keys');
  const sealed = keysIn(directory, [Buffer.alloc(32, 1)]).seal(place, Buffer.from('hunter2'));
  const other = keysIn(directory, [Buffer.alloc(32, 2)]);
  expect(() => other.open(place, sealed)).toThrow(
    `the secret envvar:A was sealed with another key (${sealed.keyId}) than the server has`,
  );
});

it.each([
  ['', 'must hold keys of 32 bytes in base64'],
  ['c2hvcnQ=\n', 'must hold keys of 32 bytes in base64'],
])('does not start over with a file that holds %j', (text, message) => {
  const directory = temporaryDirectory('keys');
  const file = path.join(directory, 'secrets.key');
  writeFileSync(file, text);
  chmodSync(file, 0o600);
  expect(() => keysIn(directory)).toThrow(message);
  expect(readFileSync(file, 'utf8')).toBe(text);
});

it('says in one line that it can make no key', () => {
  expect(() => keysIn('/proc/nothing')).toThrow(/^cannot make \/proc\/nothing\/secrets.key \(ENOENT\)/);
});
