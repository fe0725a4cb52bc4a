import { mayHold, type PolicyCondition, type PolicySubject } from './policy-conditions.js';

const subject = (more: Partial<PolicySubject>): PolicySubject => ({
  kind: 'shell',
  hostIds: [1, 2, 3],
  hostCount: 3,
  ...more,
});

it.each<[PolicyCondition, Partial<PolicySubject>, boolean]>([
  [{ kinds: ['shell'] }, {}, true],
  [{ kinds: ['script', 'command'] }, {}, false],
  [{ more_than_hosts: 2 }, {}, true],
  [{ more_than_hosts: 3 }, {}, false],
  // Of many hosts that it may move to it runs on one.
  [{ more_than_hosts: 1 }, { hostCount: 1 }, false],
  [{ run_as_root: true }, {}, true],
  [{ run_as_root: true }, { user: 'root' }, true],
  [{ run_as_root: true }, { user: '0' }, true],
  [{ run_as_root: true }, { user: 'www-data' }, false],
  [{ run_as_root: false }, { user: 'www-data' }, true],
  [{ run_as_root: false }, {}, false],
  [{ kinds: ['shell'], run_as_root: true, more_than_hosts: 2 }, {}, true],
  [{ kinds: ['shell'], run_as_root: true, more_than_hosts: 9 }, {}, false],
  // Labels are asked about apart.
  [{ labels: ['env:prod'] }, {}, true],
])('%j of %j: %s', (condition, more, expected) => {
  expect(mayHold(condition, subject(more))).toBe(expected);
});
