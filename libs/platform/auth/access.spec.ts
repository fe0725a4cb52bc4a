import { type Act, ACT_NAMES, ACTS, type Role, roleAllows, ROLES, teamRoleAllows } from './access.js';
import { type Caller, may, maySomewhere, require, teamsWhere } from './caller.js';

function caller(
  globalRole: Role | null,
  teamRoles: [number, Role][] = [],
  rights: Act[] | null = null,
): Caller {
  return {
    userId: 1,
    email: 'somebody@example.com',
    globalRole,
    teamRoles: new Map(teamRoles),
    rights: rights && new Set(rights),
    scope: null,
    sessionId: 1,
    apiTokenId: null,
    mustResetPassword: false,
    address: '127.0.0.1',
  };
}

describe('the table of rights', () => {
  it('lets a global admin do everything, and nobody without a role anything', () => {
    for (const act of ACT_NAMES) {
      expect(roleAllows('admin', act)).toBe(true);
      expect(roleAllows(null, act)).toBe(false);
      expect(teamRoleAllows(undefined, act)).toBe(false);
    }
  });

  it.each([
    ['script:execute', ['admin', 'maintainer'], ['admin', 'maintainer']],
    ['script:write', ['admin', 'maintainer', 'gitops'], ['admin', 'maintainer', 'gitops']],
    [
      'script_result:read',
      ['admin', 'maintainer', 'observer', 'observer_plus'],
      ['admin', 'maintainer', 'observer', 'observer_plus'],
    ],
    ['host:identify', ROLES, ROLES],
    ['session:manage', ['admin'], []],
    ['audit:read', ['admin', 'maintainer', 'observer', 'observer_plus'], []],
    ['command:execute', ['admin', 'maintainer'], ['admin', 'maintainer']],
    ['agent:drain', ['admin'], ['admin']],
  ] as const)('%s is for %j, in a team for %j', (act, global, team) => {
    expect(ROLES.filter((role) => roleAllows(role, act))).toEqual(global);
    expect(ROLES.filter((role) => teamRoleAllows(role, act))).toEqual(team);
  });

  it('lets no team role do what its global namesake may not', () => {
    for (const act of ACT_NAMES) {
      for (const role of ACTS[act].team as readonly Role[]) expect(roleAllows(role, act)).toBe(true);
    }
  });
});

describe('callers', () => {
  it('with a team role reach what belongs to their team only', () => {
    const maintainer = caller(null, [[7, 'maintainer']]);
    expect(may(maintainer, 'script:execute', 7)).toBe(true);
    expect(may(maintainer, 'script:execute', 8)).toBe(false);
    expect(may(maintainer, 'script:execute', null)).toBe(false);
    expect(maySomewhere(maintainer, 'script:execute')).toBe(true);
    expect(teamsWhere(maintainer, 'script:execute')).toEqual([7]);
    expect(may(maintainer, 'config:read', null)).toBe(true);
    expect(() => require(maintainer, 'audit:read', 7)).toThrow('forbidden');
  });

  it('with roles on several teams have each where it is', () => {
    const mixed = caller(null, [
      [7, 'observer'],
      [8, 'admin'],
    ]);
    expect(teamsWhere(mixed, 'script:execute')).toEqual([8]);
    expect(teamsWhere(mixed, 'script:read')).toEqual([7, 8]);
  });

  it('with a limited token may do no more than it says, and no more than their owner', () => {
    const limited = caller('maintainer', [], ['script:execute', 'session:manage']);
    expect(may(limited, 'script:execute', null)).toBe(true);
    expect(may(limited, 'script:read', null)).toBe(false);
    expect(may(limited, 'session:manage', null)).toBe(false);
    expect(may(limited, 'self:use', null)).toBe(true);
    expect(teamsWhere(limited, 'script:read')).toEqual([]);
    expect(teamsWhere(limited, 'script:execute')).toBeNull();
  });
});
