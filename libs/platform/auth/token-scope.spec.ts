import { type Act, ACT_NAMES, type Role } from './access.js';
import { type Caller, may, maySomewhere, teamsWhere } from './caller.js';
import { agentLabel, labelWithin, type TokenLimits } from './token-scope.js';

function limited(limits: Partial<TokenLimits>, globalRole: Role | null = 'admin'): Caller {
  return {
    userId: 1,
    email: 'somebody@example.com',
    globalRole,
    teamRoles: new Map(
      globalRole === null
        ? [
            [7, 'maintainer'],
            [8, 'observer'],
          ]
        : [],
    ),
    rights: null,
    scope: { teams: null, labels: null, commands: null, ...limits, token: 'ci' },
    sessionId: null,
    apiTokenId: 1,
    mustResetPassword: false,
    address: '127.0.0.1',
  };
}

const admitted = (caller: Caller): Act[] => ACT_NAMES.filter((act) => maySomewhere(caller, act));

describe('a token that is limited to teams', () => {
  const caller = limited({ teams: [7] });

  it('reaches what belongs to them, and nothing else', () => {
    expect(may(caller, 'script:execute', 7)).toBe(true);
    expect(may(caller, 'script:execute', 8)).toBe(false);
    expect(may(caller, 'script:execute', null)).toBe(false);
    expect(teamsWhere(caller, 'host:list')).toEqual([7]);
    expect(may(caller, 'query:read', null)).toBe(false);
    expect(may(caller, 'session:manage', null)).toBe(false);
    expect(may(caller, 'label:read', null)).toBe(true);
    expect(may(caller, 'self:use', null)).toBe(true);
  });

  it('changes nothing that is everybody’s, and runs no live query', () => {
    for (const act of ['label:write', 'spec:diff', 'live_query:run', 'live_query:run_new'] as const) {
      expect(maySomewhere(caller, act)).toBe(false);
      expect(may(caller, act, 7)).toBe(false);
      expect(teamsWhere(caller, act)).toEqual([]);
    }
  });

  it('has the roles of its owner there, no more', () => {
    const mixed = limited({ teams: [8, 9] }, null);
    expect(teamsWhere(mixed, 'host:list')).toEqual([8]);
    expect(may(mixed, 'script:execute', 7)).toBe(false);
    expect(may(mixed, 'script:execute', 8)).toBe(false);
    expect(maySomewhere(mixed, 'script:execute')).toBe(false);
    expect(may(mixed, 'host:list', 9)).toBe(false);
  });
});

describe('a token that is limited to labels', () => {
  it('is let in only where each host is asked about', () => {
    expect(admitted(limited({ labels: ['group:web'] }))).toEqual([
      'self:use',
      'config:read',
      'script:execute',
      'label:read',
      'execution:read',
      'execution:cancel',
      'command:execute',
      'shell:execute',
      'agent:read',
      'agent:drain',
    ]);
  });

  it('and to teams, keeps both', () => {
    const caller = limited({ labels: ['group:web'], teams: [7] });
    expect(may(caller, 'command:execute', 7)).toBe(true);
    expect(may(caller, 'command:execute', 8)).toBe(false);
    expect(may(caller, 'host:list', 7)).toBe(false);
  });
});

describe('a token that is limited to commands', () => {
  it('is let in where commands are asked about, and where nothing new is run or changed', () => {
    const acts = admitted(limited({ commands: ['uptime'] }));
    expect(acts).toEqual(
      expect.arrayContaining(['command:execute', 'host:list', 'execution:read', 'job:read', 'job:write']),
    );
    for (const act of acts)
      expect(act).not.toMatch(/^(user|session|live_query|audit|pack|policy|query|spec):/);
    for (const act of ['script:write', 'host:delete', 'label:write', 'team:write', 'config:write'])
      expect(acts).not.toContain(act);
  });
});

describe('labels', () => {
  it.each([
    ['group:web', { key: 'group', value: 'web' }],
    ['group:web.dev', { key: 'group', value: 'web.dev' }],
    ['Debian Linux', null],
    ['team: web', null],
    ['a:b:c', null],
    ['', null],
  ])('%j is an agent’s own: %j', (label, expected) => {
    expect(agentLabel(label)).toEqual(expected);
  });

  it.each([
    ['group:web', ['group:web'], true],
    ['group:web.dev', ['group:web'], true],
    ['group:web', ['group:web.dev'], false],
    ['group:website', ['group:web'], false],
    ['Debian Linux', ['Debian Linux'], true],
    ['Debian Linux.x', ['Debian Linux'], false],
    ['group:web', [], false],
  ])('%j lies within %j: %s', (label, limits, expected) => {
    expect(labelWithin(label, limits)).toBe(expected);
  });
});
