import * as fs from 'node:fs';
import * as path from 'node:path';
import { createLogger } from '../platform/logger.js';
import { removeTemporary, temporaryDirectory } from '../testing/temporary.js';
import { Nonces } from './nonces.js';

afterAll(removeTemporary);

const log = createLogger('error', { write: () => undefined });

it('are remembered until some time after they have expired, also by the next process', async () => {
  const directory = temporaryDirectory();
  const first = Nonces.open(directory, log);
  first.add('a', 100, 0);
  first.add('b', 200, 0);
  await first.close();
  expect(fs.statSync(path.join(directory, 'nonces.log')).mode & 0o777).toBe(0o600);
  const second = Nonces.open(directory, log);
  expect([second.has('a'), second.has('b'), second.has('c')]).toEqual([true, true, false]);
  second.forgetExpired(15_100);
  expect([second.has('a'), second.has('b')]).toEqual([true, true]);
  second.forgetExpired(15_101);
  expect([second.has('a'), second.has('b')]).toEqual([false, true]);
  await second.close();
});

it('take no more room than what has not expired needs', async () => {
  const directory = temporaryDirectory();
  const nonces = Nonces.open(directory, log);
  for (let now = 0; now < 20_000; now += 1) {
    nonces.add(`nonce-of-some-length-${now}`, 100 * now + 10_000, 100 * now);
    if (now % 1000 === 0) await new Promise(setImmediate);
  }
  await nonces.close();
  expect(fs.statSync(path.join(directory, 'nonces.log')).size).toBeLessThan(600_000);
  const again = Nonces.open(directory, log);
  expect([again.has('nonce-of-some-length-19999'), again.has('nonce-of-some-length-5')]).toEqual([
    true,
    false,
  ]);
  await again.close();
});

it('that are more than a server of ours would make are not told apart any more', async () => {
  const nonces = Nonces.open('/dev/null/nowhere', log);
  for (let count = 0; count < 100_000; count += 1) nonces.add(`n${count}`, 1_000, 0);
  expect(nonces.has('another')).toBe(true);
  nonces.forgetExpired(16_001);
  expect(nonces.has('another')).toBe(false);
  await nonces.close();
});
