import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import {
  canonicalJson,
  CLOCK_TOLERANCE_MS,
  composeStatement,
  HostProof,
  HostTree,
  isHostProof,
  isSignatureOf,
  MAX_VALIDITY_MS,
  misfitOf,
  publicKeyId,
  rawPublicKey,
  readStatement,
  type StatedHost,
  type StatedRun,
  signStatement,
  StatementKind,
  timeOf,
  UnreadableStatement,
} from './index.js';

const hash = (...parts: (Buffer | string)[]): Buffer =>
  parts.reduce((sum, part) => sum.update(part), createHash('sha256')).digest();

const host = fc.record({ uuid: fc.uuid(), hostname: fc.string({ minLength: 1, maxLength: 20 }) });
const hosts = fc.uniqueArray(host, { minLength: 1, maxLength: 70, selector: ({ uuid }) => uuid });
const hex64 = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('hex'));
const run: fc.Arbitrary<StatedRun> = fc.record(
  {
    kind: fc.constantFrom(...StatementKind.options),
    contentSha256: hex64,
    arguments: fc.array(fc.string(), { minLength: 1, maxLength: 3 }),
    stdinSha256: hex64,
    env: fc.dictionary(fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,5}$/), fc.string(), { minKeys: 1, maxKeys: 4 }),
    cwd: fc.string({ minLength: 1 }),
    user: fc.string({ minLength: 1 }),
    cleanEnv: fc.boolean(),
    lane: fc.constantFrom('serial' as const, 'parallel' as const),
    timeoutSeconds: fc.integer({ min: 1, max: 604_800 }),
  },
  { requiredKeys: ['kind', 'contentSha256', 'timeoutSeconds'] },
);
const scope = fc
  .record({
    hosts: fc.record({ root: hex64, count: fc.integer({ min: 1, max: 1_000_000 }) }),
    notBefore: fc.integer({ min: 0, max: 4e12 }),
    validFor: fc.integer({ min: 1, max: MAX_VALIDITY_MS }),
    nonce: hex64.map((hex) => hex.slice(32)),
  })
  .map(({ validFor, ...rest }) => ({ ...rest, expires: rest.notBefore + validFor }));

interface Pair {
  readonly publicKey: Buffer;
  readonly privateKey: KeyObject;
}

const pair = (): Pair => {
  const { privateKey } = generateKeyPairSync('ed25519');
  return { publicKey: rawPublicKey(privateKey) ?? Buffer.alloc(0), privateKey };
};

describe('canonical JSON', () => {
  it('is one text for one value, whatever the order of its keys', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(canonicalJson(reversed(value))).toBe(text);
      }),
    );
  });

  it('sorts keys that look like numbers as any other, and leaves out what is undefined', () => {
    expect(canonicalJson({ b: 1, '10': 2, '9': [null, true], a: undefined })).toBe(
      '{"10":2,"9":[null,true],"b":1}',
    );
  });
});

describe('the tree of hosts', () => {
  /** As the comment in host-tree.ts says it, without levels. */
  const naiveRoot = (leaves: readonly Buffer[]): Buffer => {
    const [only] = leaves;
    if (leaves.length === 1 && only !== undefined) return only;
    let half = 1;
    while (half * 2 < leaves.length) half *= 2;
    return hash(Buffer.of(1), naiveRoot(leaves.slice(0, half)), naiveRoot(leaves.slice(half)));
  };
  const naiveLeaf = ({ uuid, hostname }: StatedHost): Buffer =>
    hash(Buffer.of(0), Buffer.from(uuid.replaceAll('-', ''), 'hex'), hostname);

  it('has the root that its definition says, in whatever order the hosts come, and however often', () => {
    fc.assert(
      fc.property(hosts, (members) => {
        const leaves = members.map(naiveLeaf).sort((a, b) => Buffer.compare(a, b));
        expect(HostTree.over(members).root).toBe(naiveRoot(leaves).toString('hex'));
        const again = HostTree.over([...members, ...members].reverse());
        expect([again.root, again.count]).toEqual([naiveRoot(leaves).toString('hex'), members.length]);
      }),
    );
  });

  it('shows each host that it is in it, and shows it to no other', () => {
    fc.assert(
      fc.property(hosts, host, (members, stranger) => {
        const tree = HostTree.ofLeaves(HostTree.over(members).leaves);
        expect(tree.proof(stranger)).toBeNull();
        for (const member of members) {
          const proof = HostProof.parse(tree.proof(member));
          expect(isHostProof(tree, member, proof)).toBe(true);
          expect(isHostProof(tree, stranger, proof)).toBe(false);
          expect(isHostProof(tree, { ...member, hostname: `${member.hostname}x` }, proof)).toBe(false);
          expect(isHostProof(tree, { ...member, uuid: stranger.uuid }, proof)).toBe(false);
        }
      }),
    );
  });

  it('takes no proof that was shortened, lengthened, turned or edited', () => {
    fc.assert(
      fc.property(hosts, fc.nat(), fc.nat(), (members, which, where) => {
        fc.pre(members.length > 1);
        const tree = HostTree.over(members);
        const member = members[which % members.length] ?? { uuid: '', hostname: '' };
        const proof = tree.proof(member) ?? [];
        const at = where % proof.length;
        const step = proof[at] ?? '';
        const turned = step.startsWith('l') ? `r${step.slice(1)}` : `l${step.slice(1)}`;
        const edited = `${step.slice(0, -1)}${step.endsWith('0') ? '1' : '0'}`;
        for (const wrong of [
          proof.slice(1),
          proof.slice(0, -1),
          [...proof, step],
          proof.with(at, turned),
          proof.with(at, edited),
        ]) {
          expect(isHostProof(tree, member, wrong)).toBe(false);
        }
      }),
    );
  });

  it('takes no node for a leaf: a host whose name is two hashes is not in a tree that has them', () => {
    const members = [1, 2].map((n) => ({
      uuid: `00000000-0000-4000-8000-00000000000${n}`,
      hostname: `h${n}`,
    }));
    const tree = HostTree.over(members);
    expect(
      isHostProof({ root: tree.root, count: 2 }, { uuid: members[0]?.uuid ?? '', hostname: 'h2' }, []),
    ).toBe(false);
    expect(() => HostTree.over([])).toThrow('needs a host');
  });
});

describe('statements', () => {
  it('are read as they were written, and fit what they were made of', () => {
    fc.assert(
      fc.property(run, scope, (wanted, where) => {
        const statement = readStatement(composeStatement(wanted, where));
        expect(statement).toMatchObject({ kind: wanted.kind, hosts: where.hosts, nonce: where.nonce });
        expect(misfitOf(statement, wanted)).toBeNull();
        expect(misfitOf(statement, { ...wanted, timeoutSeconds: 1 })).toBeNull();
      }),
    );
  });

  it('fit no run that differs in any field, and name it', () => {
    const other = 'f'.repeat(64);
    fc.assert(
      fc.property(run, scope, (wanted, where) => {
        const statement = readStatement(composeStatement({ ...wanted, timeoutSeconds: 60 }, where));
        const same = { ...wanted, timeoutSeconds: 60 };
        const usual = wanted.kind === 'script' ? 'serial' : 'parallel';
        const changes: [string, Partial<StatedRun>][] = [
          ['kind', { kind: wanted.kind === 'script' ? 'shell' : 'script' }],
          ['content_sha256', { contentSha256: other }],
          ['arguments', { arguments: [...(wanted.arguments ?? []), '--force'] }],
          ['stdin_sha256', { stdinSha256: other }],
          ['env_sha256', { env: { ...wanted.env, LD_PRELOAD: '/tmp/x.so' } }],
          ['cwd', { cwd: `${wanted.cwd ?? ''}/..` }],
          ['user', { user: `${wanted.user ?? ''}x` }],
          ['clean_env', { cleanEnv: wanted.cleanEnv !== true }],
          ['lane', { lane: (wanted.lane ?? usual) === 'serial' ? 'parallel' : 'serial' }],
          ['timeout_seconds', { timeoutSeconds: 61 }],
        ];
        for (const [field, change] of changes)
          expect(misfitOf(statement, { ...same, ...change })).toBe(field);
        const less: [string, keyof StatedRun][] = [
          ['arguments', 'arguments'],
          ['stdin_sha256', 'stdinSha256'],
          ['env_sha256', 'env'],
          ['cwd', 'cwd'],
          ['user', 'user'],
        ];
        for (const [field, key] of less) {
          if (wanted[key] !== undefined)
            expect(misfitOf(statement, { ...same, [key]: undefined })).toBe(field);
        }
      }),
    );
  });

  it('take nothing for what is empty, and the usual for what is not said', () => {
    const bare: StatedRun = { kind: 'command', contentSha256: 'a'.repeat(64), timeoutSeconds: 5 };
    const empty = createHash('sha256').digest('hex');
    const spelled = {
      ...bare,
      arguments: [],
      env: {},
      stdinSha256: empty,
      cleanEnv: false,
      lane: 'parallel' as const,
    };
    const where = {
      hosts: { root: 'b'.repeat(64), count: 1 },
      notBefore: 0,
      expires: 1,
      nonce: '0'.repeat(32),
    };
    expect(composeStatement(spelled, where)).toBe(composeStatement(bare, where));
  });

  it('are refused in any other spelling', () => {
    const where = {
      hosts: { root: 'b'.repeat(64), count: 1 },
      notBefore: 0,
      expires: 9,
      nonce: '0'.repeat(32),
    };
    const text = composeStatement({ kind: 'shell', contentSha256: 'a'.repeat(64), timeoutSeconds: 5 }, where);
    expect(readStatement(text).kind).toBe('shell');
    const wrong = [
      '',
      '{}',
      'null',
      ` ${text}`,
      text.replace('"v":1', '"v":2'),
      text.replace('"v":1', '"v":1,"v":1'),
      text.replace('{"content', '{"extra":1,"content'),
      text.replace('"expires":9', '"expires":0'),
      text.replace('"expires":9', `"expires":${MAX_VALIDITY_MS + 1}`),
      text.replace('"shell"', '"instance"'),
      text.replace('"count":1', '"count":0'),
      text.replace('"kind"', '"k\\u0069nd"'),
      text.replace('"timeout_seconds":5', '"timeout_seconds":5.0'),
    ];
    for (const one of wrong) expect(() => readStatement(one)).toThrow(UnreadableStatement);
  });

  it('begin and end by the clock that is asked, with a minute for those that are behind', () => {
    const times = { not_before: 1_000_000, expires: 2_000_000 };
    expect(timeOf(times, 1_000_000 - CLOCK_TOLERANCE_MS - 1)).toBe('early');
    expect(timeOf(times, 1_000_000 - CLOCK_TOLERANCE_MS)).toBe('good');
    expect(timeOf(times, 1_999_999)).toBe('good');
    expect(timeOf(times, 2_000_000)).toBe('expired');
  });
});

describe('signatures of people', () => {
  it('hold for the text and the key that they were made with, and for nothing else', () => {
    const [mine, other] = [pair(), pair()];
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.nat(), fc.nat({ max: 7 }), (text, at, bit) => {
        const signature = signStatement(text, mine.privateKey);
        expect(isSignatureOf(text, signature, mine.publicKey)).toBe(true);
        expect(isSignatureOf(`${text} `, signature, mine.publicKey)).toBe(false);
        expect(isSignatureOf(text, signature, other.publicKey)).toBe(false);
        expect(
          isSignatureOf(text, { ...signature, key: publicKeyId(other.publicKey) }, other.publicKey),
        ).toBe(false);
        const bytes = Buffer.from(signature.signature, 'base64url');
        bytes[at % 64] = (bytes[at % 64] ?? 0) ^ (1 << bit);
        const edited = { ...signature, signature: bytes.toString('base64url') };
        expect(isSignatureOf(text, edited, mine.publicKey)).toBe(false);
      }),
      { numRuns: 50 },
    );
  });

  it('are of Ed25519 keys alone', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    expect(() => signStatement('text', privateKey)).toThrow('Ed25519');
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).reverse();
  return Object.fromEntries(entries.map(([key, item]) => [key, reversed(item)]));
}
