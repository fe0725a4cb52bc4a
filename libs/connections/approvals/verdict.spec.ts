import fc from 'fast-check';
import { isMet, type Requirement, verdictOf, type Vote } from './verdict.js';

const requirement = (more: Partial<Requirement>): Requirement => ({
  source: 'policy x',
  reviewers: ['a'],
  min_approvals: 1,
  force: [],
  ...more,
});
const approval = (...groups: string[]): Vote => ({ approves: true, groups });
const rejection = (...groups: string[]): Vote => ({ approves: false, groups });

describe('isMet', () => {
  it.each<[string, Partial<Requirement>, Vote[], boolean]>([
    ['nobody', {}, [], false],
    ['one of one', {}, [approval('a')], true],
    ['a stranger', {}, [approval('b')], false],
    ['nobody by a rejection', {}, [rejection('a')], false],
    ['two of the same group', { min_approvals: 2 }, [approval('a'), approval('a')], true],
    ['one where two have to', { min_approvals: 2 }, [approval('a')], false],
    [
      'two people, one for each group',
      { reviewers: ['a', 'b'], min_approvals: 2 },
      [approval('a'), approval('b')],
      true,
    ],
    [
      'two people of one of two groups',
      { reviewers: ['a', 'b'], min_approvals: 2 },
      [approval('a'), approval('a')],
      false,
    ],
    [
      'one person who is of both groups',
      { reviewers: ['a', 'b'], min_approvals: 2 },
      [approval('a', 'b')],
      false,
    ],
    [
      'two people who are of both groups',
      { reviewers: ['a', 'b'], min_approvals: 2 },
      [approval('a', 'b'), approval('a', 'b')],
      true,
    ],
    [
      'one who has to step back for another',
      { reviewers: ['a', 'b'], min_approvals: 2 },
      [approval('a', 'b'), approval('a')],
      true,
    ],
    [
      'two of three groups',
      { reviewers: ['a', 'b', 'c'], min_approvals: 2 },
      [approval('a'), approval('c')],
      true,
    ],
    ['one whose word is enough', { min_approvals: 3, force: ['a'] }, [approval('a')], true],
    ['a rejection of one whose word is enough', { force: ['a'] }, [rejection('a')], false],
  ])('%s', (_, given, votes, met) => {
    expect(isMet(requirement(given), votes)).toBe(met);
  });

  it('is what trying all ways to give the reviewers people of their own says', () => {
    const groups = ['a', 'b', 'c', 'd'];
    const votes = fc.array(
      fc.record({ approves: fc.boolean(), groups: fc.subarray(groups, { minLength: 1 }) }),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(
        votes,
        fc.subarray(groups, { minLength: 1 }),
        fc.integer({ min: 1, max: 5 }),
        (given, reviewers, min) => {
          const people = given.filter((v) => v.approves && v.groups.some((g) => reviewers.includes(g)));
          const most = (left: string[], free: Vote[]): number => {
            const [first, ...rest] = left;
            if (first === undefined) return 0;
            const ways = free
              .filter((vote) => vote.groups.includes(first))
              .map(
                (vote) =>
                  1 +
                  most(
                    rest,
                    free.filter((other) => other !== vote),
                  ),
              );
            return Math.max(most(rest, free), ...ways);
          };
          const expected = people.length >= min && most(reviewers, people) >= Math.min(min, reviewers.length);
          expect(isMet(requirement({ reviewers, min_approvals: min }), given)).toBe(expected);
        },
      ),
    );
  });
});

describe('verdictOf', () => {
  const two = [requirement({}), requirement({ reviewers: ['b'] })];

  it('waits until every requirement is met', () => {
    expect(verdictOf(two, [approval('a')])).toBe('PENDING');
    expect(verdictOf(two, [approval('a'), approval('b')])).toBe('APPROVED');
    // One person may be what two requirements ask for.
    expect(verdictOf(two, [approval('a', 'b')])).toBe('APPROVED');
  });

  it('is rejected by one word', () => {
    expect(verdictOf(two, [approval('a'), approval('b'), rejection('b')])).toBe('REJECTED');
  });
});
