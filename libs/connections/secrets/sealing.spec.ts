import { randomBytes, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { open, seal, secretKey } from './sealing.js';

const key = secretKey(randomBytes(32));
const place = { connectionId: randomUUID(), name: 'envvar:PGPASSWORD' };

it('opens what it has sealed, whatever it is', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const secret = Buffer.from(bytes);
      expect(open(key, place, seal(key, place, secret))).toEqual(secret);
    }),
  );
});

it('shows nothing of the secret, and never the same twice', () => {
  const secret = Buffer.from('correct horse battery staple');
  const [one, two] = [seal(key, place, secret), seal(key, place, secret)];
  expect(one).not.toEqual(two);
  expect(one.includes(secret)).toBe(false);
});

it.each([
  ['another key', secretKey(randomBytes(32)), place],
  ['another connection', key, { ...place, connectionId: randomUUID() }],
  ['another name', key, { ...place, name: 'envvar:OTHER' }],
])('does not open with, or for, %s', (_what, other, elsewhere) => {
  expect(open(other, elsewhere, seal(key, place, Buffer.from('x')))).toBeNull();
});

it('does not open what has been changed in any byte, or cut', () => {
  const sealed = seal(key, place, Buffer.from('secret'));
  for (let i = 0; i < sealed.length; i++) {
    const changed = Buffer.from(sealed);
    changed[i] = (changed[i] ?? 0) ^ 1;
    expect(open(key, place, changed)).toBeNull();
    expect(open(key, place, sealed.subarray(0, i))).toBeNull();
  }
});

it('gives keys names that say nothing about them', () => {
  const bytes = randomBytes(32);
  expect(secretKey(bytes).id).toBe(secretKey(Buffer.from(bytes)).id);
  expect(secretKey(bytes).id).not.toBe(key.id);
  expect(secretKey(bytes).id).toMatch(/^[0-9a-f]{16}$/);
  expect(bytes.toString('hex')).not.toContain(secretKey(bytes).id);
});
