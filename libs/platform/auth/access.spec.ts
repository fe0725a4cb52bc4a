import { ACTS, roleAllows, ROLES } from './access.js';

describe('roleAllows', () => {
  it('lets an admin do everything, and nobody without a role anything', () => {
    for (const act of Object.keys(ACTS) as (keyof typeof ACTS)[]) {
      expect(roleAllows('admin', act)).toBe(true);
      expect(roleAllows(null, act)).toBe(false);
    }
  });

  it.each([
    ['script:run', ['admin', 'maintainer']],
    ['script_result:read', ['admin', 'maintainer', 'observer', 'observer_plus']],
    ['host:identify', ['admin', 'maintainer', 'observer', 'observer_plus', 'gitops']],
    ['session:manage', ['admin']],
  ] as const)('%s is for %j', (act, roles) => {
    expect(ROLES.filter((role) => roleAllows(role, act))).toEqual(roles);
  });
});
