import { createHash, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import fc from 'fast-check';
import {
  attemptsNamedBy,
  canonicalJson,
  decodePublicKey,
  type Envelope,
  type EnvelopeSigner,
  fillParts,
  keysNamedBy,
  liftParts,
  type OpeningContext,
  openEnvelope,
  type OrderShare,
  Run,
  type Order,
  publicKeyOf,
  sealable,
  seal,
  type ServerKey,
  serverKeyOf,
} from './index.js';

interface TestKey extends EnvelopeSigner {
  readonly publicKey: KeyObject;
  readonly told: ServerKey;
}

function newKey(): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const told = serverKeyOf(decodePublicKey(publicKey.export({ type: 'spki', format: 'pem' }).toString())!);
  return { keyId: told.id, publicKey, told, sign: (bytes) => sign(null, bytes, privateKey) };
}

const key = newKey();
const host = randomUUID();
const NOW = 1_800_000_000_000;

function context(more: Partial<OpeningContext> = {}): OpeningContext {
  return {
    type: 'run',
    host,
    now: NOW,
    key: (id) => (id === key.keyId ? key.publicKey : undefined),
    known: () => false,
    ...more,
  };
}

function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function orderOf(contents: string | Uint8Array, more: Partial<Order> = {}): Order {
  return {
    attempt_id: randomUUID(),
    target_id: randomUUID(),
    execution_id: randomUUID(),
    kind: 'script',
    lane: 'serial',
    content_sha256: sha256(contents),
    payload: { type: 'script', contents, arguments: ['a'] },
    clean_env: false,
    timeout_seconds: 60,
    grace_seconds: 1,
    output_cap_bytes: 1024,
    expires_at: null,
    ...more,
  };
}

const order = orderOf('#!/bin/sh\necho hello\n', {
  stdin: Buffer.from([0, 255, 1]),
  env: { A: 'b' },
  user: 'nobody',
  cwd: '/tmp',
  asked_by: 'ann@example.com',
  approved_by: ['bob@example.com'],
  secrets: { env: { TOKEN: 'hunter2' }, files: { KEY_FILE: Buffer.from([254, 1]), TEXT: 'text' } },
  mask: { values: ['hunter2'], types: ['card'] },
});
const envelope = seal(sealable('run', liftParts('run', { orders: [order] })), [host], key, NOW);

/** As it arrives. */
function received(value: Envelope): Envelope {
  return structuredClone(value);
}

function codeOf(data: unknown, more: Partial<OpeningContext> = {}): string {
  const opened = openEnvelope(data, context(more));
  return opened.ok ? 'ok' : opened.refusal.code;
}

/** The same envelope with another body, signed again. */
function resigned(change: (body: Record<string, unknown>) => void, by: TestKey = key): Envelope {
  const body = JSON.parse(envelope.body) as Record<string, unknown>;
  change(body);
  const text = canonicalJson(body);
  const signature = by.sign(Buffer.from(`muster-envelope-v1\n${text}`)).toString('base64url');
  return { ...received(envelope), key: by.keyId, body: text, signature };
}

describe('an envelope', () => {
  it('brings the message whole, parts in their places', () => {
    const opened = openEnvelope(received(envelope), context());
    if (!opened.ok) throw new Error(opened.refusal.message);
    expect(opened.body.message).toEqual({ orders: [order] });
    expect(opened.body).toMatchObject({ type: 'run', hosts: [host], v: 1 });
    expect(opened.key).toBe(key.keyId);
  });

  it('is signed in its canonical form, and lives for two minutes', () => {
    const body = JSON.parse(envelope.body) as { expires: number; not_before: number };
    expect(envelope.body).toBe(canonicalJson(body));
    expect(body.expires - body.not_before).toBe(120_000);
  });

  it('tells nothing of secrets in what is signed, not even the same digest twice', () => {
    expect(envelope.body).not.toContain('hunter2');
    const again = seal(sealable('run', liftParts('run', { orders: [order] })), [host], key, NOW);
    const known = new Set(Object.keys(envelope.parts ?? {}));
    const fresh = Object.keys(again.parts ?? {}).filter((digest) => !known.has(digest));
    expect(fresh).toHaveLength(1);
  });

  it('bears no copy of a script that is signed', () => {
    const large = orderOf('x'.repeat(1024 * 1024));
    const sealed = seal(sealable('run', liftParts('run', { orders: [large] })), [host], key, NOW);
    expect(sealed.body.length).toBeLessThan(1500);
    expect(sealed.parts).toEqual({ [large.content_sha256]: 'x'.repeat(1024 * 1024) });
  });

  it('is refused when one byte of what is signed is another', () => {
    fc.assert(
      fc.property(fc.nat(envelope.body.length - 1), fc.integer({ min: 0x20, max: 0x7e }), (index, code) => {
        const { body } = envelope;
        const edited = body.slice(0, index) + String.fromCharCode(code) + body.slice(index + 1);
        expect(codeOf({ ...envelope, body: edited })).toBe(edited === body ? 'ok' : 'bad_signature');
      }),
      { numRuns: 2000 },
    );
  });

  it('is refused when any field of the message is another', () => {
    const message = (JSON.parse(envelope.body) as { message: unknown }).message;
    const edited: string[] = [];
    for (const path of pathsOf(message)) {
      const body = JSON.parse(envelope.body) as Record<string, unknown>;
      change(body['message'], path);
      expect([path, codeOf({ ...received(envelope), body: canonicalJson(body) })]).toEqual([
        path,
        'bad_signature',
      ]);
      edited.push(path.join('.'));
    }
    for (const field of [
      'attempt_id',
      'execution_id',
      'content_sha256',
      'user',
      'env.A',
      'timeout_seconds',
      'payload.arguments.0',
    ])
      expect(edited).toContain(`orders.0.${field}`);
  });

  it('is refused when any of its own fields is another', () => {
    const other = newKey();
    expect(codeOf({ ...envelope, key: other.keyId })).toBe('unknown_key');
    expect(codeOf({ ...envelope, v: 2 })).toBe('unknown_version');
    expect(codeOf({ ...envelope, v: '1' })).toBe('unknown_version');
    const bytes = Buffer.from(envelope.signature, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(codeOf({ ...envelope, signature: flipped.toString('base64url') })).toBe('bad_signature');
    }
    for (const signature of ['', 'x', `${envelope.signature}AAAA`, 7, null])
      expect(codeOf({ ...envelope, signature })).toBe('bad_signature');
  });

  it('is refused when a part is missing or another', () => {
    for (const digest of Object.keys(envelope.parts ?? {})) {
      const { [digest]: part, ...others } = envelope.parts ?? {};
      expect(codeOf({ ...envelope, parts: others })).toBe('edited_part');
      const edited = typeof part === 'string' ? `${part} ` : Buffer.concat([part!, Buffer.from([0])]);
      expect(codeOf({ ...envelope, parts: { ...others, [digest]: edited } })).toBe('edited_part');
    }
    const { parts: _, ...none } = envelope;
    expect(codeOf(none)).toBe('edited_part');
  });

  it('takes no part that was not signed', () => {
    const more = { ...envelope.parts, [sha256('more')]: 'more' };
    const opened = openEnvelope({ ...received(envelope), parts: more }, context());
    expect(opened.ok && opened.body.message).toEqual({ orders: [order] });
  });

  it('is for its hosts, its event and its time alone, and once', () => {
    expect(codeOf(envelope, { host: randomUUID() })).toBe('wrong_host');
    expect(codeOf(envelope, { type: 'stop' })).toBe('wrong_type');
    expect(codeOf(envelope, { now: NOW + 110_000 })).toBe('ok');
    expect(codeOf(envelope, { now: NOW + 110_001 })).toBe('order_expired');
    expect(codeOf(envelope, { now: NOW - 10_000 })).toBe('ok');
    expect(codeOf(envelope, { now: NOW - 10_001 })).toBe('not_yet_valid');
    const { nonce } = JSON.parse(envelope.body) as { nonce: string };
    expect(codeOf(envelope, { known: (other) => other === nonce })).toBe('replayed');
    expect(codeOf(envelope, { now: null })).toBe('ok');
  });

  it('that was signed for one thing is refused as another, also by who holds a key of his own', () => {
    const other = newKey();
    expect(codeOf(resigned(() => undefined, other))).toBe('unknown_key');
    expect(codeOf({ ...resigned(() => undefined, other), key: key.keyId })).toBe('bad_signature');
    expect(codeOf(resigned((body) => (body['v'] = 2)))).toBe('unknown_version');
    expect(codeOf(resigned((body) => delete body['hosts']))).toBe('bad_signature');
    expect(codeOf(resigned((body) => (body['hosts'] = [])))).toBe('wrong_host');
    // The key signs other things, too: none of them is an envelope.
    const bare = key.sign(Buffer.from(envelope.body)).toString('base64url');
    expect(codeOf({ ...envelope, signature: bare })).toBe('bad_signature');
  });

  it.each([undefined, null, 7, 'run', [], {}, { orders: [order] }, { v: 1 }, { body: 'x' }])(
    'is not what has no signature: %j',
    (data) => expect(codeOf(data)).toBe('unsigned'),
  );

  it('that is nonsense is refused, and never throws', () => {
    const anything = fc.anything();
    fc.assert(
      fc.property(
        anything,
        anything,
        fc.string(),
        fc.string(),
        anything,
        (v, body, text, signature, parts) => {
          expect(codeOf({ v, key: key.keyId, body, signature, parts })).not.toBe('ok');
          expect(codeOf({ v: 1, key: key.keyId, body: text, signature, parts })).not.toBe('ok');
        },
      ),
    );
  });
});

describe('parts', () => {
  const bytes = fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array());
  const variable = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/);
  const secrets = fc.record({
    env: fc.dictionary(variable, fc.string({ unit: 'grapheme' })),
    files: fc.dictionary(variable, fc.oneof(fc.string({ unit: 'grapheme' }), fc.uint8Array())),
  });

  it('of any order come back as they were', () => {
    fc.assert(
      fc.property(
        bytes,
        fc.option(bytes, { nil: undefined }),
        fc.option(secrets, { nil: undefined }),
        (contents, stdin, hidden) => {
          const given = orderOf(contents, {
            ...(stdin !== undefined && { stdin }),
            ...(hidden !== undefined && { secrets: hidden, mask: { values: ['v'], types: [] } }),
          });
          const { message, parts } = liftParts('run', { orders: [given] });
          const [back] = (fillParts('run', JSON.parse(canonicalJson(message)), parts) as { orders: Order[] })
            .orders;
          expect(comparable(back)).toEqual(comparable(given));
        },
      ),
    );
  });

  it('of a set of instances are its scripts', () => {
    const contents = { [sha256('one')]: 'one', [sha256('two')]: 'two' };
    const { message, parts } = liftParts('instances', { revision: 'r', instances: [], contents });
    expect(parts).toEqual(contents);
    expect(canonicalJson(message)).not.toContain('"one"');
    expect(fillParts('instances', message, parts)).toEqual({ revision: 'r', instances: [], contents });
  });

  it('are looked for where they belong and nowhere else', () => {
    const env = { part: sha256('x') };
    const given = orderOf('true', { env });
    const { message, parts } = liftParts('run', { orders: [given] });
    expect(fillParts('run', message, { ...parts, [sha256('x')]: 'x' })).toEqual({ orders: [given] });
  });
});

describe('an order for many hosts', () => {
  const { attempt_id: _, target_id: __, ...common } = order;
  const hosts = [randomUUID(), host, randomUUID()];
  const shares = hosts.map(() => ({ attempt_id: randomUUID(), target_id: randomUUID() }));
  const sealedFor = (own: readonly OrderShare[], to: readonly string[] = hosts): Envelope =>
    seal(sealable('run', liftParts('run', { order: common, shares: own })), to, key, NOW);

  it('is for each of them as if it were the only one', () => {
    const data = received(sealedFor(shares));
    for (const [place, own] of hosts.entries()) {
      const opened = openEnvelope(data, context({ host: own }));
      if (!opened.ok) throw new Error(opened.refusal.message);
      expect(opened.body.message).toEqual({ orders: [{ ...common, ...shares[place] }] });
      expect(Run.safeParse(opened.body.message).success).toBe(true);
    }
  });

  it('brings each its own proof, and takes nothing else of what is common from a share', () => {
    const own = { ...shares[1]!, host_proof: ['proof'], payload: { type: 'shell', command: 'rm' } };
    const opened = openEnvelope(received(sealedFor([shares[0]!, own, shares[2]!])), context());
    if (!opened.ok) throw new Error(opened.refusal.message);
    expect(opened.body.message).toEqual({
      orders: [{ ...common, ...shares[1], host_proof: ['proof'] }],
    });
  });

  it('is refused by others, by who has no share, and as a whole when anybody’s share was edited', () => {
    const data = received(sealedFor(shares));
    expect(codeOf(data, { host: randomUUID() })).toBe('wrong_host');
    expect(codeOf(received(sealedFor(shares.slice(0, 1))))).toBe('wrong_host');
    const body = data.body.replace(shares[0]!.attempt_id, randomUUID());
    expect(codeOf({ ...data, body })).toBe('bad_signature');
    expect(codeOf({ ...data, parts: {} })).toBe('edited_part');
  });

  it('names to each host its own attempt alone', () => {
    const data = sealedFor(shares);
    expect(attemptsNamedBy('run', data, host)).toEqual([shares[1]!.attempt_id]);
    expect(attemptsNamedBy('run', data, randomUUID())).toEqual([]);
  });
});

describe('the canonical form', () => {
  it('is one for all orders of keys, and says what JSON says', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(reversed(value))).toBe(text);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
    );
    expect(canonicalJson({ b: 1, 10: 2, 9: 3, a: [{ d: null, c: undefined }] })).toBe(
      '{"10":2,"9":3,"a":[{"d":null}],"b":1}',
    );
  });

  it.each([NaN, Infinity, 1n, Buffer.from('x'), new Map(), () => 1, undefined])(
    'has no words for %p',
    (value) => expect(() => canonicalJson({ value: [value] })).toThrow(TypeError),
  );
});

describe('a server’s key', () => {
  it('stands for itself, under its own id and no other', () => {
    expect(publicKeyOf(key.told)?.equals(key.publicKey)).toBe(true);
    expect(publicKeyOf({ ...key.told, id: newKey().keyId })).toBeNull();
    expect(publicKeyOf({ ...key.told, public_key: 'AAAA' })).toBeNull();
  });

  it('is read from the answer to a hello, but for those that are not what they are called', () => {
    const answer = { ok: true, server_keys: [key.told, { ...key.told, id: newKey().keyId }] };
    const sealed = seal(sealable('hello', { message: answer, parts: {} }), [host], key, NOW);
    expect(keysNamedBy(sealed)).toEqual([key.told]);
    expect(keysNamedBy({ body: '{' })).toEqual([]);
    expect(keysNamedBy(null)).toEqual([]);
  });
});

it('attempts are read from what is refused, signed or not', () => {
  expect(attemptsNamedBy('run', envelope, host)).toEqual([order.attempt_id]);
  expect(attemptsNamedBy('run', { orders: [order, { attempt_id: 'x' }, null] }, host)).toEqual([
    order.attempt_id,
  ]);
  expect(attemptsNamedBy('stop', envelope, host)).toEqual([]);
  expect(attemptsNamedBy('run', { body: 'nonsense' }, host)).toEqual([]);
});

type Path = (string | number)[];

/** Of every leaf. */
function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const entries: [string | number, unknown][] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value);
  return entries.flatMap(([key, inner]) => pathsOf(inner, [...path, key]));
}

function change(value: unknown, path: Path): void {
  const holder = path
    .slice(0, -1)
    .reduce((inner, key) => (inner as Record<string | number, unknown>)[key], value);
  const last = path.at(-1) ?? '';
  const fields = holder as Record<string | number, unknown>;
  const before = fields[last];
  fields[last] = typeof before === 'number' ? before + 1 : typeof before === 'string' ? `${before}x` : 1;
}

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
}

/** Bytes of any kind, and text, as one kind: parts with the same bytes are one. */
function comparable(value: unknown): unknown {
  if (typeof value === 'string') return comparable(Buffer.from(value));
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') };
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, comparable(inner)]));
}
