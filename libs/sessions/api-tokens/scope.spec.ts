import { type Caller, type TokenLimits } from '#libs/platform/auth/index';
import { type DomainError } from '#libs/platform/errors/index';
import { scopeOf } from './scope.js';

function caller(scope: Partial<TokenLimits> | null = null, globalRole: 'admin' | null = 'admin'): Caller {
  return {
    userId: 1,
    email: 'somebody@example.com',
    globalRole,
    teamRoles: new Map(globalRole === null ? [[7, 'maintainer']] : []),
    rights: null,
    scope: scope && { teams: null, labels: null, commands: null, ...scope, token: 'parent' },
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

describe('scopeOf', () => {
  it('is none when nothing is asked for, and nothing limits who asks', () => {
    expect(scopeOf(caller(), undefined)).toBeNull();
    expect(scopeOf(caller(), {})).toBeNull();
    expect(scopeOf(caller(), { teams: null, labels: null, commands: null })).toBeNull();
  });

  it('is what is asked for, each once', () => {
    expect(scopeOf(caller(), { teams: [7, 7], commands: [] })).toEqual({
      teams: [7],
      labels: null,
      commands: [],
    });
  });

  it('is that of the asking token where nothing is said', () => {
    const own = { teams: [7, 8], labels: ['group:web'], commands: ['uptime'] };
    expect(scopeOf(caller(own), null)).toEqual(own);
    expect(scopeOf(caller(own), { teams: null, labels: ['group:web.dev'] })).toEqual({
      ...own,
      labels: ['group:web.dev'],
    });
    expect(scopeOf(caller(own), { teams: [8], commands: [] })).toEqual({ ...own, teams: [8], commands: [] });
  });

  it.each([
    [{ teams: [7] }, { teams: [8] }, 'forbidden scope.teams'],
    [{ teams: [7] }, { teams: [7, 8] }, 'forbidden scope.teams'],
    [{ teams: [] }, { teams: [7] }, 'forbidden scope.teams'],
    [{ labels: ['group:web'] }, { labels: ['group:db'] }, 'forbidden scope.labels'],
    [{ labels: ['group:web.dev'] }, { labels: ['group:web'] }, 'forbidden scope.labels'],
    [{ commands: ['ls *'] }, { commands: ['ls **'] }, 'forbidden scope.commands'],
    // As a line for the shell it would be more than its parent may.
    [{ commands: ['ls *'] }, { commands: ['ls x'] }, 'forbidden scope.commands'],
    [null, { commands: ['* x'] }, 'invalid scope.commands'],
  ])('by a token with %j gives no %j', (own, asked, expected) => {
    expect(refusal(() => scopeOf(caller(own), asked))).toBe(expected);
  });

  it('names only teams on which the caller has a role', () => {
    expect(scopeOf(caller(null, null), { teams: [7] })?.teams).toEqual([7]);
    expect(refusal(() => scopeOf(caller(null, null), { teams: [8] }))).toBe('forbidden scope.teams');
  });
});
