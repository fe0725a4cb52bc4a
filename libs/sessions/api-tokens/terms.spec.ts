import { type Act, type Caller, type Role } from '#libs/platform/auth/index';
import { type DomainError } from '#libs/platform/errors/index';
import { expiryOf, rightsOf } from './terms.js';

function caller(globalRole: Role | null, rights: Act[] | null = null): Caller {
  return {
    userId: 1,
    email: 'somebody@example.com',
    globalRole,
    teamRoles: new Map(globalRole === null ? [[7, 'maintainer']] : []),
    rights: rights && new Set(rights),
    scope: null,
    sessionId: null,
    apiTokenId: null,
    mustResetPassword: false,
    address: '127.0.0.1',
  };
}

const refusal = (work: () => unknown): string => {
  try {
    return `gave ${JSON.stringify(work())}`;
  } catch (error) {
    const { code, problems } = error as DomainError;
    return `${code} ${problems[0]?.name}`;
  }
};

describe('rightsOf', () => {
  it('is what the caller has when nothing is said', () => {
    expect(rightsOf(caller('admin'), undefined)).toBeNull();
    expect(rightsOf(caller('admin', ['script:read']), null)).toEqual(['script:read']);
  });

  it('is what is named, each once', () => {
    expect(rightsOf(caller('admin'), ['script:read', 'host:list', 'script:read'])).toEqual([
      'host:list',
      'script:read',
    ]);
    expect(rightsOf(caller('admin'), [])).toEqual([]);
    expect(rightsOf(caller(null), ['script:execute'])).toEqual(['script:execute']);
  });

  it('is never more than the caller has, by its roles and by its own token', () => {
    expect(refusal(() => rightsOf(caller('observer'), ['script:execute']))).toBe('forbidden rights');
    expect(refusal(() => rightsOf(caller('admin', ['script:read']), ['script:execute']))).toBe(
      'forbidden rights',
    );
    expect(refusal(() => rightsOf(caller('admin'), ['script:read', 'scripts']))).toBe('invalid rights');
  });
});

describe('expiryOf', () => {
  const now = new Date('2030-01-01T00:00:00Z');
  const limit = new Date('2030-01-01T01:00:00Z');

  it('is counted from now, or a time, or the end of the token that asks', () => {
    expect(expiryOf({ expires_in: 60 }, null, now)).toEqual(new Date('2030-01-01T00:01:00Z'));
    expect(expiryOf({ expires_at: '2030-01-02T00:00:00+01:00' }, null, now)).toEqual(
      new Date('2030-01-01T23:00:00Z'),
    );
    expect(expiryOf({}, null, now)).toBeNull();
    expect(expiryOf({ expires_in: null, expires_at: null }, limit, now)).toEqual(limit);
    expect(expiryOf({ expires_in: 3600 }, limit, now)).toEqual(limit);
  });

  it.each([
    [{ expires_at: '2029-12-31T23:59:59Z' }, null, 'invalid expires_at'],
    [{ expires_at: '2030-01-01T00:00:00Z' }, null, 'invalid expires_at'],
    [{ expires_at: 'tomorrow' }, null, 'invalid expires_at'],
    [{ expires_at: '2031-01-01T00:00:00Z', expires_in: 60 }, null, 'invalid expires_at'],
    [{ expires_in: 3601 }, limit, 'invalid expires_in'],
    [{ expires_at: '2031-01-01T00:00:00Z' }, limit, 'invalid expires_at'],
  ])('%j is refused', (expiry, end, expected) => {
    expect(refusal(() => expiryOf(expiry, end, now))).toBe(expected);
  });
});
