import { type Role } from '#libs/platform/auth/index';
import { type DomainError } from '#libs/platform/errors/index';
import { checkRoles, roleChanges, type Roles, type RolesAsked } from './roles.js';

const NO_ROLES: Roles = { globalRole: null, teams: [] };

const refusal = (asked: RolesAsked, apiOnly = false): [string, number | undefined] | undefined => {
  try {
    checkRoles(asked, apiOnly);
    return undefined;
  } catch (error) {
    const { code, number } = error as DomainError;
    return [code, number];
  }
};

describe('checkRoles', () => {
  it.each<[RolesAsked, Roles]>([
    [{ global_role: 'admin' }, { globalRole: 'admin', teams: [] }],
    [
      { global_role: 'observer', teams: [] },
      { globalRole: 'observer', teams: [] },
    ],
    [
      { global_role: null, teams: [{ id: 3, role: 'maintainer' }] },
      { globalRole: null, teams: [{ id: 3, role: 'maintainer' }] },
    ],
    [
      { global_role: '', teams: [{ id: 3, role: 'admin' }] },
      { globalRole: null, teams: [{ id: 3, role: 'admin' }] },
    ],
  ])('takes %j', (asked, roles) => {
    expect(checkRoles(asked, false)).toEqual(roles);
  });

  it.each<[RolesAsked, number]>([
    [{}, 1],
    [{ global_role: null, teams: null }, 1],
    [{ global_role: '', teams: [] }, 1],
    [{ global_role: 'root' }, 1],
    [{ global_role: 'Admin' }, 1],
    [{ teams: [{ id: 3, role: '' }] }, 1],
    [{ global_role: 'admin', teams: [{ id: 3, role: 'admin' }] }, 1],
    [
      {
        teams: [
          { id: 3, role: 'admin' },
          { id: 3, role: 'observer' },
        ],
      },
      1,
    ],
    [{ global_role: 'gitops' }, 4],
    [{ teams: [{ id: 3, role: 'gitops' }] }, 4],
  ])('refuses %j with number %i', (asked, number) => {
    expect(refusal(asked)).toEqual(['role_refused', number]);
  });

  it('lets programs be gitops', () => {
    expect(refusal({ global_role: 'gitops' }, true)).toBeUndefined();
  });
});

describe('roleChanges', () => {
  const team = (id: number, role: Role): Roles => ({ globalRole: null, teams: [{ id, role }] });
  const global = (role: Role): Roles => ({ globalRole: role, teams: [] });

  it.each<[string, Roles, Roles, string[]]>([
    ['nothing', global('admin'), global('admin'), []],
    ['nothing on the team', team(1, 'admin'), team(1, 'admin'), []],
    ['a first role', NO_ROLES, global('observer'), ['changed_user_global_role observer null']],
    ['another global role', global('admin'), global('observer'), ['changed_user_global_role observer null']],
    [
      'another role on the team',
      team(1, 'admin'),
      team(1, 'observer'),
      ['changed_user_team_role observer 1'],
    ],
    [
      'another team',
      team(1, 'admin'),
      team(2, 'admin'),
      ['changed_user_team_role admin 2', 'deleted_user_team_role admin 1'],
    ],
    [
      'from global to a team',
      global('admin'),
      team(1, 'observer'),
      ['deleted_user_global_role admin null', 'changed_user_team_role observer 1'],
    ],
  ])('tells %s', (_, before, after, expected) => {
    const told = roleChanges(before, after).map(({ act, role, teamId }) => `${act} ${role} ${teamId}`);
    expect(told).toEqual(expected);
  });
});
