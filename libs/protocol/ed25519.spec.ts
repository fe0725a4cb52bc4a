import { generateKeyPairSync, sign } from 'node:crypto';
import { decodePublicKey, publicKeyId, rawPublicKey, verifySignature } from './ed25519.js';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const raw = rawPublicKey(publicKey) ?? Buffer.alloc(0);

it('names a key by the SHA-256 of its bytes', () => {
  expect(publicKeyId(Buffer.alloc(32))).toBe('66687aadf862bd77');
  expect(rawPublicKey(privateKey)).toEqual(raw);
});

it('reads a public key in each of its forms', () => {
  const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string;
  for (const text of [raw.toString('base64'), raw.toString('base64url'), pem])
    expect(decodePublicKey(text)).toEqual({ id: publicKeyId(raw), publicKey: raw });
});

it.each([
  '',
  'c2hvcnQ=',
  `${'A'.repeat(44)}`,
  '-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----',
  generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'pem' }) as string,
])('takes %j for no key', (text) => {
  expect(decodePublicKey(text)).toBeNull();
});

it('tells whether a signature is of these bytes and this key, whatever it is given', () => {
  const bytes = Buffer.from('what was said');
  const signature = sign(null, bytes, privateKey);
  expect(verifySignature(raw, bytes, signature)).toBe(true);
  expect(verifySignature(publicKey, bytes, signature)).toBe(true);
  expect(verifySignature(raw, Buffer.from('what was not'), signature)).toBe(false);
  expect(verifySignature(Buffer.alloc(32, 1), bytes, signature)).toBe(false);
  expect(verifySignature(raw.subarray(1), bytes, signature)).toBe(false);
  expect(verifySignature(raw, bytes, signature.subarray(1))).toBe(false);
});
