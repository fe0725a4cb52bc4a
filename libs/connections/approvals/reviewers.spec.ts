import { type Role } from '#libs/platform/auth/index';
import { keysOfCaller, reviewerProblem, spokenFor } from './reviewers.js';

const keys = (
  email: string,
  globalRole: Role | null,
  teams: [number, Role, string][] = [],
): ReadonlySet<string> =>
  keysOfCaller(
    { email, globalRole, teamRoles: new Map(teams.map(([id, role]) => [id, role])) },
    teams.map(([, , name]) => name),
  );

describe('spokenFor', () => {
  const ann = keys('Ann@Example.com', 'admin');
  const bob = keys('bob@example.com', null, [
    [3, 'admin', 'Web'],
    [4, 'observer', 'DBA'],
  ]);

  it.each<[string, string, number | null, ReadonlySet<string>, boolean]>([
    ['a user by e-mail, whatever its case', 'ann@example.COM', null, ann, true],
    ['another user', 'bob@example.com', null, ann, false],
    ['a global role', 'admin', null, ann, true],
    ['another role', 'maintainer', null, ann, false],
    ['a role on the team that it is about', 'admin', 3, bob, true],
    ['a role on another team', 'admin', 4, bob, false],
    ['a role on a team, where it is about none', 'admin', null, bob, false],
    ['a global role, where it is about a team', 'admin', 4, ann, true],
    ['members of a team, whatever their role', 'dba', null, bob, true],
    ['members of a team that the caller is not in', 'security', null, bob, false],
    ['what looks like a user, where a team was meant', 'team:dba@home', null, keys('dba@home', null), false],
    [
      'a team with the name of a role',
      'team:admin',
      null,
      keys('x@y', null, [[9, 'observer', 'Admin']]),
      true,
    ],
    [
      'a role, where a team has its name',
      'admin',
      null,
      keys('x@y', null, [[9, 'observer', 'admin']]),
      false,
    ],
    ['a user whose address is the name of a team', 'Web', null, keys('web', null), false],
  ])('%s', (_, reviewer, teamId, who, expected) => {
    expect(spokenFor([reviewer], teamId, who)).toEqual(expected ? [reviewer] : []);
  });
});

it.each([
  ['', 'must not be empty'],
  ['  ', 'must not be empty'],
  ['team: ', 'must not be empty'],
  ['role:boss', 'must name a role: one of admin, maintainer, observer, observer_plus, gitops'],
  ['role:admin', null],
  ['security', null],
])('a reviewer %j: %s', (reviewer, problem) => {
  expect(reviewerProblem(reviewer)).toBe(problem);
});
