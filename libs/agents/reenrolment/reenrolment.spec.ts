import { generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { enrolmentText, rawPublicKey } from '#libs/protocol/index';
import { EnrolmentChallenges } from './enrolment-challenges.js';
import { judgeReenrolment, type KnownHost } from './reenrolment.js';

const { privateKey } = generateKeyPairSync('ed25519');
const agentKey = rawPublicKey(privateKey)!;
const NOW = 1_800_000_000_000;
const challenges = new EnrolmentChallenges();
const rules = { challenges, serverKeys: ['0123456789abcdef'], afterHours: 10, now: NOW };
const machine = { hardware_uuid: '11111111-2222-4333-8444-555555555555', instance: 'x' };
const host: KnownHost = {
  id: 7,
  uuid: 'u',
  hostname: 'web-1',
  nodeKeyHash: Buffer.alloc(32, 1),
  agentKey,
  online: true,
  heard: true,
  awaySeconds: 0,
  allowed: false,
};
const key = { agent_key: agentKey.toString('base64') };

function proof(challenge: string) {
  const claim = { challenge, server_key: '0123456789abcdef', ...machine };
  const signature = sign(null, enrolmentText(claim), privateKey).toString('base64url');
  return { challenge, server_key: claim.server_key, signature };
}

describe('a machine that enrolls again', () => {
  it('with the key is the host, whatever else is so', () => {
    const good = proof(challenges.issue(host, NOW));
    fc.assert(
      fc.property(fc.boolean(), fc.boolean(), fc.nat(), (online, allowed, awaySeconds) => {
        const now = { ...host, online, allowed, awaySeconds };
        expect(judgeReenrolment(now, { ...machine, ...key, proof: good }, rules)).toEqual({
          kind: 'take',
          grounds: 'key',
        });
        expect(judgeReenrolment(now, { ...machine, ...key }, rules)).toEqual({ kind: 'challenge' });
      }),
    );
  });

  it.each<[string, Partial<KnownHost>, object]>([
    ['of an online host', { awaySeconds: 1e9 }, { kind: 'refuse' }],
    [
      'of one that is away for less than it has to be',
      { online: false, awaySeconds: 35_999 },
      { kind: 'refuse' },
    ],
    [
      'of one that is away for long',
      { online: false, awaySeconds: 36_000 },
      { kind: 'take', grounds: 'away' },
    ],
    ['of an online host, with leave', { allowed: true }, { kind: 'take', grounds: 'allowed' }],
    ['of a host that has no key, and was heard', { agentKey: null }, { kind: 'refuse' }],
    [
      'of a host that was never heard',
      { agentKey: null, heard: false },
      { kind: 'take', grounds: 'unheard' },
    ],
    ['of a host with a key that was never heard', { heard: false }, { kind: 'refuse' }],
  ])('without the key, %s', (_, state, verdict) => {
    for (const more of [{}, { agent_key: Buffer.alloc(32).toString('base64') }])
      expect(judgeReenrolment({ ...host, ...state }, { ...machine, ...more }, rules)).toMatchObject(verdict);
  });

  it('may at once when nothing has to be waited for, but not while the host is online', () => {
    const lax = { ...rules, afterHours: 0 };
    expect(judgeReenrolment(host, machine, lax)).toMatchObject({ kind: 'refuse' });
    expect(judgeReenrolment({ ...host, online: false }, machine, lax)).toMatchObject({ kind: 'take' });
  });

  it('with a signature of something else does not have the key', () => {
    const good = proof(challenges.issue(host, NOW));
    const wrong = [
      { proof: { ...good, server_key: 'fedcba9876543210' } },
      { proof: { ...good, signature: Buffer.alloc(64).toString('base64url') } },
      { proof: good, hardware_uuid: '11111111-2222-4333-8444-555555555556' },
      { proof: good, instance: 'y' },
    ];
    for (const more of wrong)
      expect(judgeReenrolment(host, { ...machine, ...key, ...more }, rules)).toMatchObject({
        kind: 'refuse',
      });
  });
});

describe('a challenge', () => {
  it('is good for a minute, for the host as it is, and for who made it', () => {
    const issued = challenges.issue(host, NOW);
    expect(challenges.isGood(issued, host, NOW + 60_000)).toBe(true);
    expect(challenges.isGood(issued, host, NOW + 60_001)).toBe(false);
    expect(challenges.isGood(issued, { ...host, id: 8 }, NOW)).toBe(false);
    expect(challenges.isGood(issued, { ...host, nodeKeyHash: Buffer.alloc(32, 2) }, NOW)).toBe(false);
    expect(new EnrolmentChallenges().isGood(issued, host, NOW)).toBe(false);
  });

  it('is good as it is, and no other way', () => {
    const issued = challenges.issue(host, NOW);
    const later = `${NOW + 1e9}${issued.slice(issued.indexOf('.'))}`;
    for (const text of ['', '.', 'NaN.', later, issued.slice(0, -1), `x${issued}`])
      expect(challenges.isGood(text, host, NOW)).toBe(false);
    fc.assert(fc.property(fc.string(), (text) => !challenges.isGood(text, host, NOW)));
  });
});
